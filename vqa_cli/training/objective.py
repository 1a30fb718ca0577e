"""What is minimised, and which answers a question is taught.

- `cross-entropy`: between the answers' scores, made to sum to 1, and the softmax of the logits;
- `binary`: each answer's own cross-entropy between its score and the sigmoid of its logit, summed
  over the answers, as in Teney et al., "Tips and Tricks for Visual Question Answering", CVPR 2018.
"""

from __future__ import annotations

import math
from array import array
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

    A score is what the answer is worth, in (0, 1]; a question none of whose answers is in the
    vocabulary has no entries.
    """

    starts: NDArray[np.int64]  # (Q+1,)
    classes: NDArray[np.int64]  # (entries,)
    scores: NDArray[np.float32]  # (entries,)

    def has_target(self) -> NDArray[np.bool_]:
        """(Q,) whether the question can be learned from."""
        return np.diff(self.starts) > 0

    def dense(self, rows: NDArray[np.int64], answers: int) -> Tensor:
        """Return the targets of `rows` as float32 (len(rows), A)."""
        counts = np.diff(self.starts)[rows]
        first = np.repeat(self.starts[rows] - np.cumsum(counts) + counts, counts)
        entries = first + np.arange(counts.sum())
        targets = np.zeros((len(rows), answers), dtype=np.float32)
        targets[np.repeat(np.arange(len(rows)), counts), self.classes[entries]] = self.scores[
            entries
        ]
        return torch.from_numpy(targets)


def soft_targets(
    answers: Sequence[Sequence[str]], kinds: Sequence[AnswerKind], vocabulary: AnswerVocabulary
) -> SoftTargets:
    """Score every answer of every question."""
    starts, classes, scores = array("q", [0]), array("q"), array("f")  # a million rows are small
    for given, kind in zip(answers, kinds, strict=True):
        worth: dict[int, float] = {}
        for answer, score in target_scores(given, kind).items():
            index = vocabulary.index(answer)
            if index is not None:
                worth[index] = max(worth.get(index, 0.0), score)
        classes.extend(worth.keys())
        scores.extend(worth.values())
        starts.append(len(classes))
    return SoftTargets(
        np.array(starts, dtype=np.int64),
        np.array(classes, dtype=np.int64),
        np.array(scores, dtype=np.float32),
    )


def question_losses(
    objective: str, logits: Tensor, targets: Tensor, label_smoothing: float = 0.0
) -> Tensor:
    """Logits (Q,A) and scores (Q,A) -> each question's loss (Q,), 0 without a target.

    One a question, not their mean: the caller sums and divides by what all processes and all
    parts of a batch hold together, so that none of these changes what a question weighs.
    """
    total = targets.sum(-1)
    if objective == "binary":
        losses = F.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(-1)
    else:
        shares = targets / total.unsqueeze(-1).clamp(min=torch.finfo(total.dtype).tiny)
        losses = F.cross_entropy(logits, shares, reduction="none", label_smoothing=label_smoothing)
    return losses * (total > 0)


def activation_of(objective: str) -> str:
    """What turns the logits of a model trained so into confidences."""
    return "sigmoid" if objective == "binary" else "softmax"


def first_bias(objective: str, answers: int) -> float:
    """What the head's last bias begins with.

    With `binary` every answer begins as improbable as one of A answers is, so that the first
    steps need not push all of them down (Lin et al., "Focal Loss", ICCV 2017, section 3.3).
    """
    return -math.log(max(1, answers - 1)) if objective == "binary" else 0.0
