"""Fine-tunings of seconds on drawn shapes, for the tests of what a setting does."""

from __future__ import annotations

import csv
import os
import signal
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from vqa_cli.config import (
    AugmentSettings,
    DeviceSettings,
    ModelSettings,
    PrepareSettings,
    TrainSettings,
)
from vqa_cli.console import Silent
from vqa_cli.training.finetune import finetune
from vqa_cli.training.finishing import FinetuneResult
from vqa_cli.training.recipe import OnEpoch

DEVICE = DeviceSettings(device="cpu", precision="float32", threads=1)
MODEL = {"preset": "tiny", "image_size": 32}
TRAIN: dict[str, Any] = {"epochs": 3, "batch_size": 16}


class Listener(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def notice(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.said.append(text)


class StopAt(Listener):
    """Presses Ctrl-C after so many steps."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        if stage == "training" and done == self.step:
            os.kill(os.getpid(), signal.SIGINT)


def train(
    folder: Path,
    out: Path,
    report: Silent | None = None,
    *,
    model: dict[str, Any] | None = None,
    augment: dict[str, Any] | None = None,
    on_epoch: OnEpoch | None = None,
    **settings: Any,
) -> FinetuneResult:
    """Fine-tune the tiny preset for three epochs, or as `settings` of the training say."""
    return finetune(
        folder,
        model=ModelSettings(**MODEL | (model or {})),
        train=TrainSettings(**TRAIN | settings),
        device=DEVICE,
        prepare=PrepareSettings(),
        augment=AugmentSettings(**augment or {}),
        out=out,
        on_epoch=on_epoch,
        report=report or Silent(),
    )


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model.safetensors")


def same(one: Path, other: Path) -> bool:
    """Whether two runs ended with the very same weights."""
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def history(run: Path) -> list[dict[str, float]]:
    """Read history.csv."""
    with (run / "history.csv").open() as stream:
        return [
            {name: float(value) for name, value in row.items()} for row in csv.DictReader(stream)
        ]
