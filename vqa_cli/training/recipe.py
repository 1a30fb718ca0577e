"""The training loop, from top to bottom: plan, step, score on val, keep the best, save the state.

Everything random is a function of seed and step, so a resumed run takes the very steps that the
uninterrupted one would have taken.
"""

from __future__ import annotations

import csv
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from vqa_cli.config import TrainSettings
from vqa_cli.console import Reporter
from vqa_cli.errors import ModelError
from vqa_cli.files import replacing
from vqa_cli.models.checkpoint import save_weights
from vqa_cli.models.vqa_model import VQAModel
from vqa_cli.training.batches import Rows, plan_epoch, share_of, step_seed
from vqa_cli.training.objective import SoftTargets, loss_sum
from vqa_cli.training.split_data import Inputs, SplitData, prefetched
from vqa_cli.training.state import Progress, save_state
from vqa_cli.training.stopping import Stop, asked_to_stop
from vqa_cli.training.validation import Validation

SAVE_SECONDS = 300.0
"""A kill loses at most this much of an epoch."""


@dataclass(frozen=True)
class Task:
    """What is learned from, and what tells how well."""

    train: SplitData
    targets: SoftTargets
    rows: Rows  # the rows of `train` that have a target
    validation: Validation


def optimizer_for(model: VQAModel, settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter, 2019, arXiv:1711.05101) over what learns.

    Each group carries its peak rate. Biases, norms and the like are not decayed.
    """
    encoders = {id(p) for p in model.image_encoder.parameters()}
    encoders |= {id(p) for p in model.question_encoder.parameters()}
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            kind = (id(parameter) in encoders, parameter.ndim > 1)
            groups.setdefault(kind, []).append(parameter)
    encoder_rate = settings.encoder_learning_rate or settings.learning_rate
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "peak": encoder_rate if in_encoder else settings.learning_rate,
                "weight_decay": settings.weight_decay if decayed else 0.0,
            }
            for (in_encoder, decayed), parameters in groups.items()
        ],
        fused=True,  # one pass over each parameter instead of ten
    )


def rate_factor(step: int, steps: int, warmup: float) -> float:
    """Return the share of the peak rate at a step: linear warm-up, then half a cosine."""
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


class Trainer:
    """One run's training, from where `progress` stands to the end."""

    def __init__(
        self,
        run: Path,
        model: VQAModel,
        optimizer: torch.optim.AdamW,
        task: Task,
        settings: TrainSettings,
        progress: Progress,
        accelerator: Accelerator,
        report: Reporter,
    ) -> None:
        assert settings.epochs is not None
        assert isinstance(settings.batch_size, int)
        self.batch_size = settings.batch_size
        self.run, self.model, self.optimizer, self.task = run, model, optimizer, task
        self.settings, self.progress = settings, progress
        self.accelerator, self.report = accelerator, report
        self.epochs = settings.epochs
        self.steps_per_epoch = -(-len(task.rows) // self.batch_size)
        self.steps = self.steps_per_epoch * self.epochs
        self.wrapped = accelerator.prepare_model(model)
        self._clock = time.monotonic()
        self._saved = self._clock

    def train(self) -> None:
        """Train to the end; the best weights are in the run folder then.

        Raises ModelError where the loss is no number any more, and KeyboardInterrupt, with the
        state saved, where the user stopped it.
        """
        self._clock = self._saved = time.monotonic()
        if self.progress.untrained_accuracy < 0:
            untrained = self.task.validation.score(self.model, self.accelerator)
            self.progress.untrained_accuracy = untrained.accuracy
        with asked_to_stop(self.accelerator) as stop:
            while self.progress.step < self.steps:
                self._epoch(stop)

    def _epoch(self, stop: Stop) -> None:
        """Take the steps of the current epoch that are still to do."""
        epoch, first = divmod(self.progress.step, self.steps_per_epoch)
        batches = self._batches(epoch)[first:]
        shares = [self._share(batch) for batch in batches]
        loads = [
            rows if len(rows) else batch[:1] for batch, rows in zip(batches, shares, strict=True)
        ]
        loaded = prefetched(self.task.train.inputs, loads)
        self.wrapped.train()
        for batch, rows, load, inputs in zip(batches, shares, loads, loaded, strict=True):
            self._step(batch, load, inputs, idle=not len(rows))
            mean = self.progress.epoch_loss / max(1, self.progress.epoch_questions)
            self.report.progress(
                "training",
                self.progress.step,
                self.steps,
                f"epoch {epoch + 1}/{self.epochs}, loss {mean:.3f}, "
                f"best val {max(0.0, self.progress.best_accuracy):.3f}",
            )
            stopping = stop.agreed()
            epoch_ends = self.progress.step % self.steps_per_epoch == 0
            if epoch_ends:
                self._finish_epoch(epoch + 1)
            if stopping or epoch_ends or time.monotonic() - self._saved > SAVE_SECONDS:
                self._save()
            if stopping:
                self.report.notice(
                    f"stopped at step {self.progress.step:,} of {self.steps:,}; go on with: "
                    f"vqa finetune --resume {self.run}"
                )
                raise KeyboardInterrupt

    def _batches(self, epoch: int) -> list[Rows]:
        """Return the epoch's batches, as row numbers of the train split."""
        by_image = not self.model.image_encoder.frozen
        images = self.task.train.image[self.task.rows]
        plan = plan_epoch(images, self.batch_size, self.settings.seed, epoch, by_image=by_image)
        return [self.task.rows[batch] for batch in plan]

    def _share(self, batch: Rows) -> Rows:
        """Return this process's rows of a batch."""
        rank, world = self.accelerator.process_index, self.accelerator.num_processes
        return share_of(batch, self.task.train.image, rank, world)

    def _step(self, batch: Rows, rows: Rows, inputs: Inputs, idle: bool) -> None:
        """Take one optimiser step on `batch`, of which `rows` are this process's.

        A process that is `idle` has no share of a short batch: its row counts for nothing, but
        it must take part, since the others wait for its gradients.
        """
        device, world = self.accelerator.device, self.accelerator.num_processes
        torch.manual_seed(
            step_seed(self.settings.seed, self.progress.step, self.accelerator.process_index)
        )
        targets = self.task.targets.dense(rows, self.model.config.answers).to(device)
        logits: Tensor = self.wrapped(**{name: t.to(device) for name, t in inputs.items()})
        loss = loss_sum(self.settings.objective, logits, targets, self.settings.label_smoothing) * (
            not idle
        )
        # The processes' gradients are averaged; so every question of the batch weighs the same,
        # whichever process computes it.
        self.accelerator.backward(loss * world / len(batch))
        self.accelerator.clip_grad_norm_(self.wrapped.parameters(), self.settings.max_gradient_norm)
        factor = rate_factor(self.progress.step, self.steps, self.settings.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.progress.step += 1
        self.progress.epoch_loss += loss.item()
        self.progress.epoch_questions += 0 if idle else len(rows)

    def _finish_epoch(self, epoch: int) -> None:
        """Score on val, keep the weights if they are the best so far, write the history."""
        progress = self.progress
        loss = self.accelerator.reduce(
            torch.tensor([progress.epoch_loss, progress.epoch_questions], dtype=torch.float64)
            .to(torch.float32)
            .to(self.accelerator.device)
        )
        mean = float(loss[0] / loss[1])
        if not math.isfinite(mean):
            raise ModelError(
                f"the loss is {mean} after epoch {epoch}; the best weights so far are kept in "
                f"{self.run}. Train again with a smaller --learning-rate"
            )
        val = self.task.validation.score(self.model, self.accelerator)
        progress.seconds_training += time.monotonic() - self._clock
        self._clock = time.monotonic()
        progress.history.append(
            {
                "epoch": epoch,
                "loss": mean,
                "val_loss": val.loss,
                "val_accuracy": val.accuracy,
                "seconds": round(progress.seconds_training, 1),
            }
        )
        progress.epoch_loss, progress.epoch_questions = 0.0, 0
        better = val.accuracy > progress.best_accuracy
        if better:
            progress.best_accuracy, progress.best_epoch = val.accuracy, epoch
        if self.accelerator.is_main_process:
            if better:
                save_weights(self.run, self.model)
            write_history(self.run / "history.csv", progress.history)
        self.report.detail(
            f"epoch {epoch}/{self.epochs}: loss {mean:.4f}, val loss {val.loss:.4f}, "
            f"val accuracy {val.accuracy:.4f}{' (best)' if better else ''}"
        )

    def _save(self) -> None:
        self.progress.seconds_training += time.monotonic() - self._clock
        self._clock = self._saved = time.monotonic()
        if self.accelerator.is_main_process:
            save_state(self.run, self.model, self.optimizer, self.progress)


def write_history(path: Path, history: list[dict[str, float]]) -> None:
    """Write history.csv: one line an epoch."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)
