import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa_cli.evaluation.reliability import Calibration
from vqa_cli.evaluation.report.calibration_charts import reliability, risk_coverage
from vqa_cli.evaluation.report.charts import HEIGHT, WIDTH, Axis, Chart, axis_for, share_axis

VALUES = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda value: round(value, 3))


@given(st.lists(VALUES, min_size=1))
def test_an_axis_holds_its_values_between_round_ticks(values):
    axis = axis_for("loss", values)
    assert axis.low <= min(values) + 1e-6
    assert axis.high >= max(values) - 1e-6
    assert 2 <= len(axis.ticks) <= 12
    assert list(axis.ticks) == sorted(set(axis.ticks))


def test_ticks_are_round_numbers():
    assert axis_for("loss", [0.31, 1.02]).ticks == (0.2, 0.4, 0.6, 0.8, 1.0, 1.2)
    assert axis_for("epoch", [1, 2, 3], whole=True).ticks == (1, 2, 3)
    assert axis_for("epoch", [0, 30], whole=True).ticks == (0, 10, 20, 30)
    assert axis_for("accuracy", [0.5, 0.52], percent=True).text(0.505) == "50.5"


def test_points_lie_where_the_axes_say():
    chart = Chart(Axis("x", 0, 10, (0, 10)), share_axis("y"))
    assert chart.x(0) < chart.x(5) < chart.x(10) < WIDTH
    assert 0 < chart.y(1) < chart.y(0.5) < chart.y(0) < HEIGHT
    assert chart.x(5) == pytest.approx((chart.x(0) + chart.x(10)) / 2, abs=0.1)


def test_a_chart_says_in_words_what_it_shows():
    drawn = Chart(share_axis("x"), share_axis("y")).svg('The "curve"')
    assert 'role="img" aria-label="The &quot;curve&quot;"' in drawn


@pytest.fixture
def calibration():
    return Calibration.of([0.1, 0.1, 0.9, 0.9, 0.9, 0.95], [0, 0, 1, 1, 0, 1])


def test_reliability_tells_each_bin(calibration):
    drawn = reliability(calibration)
    assert "2 questions with confidence 7 to 13 %: 0.0 % right" in drawn
    assert "3 questions with confidence 87 to 93 %: 66.7 % right" in drawn
    assert len(re.findall("<rect", drawn)) == len(calibration.bins)
    assert f"{100 * calibration.expected_error:.2f} %" in drawn
    assert '<td class="number">90.0 %</td>' in drawn


def test_risk_coverage_ends_with_the_error_of_all_answers(calibration):
    drawn = risk_coverage(calibration)
    assert "50.0 % wrong when everything is answered" in drawn
    assert '<td class="number">100 %</td><td class="number">50.00 %</td>' in drawn


def test_one_question_can_be_drawn():
    only = Calibration.of([1.0], [1.0])
    assert "<svg" in reliability(only)
    assert "<svg" in risk_coverage(only)
