"""`--track` and the display, from the first step of a run to its end, through a stop."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.drawing import write_shapes
from tests.training.small_runs import DEVICE, MODEL, Listener, StopAt, history
from vqa_cli.config import ModelSettings, PrepareSettings, TrackSettings, TrainSettings
from vqa_cli.console import Silent
from vqa_cli.errors import SettingsError
from vqa_cli.training import telling
from vqa_cli.training.finetune import finetune, resume
from vqa_cli.training.run_folder import find_unfinished


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("data") / "shapes", count=12)


@pytest.fixture(autouse=True)
def _each_step_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "STEPS", 1)


def run(folder: Path, out: Path, report: Silent, track: str, **settings: Any) -> Path:
    return finetune(
        folder,
        model=ModelSettings(**MODEL),
        train=TrainSettings(**{"epochs": 3, "batch_size": 12, **settings}),
        track=TrackSettings(track=track),
        device=DEVICE,
        prepare=PrepareSettings(),
        out=out,
        report=report,
    ).run


class Watcher(Listener):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, int, str]] = []

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        if stage == "training":
            self.seen.append((done, total, note))


def test_a_stopped_run_has_each_step_of_its_curves_once(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "run", StopAt(4), "tensorboard")
    made = resume(*find_unfinished(tmp_path / "run")).run
    events = EventAccumulator(str(made / "tensorboard")).Reload()

    def curve(name: str) -> dict[int, float]:
        told = [(event.step, event.value) for event in events.Scalars(name)]
        assert len(told) == len(dict(told))
        return dict(told)

    rows = history(made)
    steps = max(curve("step/loss"))
    per_epoch = steps // 3
    for name in ("loss", "learning_rate", "encoder_learning_rate", "gradient_norm"):
        assert set(curve(f"step/{name}")) == set(range(1, steps + 1))
    assert all(rate > 0 for rate in curve("step/questions_per_second").values())
    for name in ("val_loss", "val_accuracy", "loss", "gradient_norm", "learning_rate"):
        found = curve(f"epoch/{name}")
        assert list(found) == [per_epoch * epoch for epoch in (1, 2, 3)]
        assert list(found.values()) == pytest.approx([row[name] for row in rows], rel=1e-5)
    norms = list(curve("step/gradient_norm").values())
    assert rows[0]["gradient_norm"] == pytest.approx(sum(norms[:per_epoch]) / per_epoch, rel=1e-5)
    assert rows[-1]["learning_rate"] == pytest.approx(curve("step/learning_rate")[steps])


def test_a_missing_tracker_is_told_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    folder = write_shapes(tmp_path / "shapes", count=6)
    with pytest.raises(SettingsError, match="pip install 'vqa-cli\\[wandb\\]'"):
        run(folder, tmp_path / "run", Silent(), "wandb")
    assert not (folder / ".vqa").exists()
    assert not (tmp_path / "run").exists()


def test_people_see_where_the_run_stands(folder: Path, tmp_path: Path) -> None:
    watcher = Watcher()
    made = run(folder, tmp_path / "run", watcher, "none")
    total = watcher.seen[0][1]
    assert [done for done, *_ in watcher.seen] == list(range(1, total + 1))
    *_, (_, _, last) = watcher.seen
    for fact in ("epoch 3/3, loss ", ", val ", " questions/s, memory "):
        assert fact in last
    assert " untrained, " in watcher.seen[0][2]
    assert not (made / "tensorboard").exists()
    speeds = [row["questions_per_second"] for row in history(made)]
    assert min(speeds) > 0


def test_a_run_that_ends_early_ends_its_display(folder: Path, tmp_path: Path) -> None:
    watcher = Watcher()
    run(folder, tmp_path / "run", watcher, "none", epochs=9, patience=1, learning_rate=1e-9)
    done, total, note = watcher.seen[-1]
    assert (done, note) == (total, "stopped")
    assert done < watcher.seen[0][1]
