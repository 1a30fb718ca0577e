import pytest
import torch
from torch import nn

from vqa_cli.training.optimizer import Average, rate_factor


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_the_rate_rises_to_its_peak_then_never_again(schedule: str) -> None:
    factors = [rate_factor(schedule, step, 100, 0.1) for step in range(100)]
    assert factors[:10] == pytest.approx([(n + 1) / 10 for n in range(10)])
    assert factors[10] == 1.0
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert all(factor > 0 for factor in factors)


def test_schedules_fall_differently() -> None:
    halfway = {s: rate_factor(s, 55, 100, 0.1) for s in ("cosine", "linear", "constant")}
    assert halfway == pytest.approx({"cosine": 0.5, "linear": 0.5, "constant": 1.0})
    later = {s: rate_factor(s, 91, 100, 0.1) for s in ("cosine", "linear", "constant")}
    assert later == pytest.approx({"cosine": 0.0245, "linear": 0.1, "constant": 1.0}, abs=1e-3)


def test_the_average_is_exponential_and_begins_quickly() -> None:
    weight = nn.Parameter(torch.tensor([1.0]))
    average = Average(0.9, {"weight": weight})
    with torch.no_grad():
        weight.fill_(2.0)
    average.update(0)  # decay (1 + 0) / (10 + 0)
    assert average.tensors["weight"].item() == pytest.approx(0.1 * 1 + 0.9 * 2)
    with torch.no_grad():
        weight.fill_(3.0)
    average.update(10_000)
    assert average.tensors["weight"].item() == pytest.approx(0.9 * 1.9 + 0.1 * 3)
    with average.applied():
        assert weight.item() == pytest.approx(2.01)
    assert weight.item() == 3.0
