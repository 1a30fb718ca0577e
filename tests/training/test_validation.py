from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
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


def validation(count: int = QUESTIONS) -> Validation:
    rows = np.arange(count)

    def question(asked: np.ndarray, draw: int | None = None) -> dict[str, Tensor]:
        return {"row": torch.from_numpy(asked)}

    data = SplitData(rows // 3, rows, lambda images, draw: {}, question, ids=list(map(str, rows)))
    vocabulary = AnswerVocabulary.build({str(n): 9 - n for n in range(ANSWERS)})
    targets = SoftTargets(np.arange(count + 1), rows % ANSWERS, np.ones(count, "f4"))
    answers = [[str(row % ANSWERS)] for row in rows]
    return Validation(data, answers, ["alternatives"] * count, targets, vocabulary, "cross-entropy")


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


@given(st.integers(1, 60), st.integers(1, 7))
def test_processes_score_every_question_once(count: int, processes: int) -> None:
    """Each process's part, before they are summed: a row that two of them had would count twice."""
    parts: list[list[Tensor]] = []
    for rank in range(processes):
        own: list[Tensor] = []

        def summed(values: Tensor, how: str, own: list[Tensor] = own) -> Tensor:
            own.append(values)
            return values

        process = SimpleNamespace(
            process_index=rank,
            num_processes=processes,
            device=torch.device("cpu"),
            reduce=summed,
        )
        validation(count).score(Small(512), process)  # type: ignore[arg-type]
        parts.append(own)
    predicted = torch.stack([own[0] for own in parts]).sum(0)
    assert predicted.tolist() == [row % ANSWERS for row in range(count)]
    assert float(sum(own[1][1] for own in parts)) == count
