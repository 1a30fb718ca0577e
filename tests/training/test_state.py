from pathlib import Path

import pytest
import torch
from torch import nn

from vqa_cli.errors import ModelError
from vqa_cli.training.state import Progress, has_state, load_state, save_state


def trained(steps: int) -> tuple[nn.Module, torch.optim.AdamW]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    optimizer = torch.optim.AdamW(model[1].parameters(), lr=0.1)
    step(model, optimizer, steps)
    return model, optimizer


def step(model: nn.Module, optimizer: torch.optim.AdamW, steps: int) -> None:
    for number in range(steps):
        optimizer.zero_grad()
        model(torch.full((1, 3), float(number + 1))).square().sum().backward()
        optimizer.step()


def test_a_resumed_optimiser_takes_the_same_steps(tmp_path: Path) -> None:
    model, optimizer = trained(3)
    save_state(tmp_path, model, optimizer, Progress(step=3, best_accuracy=0.5))
    step(model, optimizer, 2)

    again, again_optimizer = trained(0)
    progress = load_state(tmp_path, again, again_optimizer)
    assert (progress.step, progress.best_accuracy) == (3, 0.5)
    step(again, again_optimizer, 2)
    assert torch.equal(again[1].weight, model[1].weight)


def test_only_the_newest_state_is_kept(tmp_path: Path) -> None:
    model, optimizer = trained(1)
    for number in (9, 10, 10):
        save_state(tmp_path, model, optimizer, Progress(step=number))
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["step-000000010"]


def test_a_stop_while_saving_leaves_the_state_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, optimizer = trained(1)
    save_state(tmp_path, model, optimizer, Progress(step=1))

    def fail(*arguments: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("vqa_cli.training.state.write_json", fail)
    with pytest.raises(OSError, match="No space"):
        save_state(tmp_path, model, optimizer, Progress(step=2))
    assert load_state(tmp_path, *trained(0)).step == 1
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["step-000000001"]


def test_a_damaged_state_is_an_error(tmp_path: Path) -> None:
    assert not has_state(tmp_path)
    model, optimizer = trained(1)
    save_state(tmp_path, model, optimizer, Progress(step=1))
    assert has_state(tmp_path)
    (tmp_path / "state" / "step-000000001" / "weights.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match="damaged"):
        load_state(tmp_path, model, optimizer)


def test_the_state_of_another_model_is_an_error(tmp_path: Path) -> None:
    model, optimizer = trained(1)
    save_state(tmp_path, model, optimizer, Progress(step=1))
    model[0].requires_grad_(True)
    with pytest.raises(ModelError, match="another model"):
        load_state(tmp_path, model, optimizer)
