"""What is told of a run while it trains: to people, to the tracker, and for history.csv."""

from __future__ import annotations

from typing import NamedTuple

import torch

from vqa_cli.training.display import Display
from vqa_cli.training.learner import MAIN
from vqa_cli.training.state import Progress
from vqa_cli.training.step import Taken
from vqa_cli.training.tracking import STEPS, Tracker, learning_rates, named


class EpochSize(NamedTuple):
    """How large an epoch is, over all processes; its last batch may be a smaller one."""

    steps: int
    batch: int
    questions: int


class Telling:
    """Tells of each step and each epoch."""

    def __init__(
        self,
        display: Display,
        tracker: Tracker,
        optimizer: torch.optim.Optimizer,
        size: EpochSize,
    ) -> None:
        self._display, self._tracker = display, tracker
        self._optimizer, self._size = optimizer, size

    def step(self, progress: Progress, taken: Taken) -> None:
        """Tell of the step just taken; the tracker hears of its own process's losses."""
        mean = progress.epoch_sums.get(MAIN, 0.0) / (progress.epoch_weight or 1.0)
        self._display.show(progress, len(progress.history) + 1, mean, self._rate(progress))
        if progress.step % STEPS == 0:
            losses = {name: total / (taken.weight or 1.0) for name, total in taken.sums.items()}
            sizes = {"gradient_norm": taken.gradient_norm}
            sizes["questions_per_second"] = self._rate(progress)
            values = {**losses, **learning_rates(self._optimizer), **sizes}
            self._tracker.log(progress.step, named("step", values))

    def epoch(self, progress: Progress) -> None:
        """Tell of the epoch whose row of the history is the last one."""
        self._tracker.log(progress.step, named("epoch", progress.history[-1]))

    def end(self, progress: Progress) -> None:
        """Tell that no further step comes, though not all were taken."""
        self._display.end(progress)

    def measures(self, progress: Progress) -> dict[str, float]:
        """The last rates, the epoch's mean gradient norm before clipping, its questions/s."""
        return {
            **learning_rates(self._optimizer),
            "gradient_norm": progress.epoch_norm / max(1, self._steps(progress)),
            "questions_per_second": round(self._rate(progress), 1),
        }

    def _steps(self, progress: Progress) -> int:
        return progress.step - len(progress.history) * self._size.steps

    def _rate(self, progress: Progress) -> float:
        """Questions/s of the epoch so far, over all processes, validation not counted."""
        questions = min(self._steps(progress) * self._size.batch, self._size.questions)
        return questions / max(progress.epoch_seconds, 1e-9)
