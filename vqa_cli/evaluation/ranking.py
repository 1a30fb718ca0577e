"""How well the order of a model's answers, and their probabilities, are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vqa_cli.data.answers import answer_key, official_normalize
from vqa_cli.evaluation.classes import Labels
from vqa_cli.evaluation.metrics import Metric, scorer
from vqa_cli.evaluation.predictions import Record

CUTOFFS = (1, 3, 5, 10)


def top_k_accuracy(
    records: Sequence[Record], deepest: int = CUTOFFS[-1], metric: Metric = "auto"
) -> dict[str, float]:
    """The mean worth of the best among the first k answers, for each k that all records reach.

    records: scored ones. deepest: no k is larger. Empty where there is at most one answer each.
    """
    reached = min(deepest, *(len(record.predicted.answers) for record in records), CUTOFFS[-1])
    cutoffs = [k for k in CUTOFFS if k <= reached]
    if len(cutoffs) < 2:
        return {}
    totals = np.zeros(len(cutoffs))
    for record in records:
        best = _best_so_far(record, cutoffs[-1], metric)
        totals += [best[k - 1] for k in cutoffs]
    return {str(k): float(total / len(records)) for k, total in zip(cutoffs, totals, strict=True)}


def _best_so_far(record: Record, count: int, metric: Metric) -> list[float]:
    """The worth of the best of the first 1, 2, ..., `count` answers."""
    worth = scorer(record.example.answers, record.example.answer_kind, metric)
    best, found = 0.0, []
    for answer, _ in record.predicted.answers[:count]:
        if best < 1:
            best = max(best, worth(answer))
        found.append(best)
    return found


def one_vs_rest_auc(
    records: Sequence[Record], labels: Labels, watched: Sequence[str]
) -> dict[str, Any]:
    """The area under the ROC curve of each watched answer, and their mean; {} if none is defined.

    How probable it is that the answer gets a higher probability where it is right than where it
    is not (ties count half). Not defined for an answer that is right everywhere or nowhere, and
    for one that the model cannot give.

    records: scored ones, whose `predicted.watched` are the probabilities of `watched`.
    """
    if not watched or any(len(r.predicted.watched) != len(watched) for r in records):
        return {}
    from sklearn.metrics import roc_auc_score

    probabilities = np.array([record.predicted.watched for record in records])
    right = _is_right(labels, records, watched)
    areas = {
        answer: float(roc_auc_score(right[:, place], probabilities[:, place]))
        for place, answer in enumerate(watched)
        if 0 < right[:, place].sum() < len(records) and np.ptp(probabilities[:, place]) > 0
    }
    return {"mean": sum(areas.values()) / len(areas), "answers": areas} if areas else {}


def _is_right(
    labels: Labels, records: Sequence[Record], watched: Sequence[str]
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which of the watched answers are right for which question: (questions, watched)."""
    by_key = {answer_key(answer): place for place, answer in enumerate(watched)}
    by_official = {official_normalize(answer): place for place, answer in enumerate(watched)}
    right = np.zeros((len(records), len(watched)), dtype=bool)
    for row, (record, classes) in enumerate(zip(records, labels.accepted, strict=True)):
        places = by_official if record.example.answer_kind == "annotators" else by_key
        for label in classes:
            if label in places:
                right[row, places[label]] = True
    return right
