from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from vqa_cli.errors import ModelError
from vqa_cli.evaluation import calibration
from vqa_cli.evaluation.calibration import HIGHEST, LOWEST, fit_confidence
from vqa_cli.evaluation.reliability import expected_calibration_error

Drawn = tuple[NDArray[np.float32], NDArray[np.bool_]]


def drawn(temperature: float, count: int = 8_000, classes: int = 8, seed: int = 0) -> Drawn:
    """Logits, and whether the best one is the answer drawn from softmax(logits / temperature)."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 3, (count, classes))
    noise = generator.gumbel(size=logits.shape)
    right = (logits / temperature + noise).argmax(axis=1) == logits.argmax(axis=1)
    return logits.astype(np.float32), right


def fit_temperature(logits: ArrayLike, worth: ArrayLike, activation: str = "softmax") -> float:
    return fit_confidence(logits, worth, activation).temperature


def confidence(logits: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    shifted = (logits - logits.max(1, keepdims=True)).astype(np.float64)
    shares: NDArray[np.float64] = 1 / np.exp(shifted / temperature).sum(axis=1)
    return shares


def loss(sure: NDArray[np.float64], worth: NDArray[np.generic]) -> float:
    return float(-np.where(worth, np.log(sure), np.log1p(-sure)).mean())


@pytest.mark.parametrize("temperature", [0.25, 1.0, 2.5, 6.0])
def test_finds_the_temperature_that_the_answers_were_drawn_at(temperature: float) -> None:
    assert fit_temperature(*drawn(temperature)) == pytest.approx(temperature, rel=0.07)


@pytest.mark.parametrize("seed", range(5))
def test_no_other_temperature_and_ceiling_fit_better(seed: int) -> None:
    logits, right = drawn(1.5, count=400, classes=4, seed=seed)
    right &= np.random.default_rng(seed).random(400) < 0.8
    fitted = fit_confidence(logits, right, "softmax")

    def total(temperature: float, ceiling: float) -> float:
        return 400 * loss(ceiling * confidence(logits, temperature), right) - np.log(ceiling)

    least = total(fitted.temperature, fitted.ceiling)
    for temperature in np.geomspace(0.4, HIGHEST, 40):
        for ceiling in np.linspace(0.4, 1.0 - 1e-9, 40):
            assert least <= total(temperature, ceiling) + 0.05


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_a_share_of_failures_that_nothing_foretells_is_the_ceiling(activation: str) -> None:
    logits, right = drawn(1.0, count=20_000, seed=3)
    if activation == "sigmoid":
        logits = np.stack([np.full(20_000, -9.0), np.random.default_rng(1).normal(2, 2, 20_000)], 1)
        sure = 1 / (1 + np.exp(-logits.max(axis=1)))
        right = np.random.default_rng(2).random(20_000) < sure
    right = right & (np.random.default_rng(0).random(20_000) < 0.75)
    fitted = fit_confidence(logits, right, activation)
    assert fitted.ceiling == pytest.approx(0.75, abs=0.02)
    assert fitted.temperature == pytest.approx(1.0, rel=0.1)


def test_neither_a_shift_of_the_logits_nor_chunks_change_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logits, right = drawn(2.0, count=500)
    fitted = fit_temperature(logits.astype(np.float64), right)
    shifted = logits + np.linspace(-40, 40, 500)[:, None]
    assert fit_temperature(shifted, right) == pytest.approx(fitted, rel=2e-3)
    monkeypatch.setattr(calibration, "CHUNK", 100)
    assert fit_temperature(logits.astype(np.float64), right) == pytest.approx(fitted, rel=1e-9)


def test_scores_between_0_and_1_are_what_the_confidence_is_fitted_to() -> None:
    logits, _ = drawn(1.0, count=2_000)
    assert fit_temperature(logits, confidence(logits, 3.0)) == pytest.approx(3.0, rel=1e-2)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize(
    ("logits", "worth"),
    [
        (np.zeros((0, 5)), np.zeros(0)),
        (np.zeros((0, 0)), np.zeros(0)),
        (np.zeros((4, 3), np.float32), [0, 1, 0.5, 0]),
    ],
    ids=["no questions", "nothing", "all scores the same"],
)
def test_nothing_to_fit_on_leaves_the_logits_as_they_are(
    logits: NDArray[np.floating], worth: list[float], activation: str
) -> None:
    assert fit_temperature(logits, worth, activation) == 1.0


def test_a_single_answer_is_always_sure() -> None:
    assert fit_temperature(np.ones((4, 1)), [1, 0, 0, 1]) == 1.0


@pytest.mark.parametrize("count", [1, 50, 998])
def test_all_right_is_as_sure_as_their_number_allows(count: int) -> None:
    logits = np.random.default_rng(1).normal(0, 1, (count, 8))
    logits[np.arange(count), logits.argmax(axis=1)] += 4
    sure = confidence(logits, fit_temperature(logits, np.ones(count)))
    assert sure.mean() == pytest.approx((count + 1) / (count + 2), abs=1e-3)
    sigmoid = fit_temperature(logits[:, :1] ** 2 + 1, np.ones(count), "sigmoid")
    own = 1 / (1 + np.exp(-(logits[:, 0] ** 2 + 1) / sigmoid))
    assert own.mean() == pytest.approx((count + 1) / (count + 2), abs=1e-3)


def test_all_wrong_is_as_unsure_as_their_number_allows() -> None:
    logits = np.tile([5.0, 0.0, -5.0], (20, 1))
    fitted = fit_confidence(logits, [0] * 20, "softmax")
    assert fitted.ceiling * confidence(logits, fitted.temperature).max() < 1 / 20


def test_huge_logits_do_not_overflow() -> None:
    logits = np.array([[1e30, 0.0], [0.0, 1e30], [1e30, 0.0]], np.float32)
    assert LOWEST <= fit_temperature(logits, [1, 1, 0]) <= HIGHEST * 1.0001
    assert LOWEST <= fit_temperature(logits, [1, 1, 0], "sigmoid") <= HIGHEST * 1.0001


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_an_error(bad: float) -> None:
    with pytest.raises(ModelError, match="diverged"):
        fit_temperature([[1.0, bad]], [0])


@pytest.mark.parametrize(("logits", "worth"), [([1.0, 2.0], [0]), ([[1.0, 2.0]], [0, 1])])
def test_shapes_that_do_not_fit_together(logits: list[float], worth: list[float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        fit_temperature(logits, worth)


def test_a_fitted_temperature_calibrates() -> None:
    logits, right = drawn(3.0)
    fitted = fit_temperature(logits, right)
    assert expected_calibration_error(confidence(logits, 1.0), right) > 0.2
    assert expected_calibration_error(confidence(logits, fitted), right) < 0.02


def test_the_sigmoids_temperature_is_that_of_the_drawn_answers() -> None:
    random = np.random.default_rng(0)
    true = random.normal(size=20_000)
    right = random.random(20_000) < 1 / (1 + np.exp(-true))
    others = np.full_like(true, -20.0)
    logits = np.stack([others, 3 * true], axis=1)
    assert fit_temperature(logits, right, "sigmoid") == pytest.approx(3.0, rel=0.05)
