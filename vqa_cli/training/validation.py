"""Scoring the model on val while it trains: the metric on strings, and the loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor, nn

from vqa_cli.data.example import AnswerKind
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.errors import ModelError
from vqa_cli.evaluation.calibration import fit_confidence
from vqa_cli.evaluation.metrics import score
from vqa_cli.model_folder import Confidence
from vqa_cli.training.batches import Rows, share_of
from vqa_cli.training.objective import SoftTargets, activation_of, question_losses
from vqa_cli.training.split_data import SplitData, prefetched

BATCH = 512
CALIBRATION_QUESTIONS = 10_000
"""Enough for one number, and its logits fit in memory with any answer vocabulary."""


@dataclass(frozen=True)
class Scored:
    """The mean score in [0, 1], and the mean loss of the questions with a target."""

    accuracy: float
    loss: float


class Validation:
    """The val split, ready to be scored again and again."""

    def __init__(
        self,
        data: SplitData,
        answers: Sequence[Sequence[str]],
        kinds: Sequence[AnswerKind],
        targets: SoftTargets,
        vocabulary: AnswerVocabulary,
        objective: str,
    ) -> None:
        self.data, self.targets, self.objective = data, targets, objective
        self._answers, self._kinds, self._vocabulary = answers, kinds, vocabulary
        self._scores: dict[tuple[int, int], float] = {}
        self._batch = BATCH

    def score(self, model: nn.Module, accelerator: Accelerator) -> Scored:
        """Score the whole split, shared among the processes; every question counts once."""
        predicted = torch.zeros(len(self.data), dtype=torch.float32, device=accelerator.device)
        loss = torch.zeros(2, dtype=torch.float32, device=accelerator.device)
        has_target = torch.from_numpy(self.targets.has_target())
        share = share_of(
            np.arange(len(self.data)),
            self.data.image,
            accelerator.process_index,
            accelerator.num_processes,
        )
        for rows, logits in self.predict(model, share, accelerator.device):
            predicted[rows] = logits.argmax(-1).to(torch.float32)
            targets = self.targets.dense(rows, logits.shape[1]).to(logits.device)
            loss[0] += question_losses(self.objective, logits, targets).sum()
            loss[1] += has_target[rows].sum()
        predicted = accelerator.reduce(predicted, "sum")  # each row was computed by one process
        loss = accelerator.reduce(loss, "sum")
        accuracy = self._accuracy(predicted.long().cpu().numpy())
        return Scored(accuracy, float(loss[0] / loss[1].clamp(min=1)))

    def predict(
        self, model: nn.Module, rows: Rows, device: torch.device
    ) -> Iterator[tuple[Rows, Tensor]]:
        """Give the rows and their logits (rows, A), batch by batch, an image's rows together.

        Where a batch is too large for the accelerator's memory, this one and all later ones are
        halved. Raises ModelError where not even one question fits.
        """
        model.eval()
        rows, done = rows[np.argsort(self.data.image[rows], kind="stable")], 0
        while done < len(rows):
            left, size = rows[done:], self._batch
            batches = [left[start : start + size] for start in range(0, len(left), size)]
            for batch, inputs in zip(batches, prefetched(self.data.inputs, batches), strict=True):
                try:
                    with torch.inference_mode():
                        logits = model(**{name: t.to(device) for name, t in inputs.items()})
                except torch.OutOfMemoryError:
                    break  # what it holds is free only after this block
                done += len(batch)
                yield batch, logits
            if done < len(rows):
                self._halve()

    def _halve(self) -> None:
        torch.cuda.empty_cache()
        if self._batch == 1:
            raise ModelError(
                "the accelerator's memory does not hold one question of val; train with a smaller "
                "--image-size, or on the CPU: --device cpu"
            )
        self._batch //= 2

    def confidence(self, model: nn.Module, device: torch.device) -> Confidence:
        """Fit how sure to be on at most `CALIBRATION_QUESTIONS` questions spread over val."""
        count = min(len(self.data), CALIBRATION_QUESTIONS)
        chosen = np.linspace(0, len(self.data) - 1, count).astype(np.int64)
        batches = list(self.predict(model, chosen, device))
        logits = torch.cat([logits for _, logits in batches]).float().cpu().numpy()
        rows = np.concatenate([rows for rows, _ in batches])
        best = logits.argmax(axis=1)
        answered = [place for place, row in enumerate(rows) if self._answers[row]]
        worth = [self._score(int(rows[place]), int(best[place])) for place in answered]
        activation = activation_of(self.objective)
        return fit_confidence(logits[answered], worth, activation)

    def _accuracy(self, predicted: NDArray[np.int64]) -> float:
        scored = [i for i, answers in enumerate(self._answers) if answers]
        return sum(self._score(i, int(predicted[i])) for i in scored) / max(1, len(scored))

    def _score(self, row: int, answer: int) -> float:
        key = (row, answer)
        if key not in self._scores:
            text = self._vocabulary.answers[answer]
            self._scores[key] = score(self._answers[row], self._kinds[row], text)
        return self._scores[key]
