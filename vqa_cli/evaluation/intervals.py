"""How sure a number is, and whether one model is better than another.

Questions about one image are not independent: a model that misreads the image is wrong about
several of them. So whole images are resampled, never questions: the cluster bootstrap (Davison &
Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8), with percentile intervals
(Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13).
Shapes: Q questions, C clusters (images), R resamples.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import exp, lgamma, log
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 2_000
SEED = 0
LEVEL = 0.95
_DIGITS = 9  # sums of the same scores in another order differ in the last bits


@dataclass(frozen=True)
class Interval:
    """Where a mean lies, with a probability of `LEVEL`."""

    low: float
    high: float

    def to_json(self) -> list[float]:
        return [self.low, self.high]


@dataclass(frozen=True)
class Comparison:
    """A model beside another one on the same questions.

    baseline: what the other is. accuracy: the other's, in [0, 1]. difference: the model's minus
    the other's; interval: its 95 % interval, clustered by image, None where there is one image.
    better, worse: the number of questions that the model scores higher, lower.
    mcnemar_p: see `mcnemar`; None where scores are not all 0 or 1.
    """

    baseline: str
    accuracy: float
    difference: float
    interval: Interval | None
    better: int
    worse: int
    mcnemar_p: float | None

    def to_json(self) -> dict[str, Any]:
        return {
            "baseline": self.baseline,
            "accuracy": self.accuracy,
            "difference": self.difference,
            "interval": self.interval and self.interval.to_json(),
            "better": self.better,
            "worse": self.worse,
            "mcnemar_p": self.mcnemar_p,
        }


def clustered_interval(values: ArrayLike, clusters: Sequence[Hashable]) -> Interval | None:
    """The interval of the mean of values (Q,), resampled by clusters (Q,); the same every time.

    None where there are fewer than two clusters. Where all values are equal nothing can vary, and
    the interval is that one value: it says nothing about values that were not seen.
    """
    numbers = np.asarray(values, dtype=np.float64)
    place: dict[Hashable, int] = {}
    index = np.array([place.setdefault(c, len(place)) for c in clusters], dtype=np.int64)
    if numbers.ndim != 1 or numbers.shape != index.shape:
        raise ValueError(f"expected two (Q,), got {numbers.shape} and {index.shape}")
    if len(place) < 2:
        return None
    sums: NDArray[np.float64] = np.bincount(index, weights=numbers).astype(np.float64)
    sizes = np.bincount(index).astype(np.float64)
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(_resampled_means(sums.round(_DIGITS), sizes), [tail, 100 - tail])
    return Interval(float(low), float(high))


def _resampled_means(sums: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(R,) means of C clusters drawn with replacement.

    Clusters of the same sum and size are interchangeable, and there are few different ones: how
    often each kind is drawn is one multinomial, much quicker than drawing cluster by cluster.
    """
    kinds, counts = np.unique(np.stack([sums, sizes], axis=1), axis=0, return_counts=True)
    clusters = len(sums)
    drawn = np.random.default_rng(SEED).multinomial(clusters, counts / clusters, size=RESAMPLES)
    totals: NDArray[np.float64] = drawn @ kinds  # (R, 2)
    return totals[:, 0] / totals[:, 1]


def compare(
    name: str,
    scores: Sequence[float],
    baseline_scores: Sequence[float],
    clusters: Sequence[Hashable],
) -> Comparison:
    """Compare scores (Q,) with those of another model for the same questions, question by question.

    name: what the other is. clusters: (Q,), the questions' images. Raises ValueError for no
    questions, or where the numbers of questions differ.
    """
    ours, theirs = np.asarray(scores, np.float64), np.asarray(baseline_scores, np.float64)
    if ours.shape != theirs.shape or ours.ndim != 1 or not ours.size:
        raise ValueError(f"expected two (Q,) with Q > 0, got {ours.shape} and {theirs.shape}")
    better, worse = int((ours > theirs).sum()), int((ours < theirs).sum())
    yes_or_no = bool(np.isin(ours, (0, 1)).all() and np.isin(theirs, (0, 1)).all())
    return Comparison(
        baseline=name,
        accuracy=float(theirs.mean()),
        difference=float(ours.mean() - theirs.mean()),
        interval=clustered_interval(ours - theirs, clusters),
        better=better,
        worse=worse,
        mcnemar_p=mcnemar(better, worse) if yes_or_no else None,
    )


def mcnemar(better: int, worse: int) -> float:
    """The two-sided p-value of McNemar's test that two models are right equally often.

    better, worse: the questions that only the one, only the other model answers rightly. The
    exact test by the binomial distribution (McNemar, Psychometrika 1947; Fagerland, Lydersen &
    Laake, BMC Medical Research Methodology 2013), for any number of them. It takes questions as
    independent, which those about one image are not: the clustered interval is the safer guide.
    """
    discordant = better + worse
    tail = sum(
        exp(
            lgamma(discordant + 1)
            - lgamma(k + 1)
            - lgamma(discordant - k + 1)
            - discordant * log(2)
        )
        for k in range(min(better, worse) + 1)
    )
    return min(1.0, 2 * tail)
