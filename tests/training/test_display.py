import pytest
import torch

from vqa_cli.console import Silent
from vqa_cli.training import display
from vqa_cli.training.display import Display
from vqa_cli.training.state import Progress


class Watcher(Silent):
    def __init__(self) -> None:
        self.seen: list[tuple[str, int, int, str]] = []

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        self.seen.append((stage, done, total, note))


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


def show(watcher: Watcher, progress: Progress, device: str = "cpu") -> str:
    Display(watcher, torch.device(device), 5, 100).show(progress, 2, 1.25, 8123.4)
    stage, done, total, note = watcher.seen[-1]
    assert (stage, done, total) == ("training", progress.step, 100)
    return note


def test_loss_score_speed_and_memory_are_shown(watcher: Watcher) -> None:
    history = [{"val_accuracy": 0.5}, {"val_accuracy": 0.25}]
    note = show(watcher, Progress(step=40, history=history, best_accuracy=0.5, best_epoch=1))
    *facts, memory = note.split(", ")
    assert facts == [
        "epoch 2/5", "loss 1.250", "val 0.250", "best 0.500 (epoch 1)", "8,123 questions/s"
    ]  # fmt: skip
    size, unit = memory.removeprefix("memory ").split()
    assert float(size) > 0
    assert unit in ("MB", "GB")


def test_before_the_first_score_the_untrained_one_stands(watcher: Watcher) -> None:
    assert "val 0.125 untrained" in show(watcher, Progress(step=3, untrained_accuracy=0.125))


def test_the_best_score_is_not_said_twice(watcher: Watcher) -> None:
    progress = Progress(step=9, history=[{"val_accuracy": 0.5}], best_accuracy=0.5, best_epoch=1)
    assert "best" not in show(watcher, progress)


def test_on_a_gpu_its_peak_is_shown(watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 3_412_000_000)
    assert show(watcher, Progress(step=1), "cuda:0").endswith(", GPU peak 3.4 GB")


def test_the_system_is_not_asked_at_each_step(
    watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(display.time, "monotonic", lambda: 100.0)
    shown = Display(watcher, torch.device("cpu"), 5, 100)
    real = shown._process.memory_info
    monkeypatch.setattr(shown._process, "memory_info", lambda: asked.append(1) or real())
    for step in range(1, 9):
        shown.show(Progress(step=step), 1, 1.0, 1.0)
    assert len(asked) == 1
    assert len(watcher.seen) == 8


def test_a_run_that_stops_early_ends_its_stage(watcher: Watcher) -> None:
    Display(watcher, torch.device("cpu"), 5, 100).end(Progress(step=40))
    assert watcher.seen == [("training", 40, 40, "stopped")]
