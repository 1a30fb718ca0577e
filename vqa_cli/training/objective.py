"""What is minimised: the cross-entropy between soft targets and the predicted distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vqa_cli.data.answers import target_scores
from vqa_cli.data.example import AnswerKind
from vqa_cli.data.vocabulary import AnswerVocabulary


@dataclass(frozen=True)
class SoftTargets:
    """The targets of Q questions over A answers, sparse: row r has entries starts[r]:starts[r+1].

    A row's shares sum to 1; a question none of whose answers is in the vocabulary has no entries.
    """

    starts: NDArray[np.int64]  # (Q+1,)
    classes: NDArray[np.int64]  # (entries,)
    shares: NDArray[np.float32]  # (entries,)

    def has_target(self) -> NDArray[np.bool_]:
        """(Q,) whether the question can be learned from."""
        return np.diff(self.starts) > 0

    def dense(self, rows: NDArray[np.int64], answers: int) -> Tensor:
        """Return the targets of `rows` as float32 (len(rows), A)."""
        counts = np.diff(self.starts)[rows]
        first = np.repeat(self.starts[rows] - np.cumsum(counts) + counts, counts)
        entries = first + np.arange(counts.sum())
        targets = np.zeros((len(rows), answers), dtype=np.float32)
        targets[np.repeat(np.arange(len(rows)), counts), self.classes[entries]] = self.shares[
            entries
        ]
        return torch.from_numpy(targets)

    def best(self) -> NDArray[np.int64]:
        """(Q,) the class with the largest share, -1 where there is none."""
        best = np.full(len(self.starts) - 1, -1, dtype=np.int64)
        for row in np.flatnonzero(self.has_target()):
            entries = slice(self.starts[row], self.starts[row + 1])
            best[row] = self.classes[entries][np.argmax(self.shares[entries])]
        return best


def soft_targets(
    answers: Sequence[Sequence[str]], kinds: Sequence[AnswerKind], vocabulary: AnswerVocabulary
) -> SoftTargets:
    """Score every answer of every question and make the scores of a question sum to 1."""
    starts: list[int] = [0]
    classes: list[int] = []
    shares: list[float] = []
    for given, kind in zip(answers, kinds, strict=True):
        scores: dict[int, float] = {}
        for answer, score in target_scores(given, kind).items():
            index = vocabulary.index(answer)
            if index is not None:
                scores[index] = max(scores.get(index, 0.0), score)
        total = sum(scores.values())
        classes += scores.keys()
        shares += [score / total for score in scores.values()]
        starts.append(len(classes))
    return SoftTargets(
        np.array(starts, dtype=np.int64),
        np.array(classes, dtype=np.int64),
        np.array(shares, dtype=np.float32),
    )


def cross_entropy_sum(logits: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Logits (Q,A) and targets (Q,A) whose rows sum to 1 -> the summed loss of the Q questions.

    A sum, not a mean: the caller divides by the number of questions over all processes, so that
    neither the number of processes nor a short last batch changes what a question weighs.
    """
    return F.cross_entropy(logits, targets, reduction="sum", label_smoothing=label_smoothing)
