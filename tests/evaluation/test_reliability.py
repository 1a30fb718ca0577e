import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa_cli.evaluation.reliability import (
    Bin,
    Calibration,
    expected_calibration_error,
    reliability_bins,
    selective_risks,
)


@pytest.mark.parametrize(
    ("confidences", "correct", "bins", "error"),
    [
        ([1.0, 1.0], [1, 1], 15, 0.0),
        ([1.0, 1.0], [1, 0], 15, 0.5),
        ([0.05, 0.95], [1, 0], 10, 0.95),  # apart in their bins, although equal on average
        ([0.05, 0.95], [1, 0], 1, 0.0),
        ([0.5, 0.5, 0.5, 0.5], [1, 0, 1, 0], 15, 0.0),
        ([0.6, 0.6], [0.9, 0.3], 15, 0.0),
        ([0.0], [0], 15, 0.0),
    ],
)
def test_expected_calibration_error(confidences, correct, bins, error):
    assert expected_calibration_error(confidences, correct, bins=bins) == pytest.approx(error)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=40))
def test_the_error_is_a_share(pairs):
    confidences, correct = zip(*pairs, strict=True)
    assert 0 <= expected_calibration_error(confidences, correct) <= 1


def test_no_questions_have_no_calibration_error():
    with pytest.raises(ValueError, match="Q > 0"):
        expected_calibration_error([], [])


def test_bins_hold_what_falls_into_them():
    assert reliability_bins([0.1, 0.3, 0.9, 1.0], [0, 1, 1, 0.5], bins=2) == (
        Bin(0.0, 0.5, 2, 0.2, 0.5),
        Bin(0.5, 1.0, 2, 0.95, 0.75),
    )
    assert [b.low for b in reliability_bins([0.99], [1], bins=10)] == [0.9]  # no empty ones


def test_the_risk_of_answering_the_surest_questions():
    assert selective_risks([0.2, 0.9, 0.5, 0.7], [0, 1, 0.5, 0]) == pytest.approx(
        [0, 1 / 2, 1.5 / 3, 2.5 / 4]
    )


def test_questions_of_equal_confidence_count_with_their_mean():
    for scores in ([1, 0, 1], [0, 1, 1]):
        assert selective_risks([0.5, 0.5, 0.2], scores) == pytest.approx([1 / 2, 1 / 2, 1 / 3])


def test_calibration_has_few_points_that_end_at_the_whole():
    sure = np.linspace(0, 1, 1000)
    found = Calibration.of(sure, sure > 0.5)
    assert len(found.risk_coverage) == 100
    assert found.risk_coverage[0] == (1 / 1000, 0.0)
    assert found.risk_coverage[-1] == (1.0, pytest.approx(0.5))
    assert found.risk_coverage_area == pytest.approx(selective_risks(sure, sure > 0.5).mean())
    assert found.mean_confidence == pytest.approx(0.5)
    few = Calibration.of([0.5, 0.9], [0, 1])
    assert few.risk_coverage == ((0.5, 0.0), (1.0, 0.5))


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=40))
def test_whatever_the_pairs_all_figures_are_shares(pairs):
    found = Calibration.of(*zip(*pairs, strict=True))
    risks = [risk for _, risk in found.risk_coverage]
    coverages = [coverage for coverage, _ in found.risk_coverage]
    assert all(0 <= value <= 1 for value in [*risks, *coverages, found.risk_coverage_area])
    assert coverages == sorted(set(coverages))
    assert sum(b.questions for b in found.bins) == len(pairs)
