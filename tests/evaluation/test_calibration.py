import numpy as np
import pytest

from vqa_cli.errors import ModelError
from vqa_cli.evaluation import calibration
from vqa_cli.evaluation.calibration import (
    HIGHEST,
    LOWEST,
    fit_sigmoid_temperature,
    fit_temperature,
)
from vqa_cli.evaluation.reliability import expected_calibration_error


def drawn(temperature, count=8_000, classes=8, seed=0):
    """Logits, and targets that are drawn from softmax(logits / temperature)."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 3, (count, classes))
    noise = generator.gumbel(size=logits.shape)
    return logits.astype(np.float32), (logits / temperature + noise).argmax(axis=1)


def likelihood_loss(logits, targets, temperature):
    scaled = np.asarray(logits, np.float64) / temperature
    log_sum = np.log(np.exp(scaled - scaled.max(1, keepdims=True)).sum(1)) + scaled.max(1)
    return float((log_sum - scaled[np.arange(len(targets)), targets]).mean())


@pytest.mark.parametrize("temperature", [0.25, 1.0, 2.5, 6.0])
def test_finds_the_temperature_that_the_answers_were_drawn_at(temperature):
    logits, targets = drawn(temperature)
    assert fit_temperature(logits, targets) == pytest.approx(temperature, rel=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_no_other_temperature_is_likelier(seed):
    logits, targets = drawn(1.5, count=40, classes=4, seed=seed)
    fitted = fit_temperature(logits, targets)
    least = likelihood_loss(logits, targets, fitted)
    for other in np.geomspace(LOWEST, HIGHEST, 60):
        assert least <= likelihood_loss(logits, targets, other) + 1e-7


def test_neither_a_shift_of_the_logits_nor_chunks_change_it(monkeypatch):
    logits, targets = drawn(2.0, count=500)
    fitted = fit_temperature(logits.astype(np.float64), targets)
    shifted = logits + np.linspace(-40, 40, 500)[:, None]
    assert fit_temperature(shifted, targets) == pytest.approx(fitted, rel=2e-4)
    monkeypatch.setattr(calibration, "CHUNK", 100)
    assert fit_temperature(logits.astype(np.float64), targets) == pytest.approx(fitted, rel=2e-4)


def test_questions_without_a_target_are_left_out():
    logits, targets = drawn(2.0, count=400)
    fitted = fit_temperature(logits[:300], targets[:300])
    targets[300:] = -1
    assert fit_temperature(logits, targets) == fitted


@pytest.mark.parametrize(
    ("logits", "targets"),
    [
        (np.zeros((0, 5)), np.zeros(0, int)),
        (np.zeros((0, 0)), np.zeros(0, int)),
        (np.random.default_rng(0).normal(size=(6, 3)), [-1] * 6),
        (np.ones((4, 1)), [0, 0, 0, 0]),
        (np.full((4, 3), 0.1, np.float32), [0, 1, 2, 0]),
    ],
    ids=["no questions", "nothing", "no targets", "one class", "all scores the same"],
)
def test_nothing_to_fit_on_leaves_the_logits_as_they_are(logits, targets):
    assert fit_temperature(logits, targets) == 1.0


@pytest.mark.parametrize("count", [1, 50, 998])
def test_all_right_is_as_sure_as_their_number_allows(count):
    logits = np.random.default_rng(1).normal(0, 1, (count, 8))
    targets = logits.argmax(axis=1)
    logits[np.arange(count), targets] += 4
    scaled = np.exp(logits / fit_temperature(logits, targets))
    confidence = (scaled.max(axis=1) / scaled.sum(axis=1)).mean()
    assert confidence == pytest.approx((count + 1) / (count + 2), abs=1e-3)


def test_all_wrong_is_as_unsure_as_the_bound_allows():
    logits = np.tile([5.0, 0.0, -5.0], (20, 1))
    assert fit_temperature(logits, [2] * 20) == HIGHEST


def test_huge_logits_do_not_overflow():
    logits = np.array([[1e30, 0.0], [0.0, 1e30], [1e30, 0.0]], np.float32)
    assert LOWEST <= fit_temperature(logits, [0, 1, 1]) <= HIGHEST


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_an_error(bad):
    with pytest.raises(ModelError, match="diverged"):
        fit_temperature([[1.0, bad]], [0])


@pytest.mark.parametrize(
    ("logits", "targets"), [([1.0, 2.0], [0]), ([[1.0, 2.0]], [0, 1]), ([[1.0, 2.0]], [2])]
)
def test_shapes_that_do_not_fit_together(logits, targets):
    with pytest.raises(ValueError, match=r"expected|classes"):
        fit_temperature(logits, targets)


def test_a_fitted_temperature_calibrates():
    logits, targets = drawn(3.0)
    right = logits.argmax(axis=1) == targets

    def error(temperature):
        scaled = np.exp((logits - logits.max(1, keepdims=True)) / temperature)
        return expected_calibration_error(1 / scaled.sum(axis=1), right)

    assert error(1.0) > 0.2
    assert error(fit_temperature(logits, targets)) < 0.02


def test_the_sigmoids_temperature_is_that_of_the_drawn_answers() -> None:
    random = np.random.default_rng(0)
    true = random.normal(size=20_000)
    right = random.random(20_000) < 1 / (1 + np.exp(-true))
    assert fit_sigmoid_temperature(3 * true, right) == pytest.approx(3.0, rel=0.05)
    soft = 1 / (1 + np.exp(-true))
    assert fit_sigmoid_temperature(0.5 * true, soft) == pytest.approx(0.5, rel=1e-3)


def test_a_sigmoid_that_is_always_right_is_as_sure_as_so_many_answers_support() -> None:
    temperature = fit_sigmoid_temperature([4.0] * 8, [1.0] * 8)
    assert 1 / (1 + np.exp(-4 / temperature)) == pytest.approx(0.9, abs=1e-3)


@pytest.mark.parametrize("best", [[], [0.0, 0.0]])
def test_a_sigmoid_with_nothing_to_fit_on(best: list[float]) -> None:
    assert fit_sigmoid_temperature(best, best) == 1.0


def test_a_sigmoid_of_scores_that_are_not_finite() -> None:
    with pytest.raises(ModelError, match="not finite"):
        fit_sigmoid_temperature([np.nan], [1.0])
