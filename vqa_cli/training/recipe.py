"""The training loop, from top to bottom: plan, step, score on val, keep the best, save the state.

Everything random is a function of seed and step, so a resumed run takes the very steps that the
uninterrupted one would have taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from vqa_cli.config import TrainSettings
from vqa_cli.console import Reporter
from vqa_cli.errors import ModelError
from vqa_cli.training.auxiliary import unused
from vqa_cli.training.batches import TOGETHER, Rows, parts_of, plan_epoch, share_of
from vqa_cli.training.curves import write_history
from vqa_cli.training.display import Display
from vqa_cli.training.learner import MAIN, Learner
from vqa_cli.training.split_data import Inputs, prefetched
from vqa_cli.training.state import Learning, Progress, save_best, save_state
from vqa_cli.training.step import OutOfMemoryError, Part, Stepper, Task
from vqa_cli.training.stopping import ASKED, TIME_IS_UP, Stop, asked_to_stop
from vqa_cli.training.telling import EpochSize, Telling
from vqa_cli.training.tracking import Tracker, Untracked
from vqa_cli.training.validation import Scored

SAVE_SECONDS = 300.0
"""A kill loses at most this much of an epoch."""

OnEpoch = Callable[[int, float], None]
"""Is told of each finished epoch, counted from 1, and its val accuracy."""


class Trainer:
    """One run's training, from where `progress` stands to the end.

    deadline: when to stop, on the monotonic clock.
    """

    def __init__(
        self,
        run: Path,
        learner: Learner,
        learning: Learning,
        task: Task,
        settings: TrainSettings,
        progress: Progress,
        accelerator: Accelerator,
        report: Reporter,
        *,
        deadline: float | None = None,
        on_epoch: OnEpoch | None = None,
        tracker: Tracker | None = None,
    ) -> None:
        assert settings.epochs is not None
        assert isinstance(settings.batch_size, int)
        self.run, self.learner, self.learning, self.task = run, learner, learning, task
        self.settings, self.progress = settings, progress
        self.accelerator, self.report = accelerator, report
        self.deadline, self.on_epoch = deadline, on_epoch
        self.epochs, self.batch_size = settings.epochs, settings.batch_size
        self.steps_per_epoch = -(-len(task.rows) // self.batch_size)
        self.steps = self.steps_per_epoch * self.epochs
        display = Display(report, accelerator.device, self.epochs, self.steps)
        self.telling = Telling(
            display,
            tracker or Untracked(),
            learning.optimizer,
            EpochSize(self.steps_per_epoch, self.batch_size, len(task.rows)),
        )
        self.stepper = Stepper(learner, learning, task, settings, accelerator, self.steps)
        self._clock = time.monotonic()

    def train(self) -> None:
        """Train to the end, or until there is a reason to stop; `progress` says which.

        Raises DivergedError where the loss is no number any more, and KeyboardInterrupt, with the
        state saved, where the user stopped it.
        """
        self._clock = time.monotonic()
        if self.progress.untrained_accuracy < 0:
            self.progress.untrained_accuracy = self._score().accuracy
        with asked_to_stop(self.accelerator, self.deadline, SAVE_SECONDS) as stop:
            while self.progress.step < self.steps and not self.progress.stopped:
                try:
                    self._epoch(stop)
                except OutOfMemoryError as error:
                    self._take_smaller_parts(str(error))
        if self.progress.stopped:
            self.telling.end(self.progress)

    def _epoch(self, stop: Stop) -> None:
        """Take the steps of the current epoch that are still to do."""
        epoch, first = divmod(self.progress.step, self.steps_per_epoch)
        self.stepper.asleep = self._asleep(epoch)
        batches = self._batches(epoch)[first:]
        parts = [self._parts(batch) for batch in batches]
        loaded = self._loaded([part for several in parts for part in several], draw=2 * epoch)
        self.learner.train()
        for batch, own in zip(batches, parts, strict=True):
            self._step(batch, own, loaded)
            why = stop.agreed()
            ends = self.progress.step % self.steps_per_epoch == 0
            if ends or why == TIME_IS_UP:
                self._finish_epoch(epoch + 1)
            if why == TIME_IS_UP and self.progress.step < self.steps:
                self.progress.stopped = f"--max-minutes {self.settings.max_minutes:g} are over"
            if why or ends:
                self._save()
                stop.saved()
            if why == ASKED:
                self._say_how_to_go_on()
                raise KeyboardInterrupt
            if self.progress.stopped:
                return

    def _asleep(self, epoch: int) -> list[Tensor]:
        """Return what does not learn yet: the lower layers wake one by one, from the top down.

        After Howard and Ruder, 2018 (ULMFiT, arXiv:1801.06146). They have gradients all the same,
        which are thrown away: so processes that exchange them need not know.
        """
        every = self.settings.unfreeze_every
        layers = self.learning.tuning.layers() if every else []
        awake = 1 + epoch // every if every else 0
        return [parameter for layer in layers[awake:] for parameter in layer]

    def _batches(self, epoch: int) -> list[Rows]:
        """Return the epoch's batches, as row numbers of the train split."""
        images = self.task.train.image[self.task.rows]
        # Nothing is encoded over frozen encoders, and well-mixed batches teach a little better.
        together = 1 if self.learner.model.image_encoder.frozen else TOGETHER
        plan = plan_epoch(images, self.batch_size, self.settings.seed, epoch, together=together)
        return [self.task.rows[batch] for batch in plan]

    def _parts(self, batch: Rows) -> list[Part]:
        """Return what this process computes of a batch, one piece after the other."""
        images = self.task.train.image
        rank, world = self.accelerator.process_index, self.accelerator.num_processes
        own = share_of(batch, images, rank, world)
        if not len(own):
            return [Part(batch[:1], idle=True)]
        return [Part(rows) for rows in parts_of(own, images, self.progress.accumulation)]

    def _loaded(self, parts: Sequence[Part], draw: int) -> Iterator[Inputs]:
        def load(rows: Rows) -> Inputs:
            return self.task.train.inputs(rows, draw)

        return prefetched(load, [part.rows for part in parts])

    def _step(self, batch: Rows, parts: Sequence[Part], loaded: Iterator[Inputs]) -> None:
        began = time.monotonic()
        taken = self.stepper.take(self.progress.step, batch, parts, loaded)
        if self.learning.average is not None:
            self.learning.average.update(self.progress.step)
        self.progress.step += 1
        self.progress.add(taken.sums, taken.weight)
        self.progress.epoch_norm += taken.gradient_norm
        self.progress.epoch_seconds += time.monotonic() - began
        self.telling.step(self.progress, taken)

    def _take_smaller_parts(self, tried: str) -> None:
        """Go on from the same step with parts of half the size.

        Raises ModelError where there are no smaller ones, and where other processes wait.
        """
        world, parts = self.accelerator.num_processes, self.progress.accumulation
        if world > 1 or parts * 2 > self.batch_size:
            raise ModelError(
                f"the accelerator's memory does not hold {tried}; train with a higher "
                "--accumulation, fewer layers that learn (--image-tuning, --question-tuning) or "
                "a smaller --image-size"
            )
        self.progress.accumulation *= 2
        self.report.warn(
            f"out of memory with {tried}: from here on each batch of {self.batch_size} is "
            f"computed in {self.progress.accumulation} parts, which gives the same gradients"
        )

    def _finish_epoch(self, epoch: int) -> None:
        """Score on val, keep the weights if they are the best so far, write the history."""
        progress = self.progress
        val = self._score()
        progress.seconds_training += time.monotonic() - self._clock
        self._clock = time.monotonic()
        losses = self._mean_losses()
        progress.history.append(
            {
                "epoch": epoch,
                **losses,
                "val_loss": val.loss,
                "val_accuracy": val.accuracy,
                **self.telling.measures(progress),
                "seconds": round(progress.seconds_training, 1),
            }
        )
        progress.begin_epoch()
        better = val.accuracy > progress.best_accuracy
        if better:
            progress.best_accuracy, progress.best_epoch = val.accuracy, epoch
        if self.accelerator.is_main_process:
            if better:
                average = self.learning.average
                best = average.tensors if average else self.learning.learned
                save_best(self.run, epoch, best)
            write_history(self.run, progress.history, progress.untrained_accuracy)
            self.telling.epoch(progress)
        for reason in unused(losses) if epoch == 1 else ():
            self.report.warn(reason)
        patience = self.settings.patience
        if patience and epoch - progress.best_epoch >= patience and epoch < self.epochs:
            progress.stopped = f"no better val score for {patience} epochs"
        self.report.detail(
            f"epoch {epoch}/{self.epochs}: loss {losses[MAIN]:.4f}, val loss {val.loss:.4f}, "
            f"val accuracy {val.accuracy:.4f}{' (best)' if better else ''}"
        )
        if self.on_epoch is not None:
            self.on_epoch(epoch, val.accuracy)

    def _score(self) -> Scored:
        """Score on val, with the averaged weights where there are some."""
        average = self.learning.average
        with average.applied() if average else nullcontext():
            return self.task.validation.score(self.learner.model, self.accelerator)

    def _mean_losses(self) -> dict[str, float]:
        """Return the weighted mean losses of the epoch's questions, of all processes, by name."""
        sums, weight = self._summed()
        return {name: sums[name] / weight for name in self.learner.weights}

    def _summed(self) -> tuple[dict[str, float], float]:
        """Return the epoch's sums so far, and their weight, of all processes."""
        progress, device = self.progress, self.accelerator.device
        if self.accelerator.num_processes == 1:
            return progress.epoch_sums, progress.epoch_weight
        names = list(self.learner.weights)
        own = [progress.epoch_weight, *(progress.epoch_sums.get(name, 0.0) for name in names)]
        total = torch.tensor(own, dtype=torch.float64, device=device)
        weight, *losses = self.accelerator.reduce(total, "sum").tolist()
        return dict(zip(names, losses, strict=True)), weight

    def _say_how_to_go_on(self) -> None:
        self.report.notice(
            f"stopped at step {self.progress.step:,} of {self.steps:,}; go on with: "
            f"vqa finetune --resume {self.run}"
        )

    def _save(self) -> None:
        self.progress.seconds_training += time.monotonic() - self._clock
        self._clock = time.monotonic()
        sums, weight = self._summed()
        if self.accelerator.is_main_process:
            whole = replace(self.progress, epoch_sums=sums, epoch_weight=weight)
            save_state(self.run, self.learning, whole)
