"""How a run ends: the best weights, their confidence, the metrics; whole at any stop.

The finished files are gathered in state/final, then moved into the run folder, metrics.json last,
since it marks a finished run. A stop on the way is made good by `promote`.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from vqa_cli.errors import ModelError
from vqa_cli.files import write_json, write_text
from vqa_cli.model_folder import FINISHED, Confidence, is_finished, read_json
from vqa_cli.models.checkpoint import save_calibration, save_weights
from vqa_cli.training.model_card import model_card
from vqa_cli.training.run_folder import STATE, mark_latest
from vqa_cli.training.state import Progress

FINAL = "final"
MEASURED = (
    "best_epoch",
    "val_accuracy",
    "val_accuracy_untrained",
    "stopped",
    "seconds",
    "seconds_features",
    "seconds_training",
)


@dataclass(frozen=True)
class FinetuneResult:
    """What `vqa finetune` prints; seconds are wall time of all its parts, resumed ones too.

    stopped: why training ended before its last epoch; empty where it did not.
    old: what a continued run says of the old data: accuracy before and after, or what is missing.
    is_main: whether this process is the one that speaks, of those that trained together.
    """

    run: Path
    best_epoch: int
    val_accuracy: float
    val_accuracy_untrained: float
    stopped: str
    seconds: float
    seconds_features: float
    seconds_training: float
    is_main: bool = True
    old: dict[str, Any] | None = None

    @classmethod
    def of(cls, run: Path, progress: Progress, seconds: float, is_main: bool) -> FinetuneResult:
        """Sum a run up."""
        return cls(
            run=run,
            best_epoch=progress.best_epoch,
            val_accuracy=progress.best_accuracy,
            val_accuracy_untrained=progress.untrained_accuracy,
            stopped=progress.stopped,
            seconds=seconds,
            seconds_features=progress.seconds_features,
            seconds_training=progress.seconds_training,
            is_main=is_main,
        )

    @classmethod
    def read(cls, run: Path) -> FinetuneResult:
        """Read what a finished run's metrics.json says. Raises ModelError where it is damaged."""
        metrics = read_json(run / FINISHED)
        try:
            measured = {name: metrics[name] for name in MEASURED}
            return cls(run, **measured, old=metrics.get("old"))
        except KeyError as error:
            raise ModelError(f"{run / FINISHED}: damaged: {error} is missing") from error

    def metrics(self) -> dict[str, Any]:
        """Give what metrics.json says of the training."""
        values = {name: getattr(self, name) for name in MEASURED}
        seconds = {name: round(values[name], 1) for name in values if name.startswith("seconds")}
        gain = self.val_accuracy - self.val_accuracy_untrained
        old = {"old": self.old} if self.old else {}
        return {**values, **seconds, "val_accuracy_gain": gain, **old}

    def to_json(self) -> dict[str, Any]:
        """Give the documented keys."""
        return {"run": str(self.run), **self.metrics()}


def finish(
    run: Path,
    config: dict[str, Any],
    weights: dict[str, Tensor],
    confidence: Confidence,
    result: FinetuneResult,
) -> None:
    """Write what makes a run finished; `weights` are those of the plain model."""
    final, gathering = run / STATE / FINAL, run / STATE / f".{FINAL}"
    shutil.rmtree(gathering, ignore_errors=True)
    gathering.mkdir(parents=True)
    save_calibration(gathering, confidence, save_weights(gathering, weights))
    write_text(gathering / "README.md", model_card(run.name, config, result.to_json()))
    write_json(gathering / FINISHED, {**result.metrics(), **asdict(confidence)})
    gathering.rename(final)
    promote(run)


def is_decided(run: Path) -> bool:
    """Whether all of a run's end is there, and only its last moves were not made."""
    return (run / STATE / FINAL).is_dir() or is_finished(run)


def promote(run: Path) -> None:
    """Move the finished files to their places, and let the state go."""
    final = run / STATE / FINAL
    if final.is_dir():
        for path in sorted(final.iterdir(), key=lambda path: path.name == FINISHED):
            path.replace(run / path.name)
    mark_latest(run)
    shutil.rmtree(run / STATE)
