from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.errors import ModelError
from vqa_cli.training.objective import SoftTargets
from vqa_cli.training.split_data import SplitData
from vqa_cli.training.validation import Validation

QUESTIONS, ANSWERS = 700, 5


class Small(nn.Module):
    """In place of a model on a GPU that holds so many questions at once; answers by the row."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room, self.tried = room, list[int]()

    def forward(self, row: Tensor, **others: Tensor) -> Tensor:
        self.tried.append(len(row))
        if len(row) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return nn.functional.one_hot(row % ANSWERS, ANSWERS).float()


def validation() -> Validation:
    rows = np.arange(QUESTIONS)

    def question(asked: np.ndarray, draw: int | None = None) -> dict[str, Tensor]:
        return {"row": torch.from_numpy(asked)}

    data = SplitData(rows // 3, rows, lambda images, draw: {}, question, ids=list(map(str, rows)))
    vocabulary = AnswerVocabulary.build({str(n): 9 - n for n in range(ANSWERS)})
    targets = SoftTargets(np.arange(QUESTIONS + 1), rows % ANSWERS, np.ones(QUESTIONS, "f4"))
    answers = [[str(row % ANSWERS)] for row in rows]
    return Validation(
        data, answers, ["alternatives"] * QUESTIONS, targets, vocabulary, "cross-entropy"
    )


@pytest.mark.parametrize("room", [10_000, 512, 300, 33, 1])
def test_batches_are_halved_until_they_fit_and_no_question_is_lost(room: int) -> None:
    model, val = Small(room), validation()
    for _ in range(2):
        seen = list(val.predict(model, np.arange(QUESTIONS), torch.device("cpu")))
        assert sorted(np.concatenate([rows for rows, _ in seen])) == list(range(QUESTIONS))
        assert all((logits.argmax(-1).numpy() == rows % ANSWERS).all() for rows, logits in seen)
    too_large = [size for size in model.tried if size > room]
    assert too_large == [512 >> halved for halved in range(len(too_large))]  # each size once


def test_no_room_for_one_question_is_an_error() -> None:
    with pytest.raises(ModelError, match="does not hold one question of val"):
        list(validation().predict(Small(0), np.arange(QUESTIONS), torch.device("cpu")))
