from pathlib import Path

import pytest
import torch
from torch import nn

from tests.tiny_runs import tiny_model
from vqa_cli.errors import ModelError
from vqa_cli.models.tuning import apply_tuning
from vqa_cli.training.optimizer import Average
from vqa_cli.training.state import (
    Learning,
    Progress,
    has_state,
    load_best,
    load_state,
    save_best,
    save_state,
)

PLAIN = apply_tuning(tiny_model(), "frozen", "frozen", seed=0)
"""A tuning that has nothing to remember."""


def trained(steps: int, ema: float = 0.0) -> tuple[nn.Module, Learning]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    learned = dict(model[1].named_parameters())
    average = Average(ema, learned) if ema else None
    optimizer = torch.optim.AdamW(learned.values(), lr=0.1)
    learning = Learning(learned, optimizer, average, PLAIN)
    step(model, learning, range(steps))
    return model, learning


def step(model: nn.Module, learning: Learning, steps: range) -> None:
    for number in steps:
        learning.optimizer.zero_grad()
        model(torch.full((1, 3), float(number + 1))).square().sum().backward()
        learning.optimizer.step()
        if learning.average is not None:
            learning.average.update(number)


def test_a_resumed_optimiser_takes_the_same_steps(tmp_path: Path) -> None:
    model, learning = trained(3, ema=0.5)
    save_state(tmp_path, learning, Progress(step=3, best_accuracy=0.5))
    step(model, learning, range(3, 5))

    again, again_learning = trained(0, ema=0.5)
    progress = load_state(tmp_path, again_learning)
    assert (progress.step, progress.best_accuracy) == (3, 0.5)
    step(again, again_learning, range(3, 5))
    assert torch.equal(again[1].weight, model[1].weight)
    assert learning.average is not None
    assert again_learning.average is not None
    averaged = again_learning.average.tensors["weight"]
    assert torch.equal(averaged, learning.average.tensors["weight"])
    assert not torch.equal(averaged, model[1].weight)


def test_only_the_newest_state_is_kept(tmp_path: Path) -> None:
    _, learning = trained(1)
    for number in (9, 10, 10):
        save_state(tmp_path, learning, Progress(step=number))
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["step-000000010"]


def test_the_best_weights_are_those_that_the_state_speaks_of(tmp_path: Path) -> None:
    """Those of epoch 3 were written, and the process was killed before the state was."""
    _, learning = trained(1)
    best = {"weight": torch.ones(2)}
    save_best(tmp_path, 2, best)
    save_state(tmp_path, learning, Progress(step=20, best_epoch=2))
    save_best(tmp_path, 3, {"weight": torch.zeros(2)})
    progress = load_state(tmp_path, learning)
    assert torch.equal(load_best(tmp_path, progress.best_epoch)["weight"], best["weight"])
    save_state(tmp_path, learning, Progress(step=30, best_epoch=3))
    assert [path.name for path in (tmp_path / "state").glob("best-*")] == [
        "best-000003.safetensors"
    ]


@pytest.mark.parametrize("written", ["save_file", "write_json"])
def test_a_full_disk_leaves_the_state_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    _, learning = trained(1)
    save_state(tmp_path, learning, Progress(step=1))
    save_best(tmp_path, 1, learning.learned)
    before = load_best(tmp_path, 1)

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"vqa_cli.training.state.{written}", fail)
    with pytest.raises(ModelError, match=r"No space left.*go on from the one before"):
        save_state(tmp_path, learning, Progress(step=2))
    if written == "save_file":
        with pytest.raises(ModelError, match=r"No space left.*make room"):
            save_best(tmp_path, 1, {"weight": torch.zeros(2, 4)})
    assert load_state(tmp_path, trained(0)[1]).step == 1
    assert torch.equal(load_best(tmp_path, 1)["weight"], before["weight"])
    kept = sorted(path.name for path in (tmp_path / "state").iterdir())
    assert kept == ["best-000001.safetensors", "step-000000001"]


def test_a_damaged_state_is_an_error(tmp_path: Path) -> None:
    assert not has_state(tmp_path)
    _, learning = trained(1)
    save_state(tmp_path, learning, Progress(step=1))
    assert has_state(tmp_path)
    (tmp_path / "state" / "step-000000001" / "weights.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match="damaged"):
        load_state(tmp_path, learning)


def test_the_state_of_another_model_is_an_error(tmp_path: Path) -> None:
    model, learning = trained(1)
    save_state(tmp_path, learning, Progress(step=1))
    other = Learning(dict(model.named_parameters()), learning.optimizer, None, PLAIN)
    with pytest.raises(ModelError, match="another model"):
        load_state(tmp_path, other)


def test_others_may_read_a_state_as_the_users_umask_says(tmp_path: Path) -> None:
    _, learning = trained(1)
    save_state(tmp_path, learning, Progress(step=1))
    save_best(tmp_path, 1, learning.learned)
    (tmp_path / "plain").touch()
    files = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert len(files) > 3
    assert {path.stat().st_mode for path in files} == {(tmp_path / "plain").stat().st_mode}
