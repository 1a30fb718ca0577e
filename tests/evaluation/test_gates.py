from dataclasses import replace

import pytest

from tests.evaluation.fakes import small_dataset, small_model
from vqa_cli.errors import GateError
from vqa_cli.evaluation.evaluate import evaluate
from vqa_cli.evaluation.gates import check_gates
from vqa_cli.evaluation.intervals import Comparison


@pytest.fixture(scope="module")
def result():
    return evaluate(small_dataset(), "test", small_model())


def compared(result, difference):
    return replace(result, comparison=Comparison("runs/1", 0.5, difference, None, 0, 1, None))


def test_nothing_asked_nothing_missed(result):
    check_gates(result)
    check_gates(compared(result, 0.0))
    check_gates(compared(result, 0.25))


@pytest.mark.parametrize("least", [0.0, 0.75])
def test_a_reached_threshold(result, least):
    check_gates(result, least)


def test_a_missed_threshold(result):
    with pytest.raises(GateError, match=r"accuracy 0\.7500 on test is below 0\.76"):
        check_gates(result, 0.76)


@pytest.mark.parametrize(
    ("difference", "tolerance", "passes"),
    [
        (-0.01, 0.0, False),
        (-0.01, 0.01, True),
        (-0.010001, 0.01, False),
        (-1e-12, 0.0, True),  # the same scores added up in another order
        (0.3 - 0.4, 0.1, True),
    ],
)
def test_worse_than_the_baseline(result, difference, tolerance, passes):
    if passes:
        check_gates(compared(result, difference), None, tolerance)
    else:
        with pytest.raises(GateError, match=r"0\.0100 below that of runs/1"):
            check_gates(compared(result, difference), None, tolerance)


def test_both_are_told_at_once(result):
    with pytest.raises(GateError, match=r"below 0\.9; .* below that of runs/1"):
        check_gates(compared(result, -0.5), 0.9)
