"""One optimiser step: the batch in parts, their gradients summed, clipped and applied."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from numpy.typing import NDArray
from torch import Tensor

from vqa_cli.config import TrainSettings
from vqa_cli.errors import ModelError
from vqa_cli.models.vqa_model import Perturb
from vqa_cli.training.adversarial import Perturbation, adversarial_backward
from vqa_cli.training.batches import Rows, step_seed
from vqa_cli.training.learner import Learner, Losses, each_question
from vqa_cli.training.objective import SoftTargets
from vqa_cli.training.optimizer import rate_factor
from vqa_cli.training.split_data import Inputs, SplitData
from vqa_cli.training.state import Learning
from vqa_cli.training.validation import Validation

NAMED = 8
"""So many question ids fit in a message."""


@dataclass(frozen=True)
class Task:
    """What is learned from, and what tells how well."""

    train: SplitData
    targets: SoftTargets
    rows: Rows  # the rows of `train` that have a target
    weights: NDArray[np.float32]  # (Q,) of `train`; mean 1 over `rows`
    validation: Validation
    old: Validation | None = None  # of the data that a continued run was trained on before


@dataclass(frozen=True)
class Part:
    """What one process computes at once of a batch.

    idle: it has no share of a short batch. Its one row counts for nothing, but it must take part,
    since the others wait for its gradients.
    """

    rows: Rows
    idle: bool = False


@dataclass(frozen=True)
class Taken:
    """What a step did. sums: this process's losses by name, times its questions' weights.

    weight: the sum of these. gradient_norm: before clipping.
    """

    sums: dict[str, float]
    weight: float
    gradient_norm: float


class DivergedError(ModelError):
    """The loss or its gradient is no number any more."""


class OutOfMemoryError(Exception):
    """The accelerator's memory holds no part of this size; nothing has changed."""


class Stepper:
    """Takes the steps of one run. `steps`: how many there are in all."""

    def __init__(
        self,
        learner: Learner,
        learning: Learning,
        task: Task,
        settings: TrainSettings,
        accelerator: Accelerator,
        steps: int,
    ) -> None:
        self.learner, self.task = learner, task
        self.optimizer, self.tuning = learning.optimizer, learning.tuning
        self.settings, self.accelerator, self.steps = settings, accelerator, steps
        self.wrapped = accelerator.prepare_model(learner)
        self.asleep: Sequence[Tensor] = ()
        """Parameters that do not learn yet."""

    def take(
        self, step: int, batch: Rows, parts: Sequence[Part], loaded: Iterator[Inputs]
    ) -> Taken:
        """Take step number `step` on the rows `batch`, of which `parts` are this process's.

        loaded: gives the inputs of each part. Raises, before any weight has changed, DivergedError
        where the gradient is no number, and OutOfMemoryError.
        """
        _seed_dropout(
            step_seed(self.settings.seed, step, self.accelerator.process_index),
            self.accelerator.device,
        )
        sums = dict.fromkeys(self.learner.weights, 0.0)
        weight, broken = 0.0, [batch[:0]]
        whole = float(self.task.weights[batch].sum(dtype=np.float64))
        for place, part in enumerate(parts, start=1):
            inputs = next(loaded)
            # The processes exchange gradients once a step, with the last part.
            with nullcontext() if place == len(parts) else self.accelerator.no_sync(self.wrapped):
                losses = self._backward_if_it_fits(part, inputs, whole)
            if not part.idle:
                weights = self._weights(part)
                weight += float(weights.sum())
                for name, values in losses.parts.items():
                    sums[name] += float((values * weights).sum())
                broken.append(part.rows[~torch.isfinite(losses.total).cpu().numpy()])
        if (extra := self.tuning.regularisation()) is not None:
            with self.accelerator.no_sync(self.wrapped):  # every process has the same
                self.accelerator.backward(extra)
        for parameter in self.asleep:
            parameter.grad = None
        norm = float(
            self.accelerator.clip_grad_norm_(
                self.wrapped.parameters(), self.settings.max_gradient_norm
            )
        )
        if not math.isfinite(norm):
            of_all = gather_object(np.concatenate(broken).tolist())
            raise DivergedError(self._explain(step, batch, np.array(of_all, dtype=np.int64)))
        warmup = self.settings.warmup or 0.0
        factor = rate_factor(self.settings.schedule, step, self.steps, warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        self.optimizer.step()
        self.tuning.after_step(step + 1, self.steps)
        self.optimizer.zero_grad()
        return Taken(sums, weight, norm)

    def _backward_if_it_fits(self, part: Part, inputs: Inputs, whole: float) -> Losses:
        try:
            return self._backward(part, inputs, whole)
        except torch.OutOfMemoryError:
            pass  # what it holds is free only after this block
        self.optimizer.zero_grad()
        torch.cuda.empty_cache()
        raise OutOfMemoryError(f"{len(part.rows)} questions at once")

    def _backward(self, part: Part, inputs: Inputs, whole: float) -> Losses:
        """Add the gradients of a part of a batch that weighs `whole`; give its losses."""
        device, accelerator = self.accelerator.device, self.accelerator
        on_device = {name: tensor.to(device) for name, tensor in inputs.items()}
        targets = self.task.targets.dense(part.rows, self.learner.model.config.answers).to(device)
        weights = self._weights(part)
        # The processes' gradients are averaged; so every question of the batch counts by its
        # weight alone, whichever process and part computes it.
        share = accelerator.num_processes / whole * (not part.idle)
        passes: list[Losses] = []

        def forward(perturb: Perturb | None = None) -> Tensor:
            losses: Losses = self.wrapped(on_device, targets, perturb)
            passes.append(losses.detached())
            return (losses.total * weights).sum() * share

        if self.settings.adversarial == "none":
            accelerator.backward(forward())
        else:
            mask = each_question(on_device)["attention_mask"]
            adversarial_backward(
                self.settings.adversarial,
                Perturbation(mask, self.settings.adversarial_size),
                forward,
                accelerator.backward,
                partial(accelerator.no_sync, self.wrapped),
                device,
            )
        return passes[0]  # those of the questions as they are

    def _weights(self, part: Part) -> Tensor:
        """Return what the part's questions weigh (Q,)."""
        return torch.from_numpy(self.task.weights[part.rows]).to(self.accelerator.device)

    def _explain(self, step: int, batch: Rows, broken: Rows) -> str:
        rows = broken if len(broken) else batch
        ids = ", ".join(str(self.task.train.ids[row]) for row in rows[:NAMED])
        more = f" and {len(rows) - NAMED:,} more" if len(rows) > NAMED else ""
        which = "the loss is no number for" if len(broken) else "the gradient is no number for"
        return f"step {step + 1:,}: {which} question {ids}{more}"


def _seed_dropout(seed: int, device: torch.device) -> None:
    """Seed the generator of `device`.

    On a machine without a GPU torch.manual_seed keeps each call, with a stack trace, for the day
    that CUDA starts: milliseconds a step, and memory that grows.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)
