"""How far confidences can be trusted: calibration error, reliability, risk and coverage.

Shapes: Q questions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 15
CURVE_POINTS = 100

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Bin:
    """The questions whose confidence lies in [low, high); the last bin holds 1 as well."""

    low: float
    high: float
    questions: int
    mean_confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """How much the confidences mean, over the scored questions; all shares in [0, 1].

    expected_error: the mean over questions of the distance between confidence and score within
        the question's bin. bins: those that hold questions, from unsure to sure.
    risk_coverage: (coverage, risk), at most `CURVE_POINTS` of them: answering only the share
        `coverage` that is most confident, the share `risk` of it is wrong.
    risk_coverage_area: the mean risk over all coverages; smaller is better.
    """

    expected_error: float
    mean_confidence: float
    bins: tuple[Bin, ...]
    risk_coverage: tuple[tuple[float, float], ...]
    risk_coverage_area: float

    @classmethod
    def of(cls, confidences: ArrayLike, scores: ArrayLike) -> Self:
        """Compare confidences (Q,) in [0, 1] with scores (Q,) in [0, 1], Q > 0."""
        risks = selective_risks(confidences, scores)
        count = len(risks)
        last = np.unique(np.linspace(1, count, min(count, CURVE_POINTS)).round().astype(np.int64))
        return cls(
            expected_error=expected_calibration_error(confidences, scores),
            mean_confidence=float(np.mean(np.asarray(confidences, dtype=np.float64))),
            bins=reliability_bins(confidences, scores),
            risk_coverage=tuple((int(k) / count, float(risks[k - 1])) for k in last),
            risk_coverage_area=float(risks.mean()),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "expected_calibration_error": self.expected_error,
            "mean_confidence": self.mean_confidence,
            "risk_coverage_area": self.risk_coverage_area,
            "bins": [vars(reliability_bin) for reliability_bin in self.bins],
            "risk_coverage": [list(point) for point in self.risk_coverage],
        }


def reliability_bins(
    confidences: ArrayLike, scores: ArrayLike, *, bins: int = BINS
) -> tuple[Bin, ...]:
    """Sort questions into `bins` of equal width by their confidence; empty ones are left out.

    confidences, scores: (Q,) in [0, 1]. After Guo et al., "On Calibration of Modern Neural
    Networks", ICML 2017. Raises ValueError where there are no questions.
    """
    sure, right = _pair(confidences, scores)
    index = np.minimum((sure * bins).astype(np.int64), bins - 1)
    counts = np.bincount(index, minlength=bins)
    sums = [np.bincount(index, weights=values, minlength=bins) for values in (sure, right)]
    return tuple(
        Bin(
            low=place / bins,
            high=(place + 1) / bins,
            questions=int(counts[place]),
            mean_confidence=float(sums[0][place] / counts[place]),
            accuracy=float(sums[1][place] / counts[place]),
        )
        for place in np.flatnonzero(counts).tolist()
    )


def expected_calibration_error(
    confidences: ArrayLike, scores: ArrayLike, *, bins: int = BINS
) -> float:
    """How far confidence and accuracy lie apart, in [0, 1]: 0 is perfectly calibrated.

    The mean over questions of the distance between mean confidence and mean score within the
    question's bin (Guo et al. 2017). Raises ValueError where there are no questions.
    """
    found = reliability_bins(confidences, scores, bins=bins)
    gaps = [b.questions * abs(b.mean_confidence - b.accuracy) for b in found]
    return min(1.0, sum(gaps) / sum(b.questions for b in found))


def selective_risks(confidences: ArrayLike, scores: ArrayLike) -> Floats:
    """(Q,): entry k is the mean of 1 - score over the k + 1 most confident questions.

    The risk-coverage curve of selective prediction (El-Yaniv & Wiener, JMLR 2010; for VQA:
    Whitehead et al., "Reliable Visual Question Answering", ECCV 2022). No threshold can tell
    questions of equal confidence apart: each of them counts with their mean.
    """
    sure, right = _pair(confidences, scores)
    _, group = np.unique(-sure, return_inverse=True)
    mean_of_group = np.bincount(group, weights=1 - right) / np.bincount(group)
    losses: Floats = mean_of_group[np.sort(group)]
    # A sum of many shares can leave [0, 1] by a rounding error.
    return np.clip(np.cumsum(losses) / np.arange(1, len(losses) + 1), 0, 1)


def _pair(confidences: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats]:
    sure = np.asarray(confidences, dtype=np.float64)
    right = np.asarray(scores, dtype=np.float64)
    if sure.ndim != 1 or sure.shape != right.shape or not sure.size:
        raise ValueError(f"expected two (Q,) with Q > 0, got {sure.shape} and {right.shape}")
    return sure, right
