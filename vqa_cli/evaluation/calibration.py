"""Confidence that means something: temperature scaling below a ceiling.

The temperature is that of Guo et al., "On Calibration of Modern Neural Networks", ICML 2017. The
ceiling is the lapse rate of psychometric functions (Wichmann and Hill 2001), from 1 down: some
questions go wrong however clear they look, because annotators err or differ, and no temperature
says so. Fitted is what is shown: the confidence in the best answer, to what that answer scores.
So a question whose answer the vocabulary lacks counts as the failure that it is, and where
annotators differ the confidence is the score to be expected.

Shapes: Q questions, A answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vqa_cli.errors import ModelError
from vqa_cli.model_folder import Confidence

LOWEST, HIGHEST = 0.05, 20.0
"""The temperatures that are searched between."""

PRECISION = 1e-3
"""Relative width of the bracket at which the search ends, far below what any val set can tell."""

CHUNK = 1 << 20
"""Logits that are worked on at once: a vocabulary of thousands would fill the memory else."""

_STEPS = 16
_GOLDEN = (5**0.5 - 1) / 2

Confidences = Callable[[float], NDArray[np.float64]]
"""The confidence (Q,) in the best answer of each question, at a temperature."""


def fit_confidence(logits: ArrayLike, worth: ArrayLike, activation: str) -> Confidence:
    """The temperature and the ceiling at which the best answer's confidence fits what it scores.

    logits: (Q, A), finite. worth: (Q,), what each question's best answer scores, in [0, 1].
    activation: see `Confidence`.

    Minimised is the binary cross-entropy between worth and confidence: over log T between `LOWEST`
    and `HIGHEST` on a grid, then by golden-section search around its best point, each time with
    the best ceiling for that temperature. Two cases have no minimum inside; their ceiling is 1:

    - Nothing to fit on (no questions, scores that are all the same) leaves the temperature at 1.
    - Where every answer is right the confidence could rise for ever as T falls. But N right
      answers of N support a confidence of (N + 1) / (N + 2) (Laplace's rule of succession) and no
      more, so it is the temperature at which that is the mean confidence.

    Raises ModelError for scores that are not finite: the model is damaged, or it diverged.
    """
    scores, earned = np.asarray(logits), np.asarray(worth, dtype=np.float64)
    if scores.ndim != 2 or earned.shape != scores.shape[:1]:
        raise ValueError(f"expected (Q, A) and (Q,), got {scores.shape} and {earned.shape}")
    if not np.isfinite(scores).all():
        raise ModelError(
            "the model's scores are not finite numbers, so no temperature can be fitted: "
            "the training diverged; train again with a smaller --learning-rate"
        )
    if not scores.size or not _differ(scores, activation):
        return Confidence(1.0, activation)
    confidences = _softmax_of(scores) if activation == "softmax" else _sigmoid_of(scores)
    if (earned == 1).all():
        supported = (len(earned) + 1) / (len(earned) + 2)
        return Confidence(_least(lambda t: abs(confidences(t).mean() - supported)), activation)

    def loss(temperature: float) -> float:
        sure = confidences(temperature)
        return _cross_entropy(_best_ceiling(sure, earned) * sure, earned)

    temperature = _least(loss)
    return Confidence(temperature, activation, _best_ceiling(confidences(temperature), earned))


def _best_ceiling(sure: NDArray[np.float64], worth: NDArray[np.float64]) -> float:
    """The ceiling of the least cross-entropy for confidences without one.

    As though one more answer, beyond doubt, had been right: a few questions lower no ceiling. The
    cross-entropy is convex in the ceiling, so its slope is bisected.
    """
    failed = (1 - worth) * sure

    def slope(ceiling: float) -> float:
        return float((failed / (1 - ceiling * sure)).sum()) - (float(worth.sum()) + 1) / ceiling

    low, high = 0.0, 1 - 1e-9
    if slope(high) <= 0:
        return 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return (low + high) / 2


def _differ(scores: NDArray[np.floating], activation: str) -> bool:
    """Whether a temperature can change anything."""
    if activation == "softmax":
        return bool((scores.max(axis=1) > scores.min(axis=1)).any())
    return bool(scores.max(axis=1).any())


def _softmax_of(scores: NDArray[np.floating]) -> Confidences:
    best = scores.max(axis=1, keepdims=True)

    def confidences(temperature: float) -> NDArray[np.float64]:
        # Shifted so that the best answer of each row weighs exp(0) = 1.
        sums = [
            np.exp((scores[rows] - best[rows]) / temperature).sum(axis=1, dtype=np.float64)
            for rows in _chunks(scores)
        ]
        return 1 / np.concatenate(sums)

    return confidences


def _sigmoid_of(scores: NDArray[np.floating]) -> Confidences:
    best = scores.max(axis=1).astype(np.float64)
    return lambda temperature: np.exp(-np.logaddexp(0.0, -best / temperature))


def _chunks(scores: NDArray[np.floating]) -> Iterator[slice]:
    rows = max(1, CHUNK // scores.shape[1])
    for start in range(0, len(scores), rows):
        yield slice(start, start + rows)


def _cross_entropy(confidences: NDArray[np.float64], worth: NDArray[np.float64]) -> float:
    sure = np.clip(confidences, 1e-12, 1 - 1e-12)
    return float(-(worth * np.log(sure) + (1 - worth) * np.log1p(-sure)).mean())


def _least(loss: Callable[[float], float]) -> float:
    """The temperature of the least loss."""
    grid = np.geomspace(LOWEST, HIGHEST, _STEPS)
    losses = [loss(float(temperature)) for temperature in grid]
    place = int(np.argmin(losses))
    low, high = np.log(grid[max(0, place - 1)]), np.log(grid[min(_STEPS - 1, place + 1)])
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = loss(np.exp(left)), loss(np.exp(right))
    while high - low > PRECISION:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = loss(np.exp(left))
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = loss(np.exp(right))
    inside = float(np.exp((low + high) / 2))
    return min((float(grid[place]), inside), key=loss)
