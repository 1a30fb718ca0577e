"""Confidence that means something: temperature scaling.

After Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
Shapes: Q questions, A answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vqa_cli.errors import ModelError

LOWEST, HIGHEST = 0.05, 20.0
"""The temperatures that are searched between."""

PRECISION = 1e-4
"""Relative width of the bracket at which the search ends, far below what any val set can tell."""

CHUNK = 1 << 20
"""Logits that are worked on at once: a vocabulary of thousands would fill the memory else."""


def fit_temperature(logits: ArrayLike, targets: ArrayLike) -> float:
    """The temperature T that minimises the negative log-likelihood of `softmax(logits / T)`.

    logits: (Q, A), finite. targets: (Q,), the class of the right answer, negative where it has
    none; such questions are left out.

    The derivative by 1/T is monotone, so bisection of log T between `LOWEST` and `HIGHEST` finds
    the one minimum, and the same one each time. Two cases have no minimum inside:

    - Nothing to fit on (no targets, a single class, scores that are all the same) gives 1.
    - Where every answer is right the likelihood rises for ever as T falls. But N right answers of
      N support a confidence of (N + 1) / (N + 2) (Laplace's rule of succession) and no more, so
      it is the temperature at which that is the mean confidence.

    Raises ModelError for scores that are not finite: the model is damaged, or it diverged.
    """
    scores = np.asarray(logits)
    classes = np.asarray(targets)
    if scores.ndim != 2 or classes.shape != scores.shape[:1]:
        raise ValueError(f"expected (Q, A) and (Q,), got {scores.shape} and {classes.shape}")
    if classes.size and int(classes.max()) >= scores.shape[1]:
        raise ValueError(f"target {int(classes.max())} of {scores.shape[1]} classes")
    _check_finite(scores)
    if scores.shape[1] < 2:
        return 1.0
    best = scores.max(axis=1)
    known = (classes >= 0) & (best > scores.min(axis=1))
    if not known.any():
        return 1.0
    scores, classes, best = scores[known], classes[known], best[known]
    count = len(classes)
    if (scores[np.arange(count), classes] == best).all():
        supported = (count + 1) / (count + 2)
        return _bisect(lambda t: _mean_confidence(scores, t) - supported)
    return _bisect(lambda t: _slope(scores, classes, t))


def fit_sigmoid_temperature(best: ArrayLike, worth: ArrayLike) -> float:
    """The temperature T that minimises the binary cross-entropy of `sigmoid(best / T)`.

    best: (Q,), the logit of each question's best answer, finite. worth: (Q,), what that answer
    scores, in [0, 1].

    As in `fit_temperature` the derivative by 1/T is monotone. Nothing to fit on, or logits that
    are all 0, gives 1. Where every answer is as right as its logit's sign says, the mean
    confidence of the sign is what so many right ones support.

    Raises ModelError for logits that are not finite.
    """
    logits, scores = np.asarray(best, dtype=np.float64), np.asarray(worth, dtype=np.float64)
    if logits.ndim != 1 or logits.shape != scores.shape:
        raise ValueError(f"expected two (Q,), got {logits.shape} and {scores.shape}")
    _check_finite(logits)
    if not logits.any():
        return 1.0
    if (scores == (logits > 0)).all():
        supported = (len(logits) + 1) / (len(logits) + 2)
        return _bisect(lambda t: float(_sigmoid(np.abs(logits) / t).mean()) - supported)
    return _bisect(lambda t: float((logits * (_sigmoid(logits / t) - scores)).sum()))


def _check_finite(logits: NDArray[np.floating]) -> None:
    if not np.isfinite(logits).all():
        raise ModelError(
            "the model's scores are not finite numbers, so no temperature can be fitted: "
            "the training diverged; train again with a smaller --learning-rate"
        )


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(-np.logaddexp(0.0, -logits))


def _bisect(too_cold: Callable[[float], float]) -> float:
    """The temperature where `too_cold` turns from positive to negative, or the nearest bound."""
    low, high = LOWEST, HIGHEST
    if too_cold(low) <= 0:
        return low
    if too_cold(high) >= 0:
        return high
    while high / low > 1 + PRECISION:
        middle = sqrt(low * high)
        if too_cold(middle) > 0:
            low = middle
        else:
            high = middle
    return sqrt(low * high)


def _chunks(scores: NDArray[np.floating]) -> Iterator[slice]:
    rows = max(1, CHUNK // scores.shape[1])
    for start in range(0, len(scores), rows):
        yield slice(start, start + rows)


def _weights(scores: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Shifted so that the best answer of each row weighs exp(0) = 1: (Q, A)."""
    shifted: NDArray[np.float64] = scores - scores.max(axis=1, keepdims=True).astype(np.float64)
    return np.exp(shifted / temperature)


def _slope(scores: NDArray[np.floating], classes: NDArray[np.integer], temperature: float) -> float:
    """The derivative by 1/T of the summed negative log-likelihood: E_softmax[z] - z_target."""
    total = 0.0
    for rows in _chunks(scores):
        chunk = scores[rows]
        weights = _weights(chunk, temperature)
        expected = (weights * chunk).sum(axis=1) / weights.sum(axis=1)
        total += float((expected - chunk[np.arange(len(chunk)), classes[rows]]).sum())
    return total


def _mean_confidence(scores: NDArray[np.floating], temperature: float) -> float:
    total = 0.0
    for rows in _chunks(scores):
        total += float((1 / _weights(scores[rows], temperature).sum(axis=1)).sum())
    return total / len(scores)
