"""Telling TensorBoard or Weights & Biases of a run, while it trains.

Names: `step/...` every `STEPS` optimiser steps, `epoch/...` after each epoch, both over the number
of the step. A resumed run goes on with the same curves: steps that it takes again, since they came
after its last saved state, are not shown twice.
"""

from __future__ import annotations

import importlib
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch

from vqa_cli.console import Reporter
from vqa_cli.errors import ModelError, SettingsError
from vqa_cli.files import write_json
from vqa_cli.model_folder import read_json

STEPS = 10
"""So many optimiser steps lie between two values of `step/...`."""
TENSORBOARD_FOLDER = "tensorboard"
WANDB_FILE = "wandb.json"
"""Which W&B run this one is, so that resuming it goes on there."""
PROJECT = "vqa"
_PACKAGES = {"tensorboard": "tensorboard", "wandb": "wandb"}


class Tracker(Protocol):
    """Whoever is told the values of a step; names as above."""

    def log(self, step: int, values: Mapping[str, float]) -> None: ...

    def close(self, *, failed: bool) -> None: ...


class Untracked:
    """Tells nobody: without --track, and on ranks other than 0."""

    def log(self, step: int, values: Mapping[str, float]) -> None: ...

    def close(self, *, failed: bool) -> None: ...


class TensorBoard:
    """Event files in RUN/tensorboard. `step`: where the run stands; what came later is hidden."""

    def __init__(self, run: Path, step: int, report: Reporter) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder = run / TENSORBOARD_FOLDER
        self._writer = SummaryWriter(str(folder), purge_step=step + 1)
        report.notice(f"curves: tensorboard --logdir {folder}")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write the values; those of an epoch reach the disk at once."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        if any(name.startswith("epoch/") for name in values):
            self._writer.flush()

    def close(self, *, failed: bool) -> None:
        self._writer.close()


class WeightsAndBiases:
    """A run of W&B: of $WANDB_PROJECT, else of `PROJECT`.

    Raises ModelError where W&B refuses it, as it does without an account.
    """

    def __init__(self, run: Path, config: Mapping[str, Any], report: Reporter) -> None:
        import wandb

        path = run / WANDB_FILE
        known = read_json(path) if path.is_file() else {}
        try:
            self._run = wandb.init(
                id=known.get("id") or secrets.token_hex(4),
                project=known.get("project") or os.environ.get("WANDB_PROJECT") or PROJECT,
                entity=known.get("entity"),
                name=run.name,
                dir=str(run),
                config=dict(config),
                resume="allow",
                settings=wandb.Settings(quiet=True, console="off"),
            )
        except wandb.Error as error:
            raise ModelError(
                f"--track wandb: {error} Or keep the curves here with WANDB_MODE=offline. Go on "
                f"with: vqa finetune --resume {run}"
            ) from error
        names = {name: getattr(self._run, name) or None for name in ("id", "project", "entity")}
        write_json(path, names)
        self._first = self._run.step
        report.notice(f"curves: {self._run.url or run / 'wandb'}")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Send the values, unless W&B has that step from before the run was stopped."""
        if step >= self._first:
            self._run.log(dict(values), step=step)

    def close(self, *, failed: bool) -> None:
        self._run.finish(exit_code=int(failed))


def check_tracker(name: str) -> None:
    """Raise SettingsError where the package that a tracker needs is not installed."""
    package = _PACKAGES.get(name)
    if package is None:
        return
    try:
        importlib.import_module(package)
    except ImportError as error:
        raise SettingsError(
            f"--track {name} needs {package}, which is not installed: pip install 'vqa-cli[{name}]'"
        ) from error


@contextmanager
def tracking(
    name: str, run: Path, step: int, config: Mapping[str, Any], report: Reporter
) -> Iterator[Tracker]:
    """Give the tracker of a run that stands at `step`; what fails in the block is told as failed.

    config: the settings, as W&B shows them beside the curves. Raises ModelError where W&B refuses
    the run.
    """
    tracker: Tracker = Untracked()
    if name == "tensorboard":
        tracker = TensorBoard(run, step, report)
    elif name == "wandb":
        tracker = WeightsAndBiases(run, config, report)
    failed = True
    try:
        yield tracker
        failed = False
    finally:
        tracker.close(failed=failed)


def learning_rates(optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """Return the rates of the last step: `learning_rate`, `encoder_learning_rate`."""
    return {
        "encoder_learning_rate" if group["encoder"] else "learning_rate": float(group["lr"])
        for group in optimizer.param_groups
    }


def named(kind: str, values: Mapping[str, float]) -> dict[str, float]:
    """Give each name its kind: `step` or `epoch`."""
    return {f"{kind}/{name}": value for name, value in values.items()}
