import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vqa_cli.console import Silent
from vqa_cli.errors import ModelError, SettingsError
from vqa_cli.training.tracking import check_tracker, learning_rates, named, tracking


class Listener(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def notice(self, text: str) -> None:
        self.said.append(text)


class FakeWandb(ModuleType):
    """Records what is asked of it. step: where the service says that the run stands."""

    class Error(Exception):
        pass

    def __init__(self) -> None:
        super().__init__("wandb")
        self.step = 0
        self.inits: list[dict[str, Any]] = []
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.exits: list[int] = []
        self.refuses = ""

    def Settings(self, **values: Any) -> dict[str, Any]:  # noqa: N802
        return values

    def init(self, **given: Any) -> SimpleNamespace:
        if self.refuses:
            raise self.Error(self.refuses)
        self.inits.append(given)
        return SimpleNamespace(
            id=given["id"],
            project=given["project"],
            entity="me",
            url=f"https://wandb.example/{given['id']}",
            step=self.step,
            log=lambda values, step: self.logged.append((step, values)),
            finish=lambda exit_code: self.exits.append(exit_code),
        )


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> FakeWandb:
    module = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    return module


def track(name: str, run: Path, steps: range, start: int = 0) -> Listener:
    listener = Listener()
    with tracking(name, run, start, {"train": {"epochs": 3}}, listener) as tracker:
        for step in steps:
            tracker.log(step, {"step/loss": 1 / step})
    return listener


def curve(run: Path, name: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


def test_nobody_is_told_unless_asked_for(tmp_path: Path) -> None:
    assert track("none", tmp_path, range(1, 4)).said == []
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_gets_real_event_files(tmp_path: Path) -> None:
    said = track("tensorboard", tmp_path, range(1, 4)).said
    assert curve(tmp_path, "step/loss") == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]
    assert said == [f"curves: tensorboard --logdir {tmp_path / 'tensorboard'}"]


def test_tensorboard_shows_no_step_twice_after_a_resume(tmp_path: Path) -> None:
    track("tensorboard", tmp_path, range(1, 8))
    track("tensorboard", tmp_path, range(5, 10), start=4)
    assert [step for step, _ in curve(tmp_path, "step/loss")] == [*range(1, 10)]


def test_an_epoch_is_on_the_disk_at_once(tmp_path: Path) -> None:
    with tracking("tensorboard", tmp_path, 0, {}, Silent()) as tracker:
        tracker.log(3, {"epoch/val_accuracy": 0.5})
        assert curve(tmp_path, "epoch/val_accuracy") == [(3, 0.5)]


def test_wandb_is_told_through_its_own_api(tmp_path: Path, wandb: FakeWandb) -> None:
    said = track("wandb", tmp_path, range(1, 3)).said
    (asked,) = wandb.inits
    assert (asked["project"], asked["name"], asked["dir"]) == ("vqa", tmp_path.name, str(tmp_path))
    assert asked["config"] == {"train": {"epochs": 3}}
    assert wandb.logged == [(1, {"step/loss": 1.0}), (2, {"step/loss": 0.5})]
    assert wandb.exits == [0]
    assert said == [f"curves: https://wandb.example/{asked['id']}"]


def test_wandb_goes_on_with_the_same_run(
    tmp_path: Path, wandb: FakeWandb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    track("wandb", tmp_path, range(1, 8))
    wandb.step = 8  # the service has seven steps
    monkeypatch.delenv("WANDB_PROJECT")
    track("wandb", tmp_path, range(5, 10), start=4)
    first, second = wandb.inits
    kept = {"id": first["id"], "project": "mine", "entity": "me"}
    assert json.loads((tmp_path / "wandb.json").read_text()) == kept
    assert kept.items() <= second.items()
    assert second["resume"] == "allow"
    assert [step for step, _ in wandb.logged] == [*range(1, 10)]


def test_another_run_is_another_run_of_wandb(tmp_path: Path, wandb: FakeWandb) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        track("wandb", tmp_path / name, range(1, 2))
    assert wandb.inits[0]["id"] != wandb.inits[1]["id"]


def test_a_run_that_fails_is_told_as_failed(tmp_path: Path, wandb: FakeWandb) -> None:
    with pytest.raises(KeyboardInterrupt), tracking("wandb", tmp_path, 0, {}, Silent()):
        raise KeyboardInterrupt
    assert wandb.exits == [1]


def test_what_wandb_refuses_is_told_with_what_to_do(tmp_path: Path, wandb: FakeWandb) -> None:
    wandb.refuses = "No API key configured."
    with (
        pytest.raises(ModelError, match=r"No API key configured\. Or keep .* --resume"),
        tracking("wandb", tmp_path, 0, {}, Silent()),
    ):
        pass


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_a_missing_package_is_told_in_one_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SettingsError) as error:
        check_tracker(name)
    assert str(error.value) == (
        f"--track {name} needs {name}, which is not installed: pip install 'vqa-cli[{name}]'"
    )


def test_no_package_is_needed_to_track_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    check_tracker("none")


def test_the_rates_of_encoders_and_head_are_told_apart() -> None:
    groups = [{"lr": 0.1, "encoder": False}, {"lr": 0.01, "encoder": True}]
    rates = learning_rates(SimpleNamespace(param_groups=groups))
    assert named("step", rates) == {"step/learning_rate": 0.1, "step/encoder_learning_rate": 0.01}
