"""What changes the weights: AdamW, the course of its rate, and the average of its weights."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from vqa_cli.config import TrainSettings
from vqa_cli.training.learner import Learner


def optimizer_for(
    learner: Learner, settings: TrainSettings, at_heads_rate: Collection[str] = ()
) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter, 2019, arXiv:1711.05101) over what learns.

    Each group carries its peak rate. Biases, norms and the like are not decayed.
    at_heads_rate: names of encoders that learn as fast as the head does.
    """
    encoders = {
        id(parameter)
        for name in ("image_encoder", "question_encoder")
        if name not in at_heads_rate
        for parameter in getattr(learner.model, name).parameters()
    }
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in learner.parameters():
        if parameter.requires_grad:
            kind = (id(parameter) in encoders, parameter.squeeze().ndim > 1)
            groups.setdefault(kind, []).append(parameter)
    encoder_rate = settings.encoder_learning_rate or settings.learning_rate
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "encoder": in_encoder,
                "peak": encoder_rate if in_encoder else settings.learning_rate,
                "weight_decay": settings.weight_decay if decayed else 0.0,
            }
            for (in_encoder, decayed), parameters in groups.items()
        ],
        fused=True,  # one pass over each parameter instead of ten
    )


def learned_parameters(learner: Learner, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return by name what the optimiser changes, in its own order."""
    names = {id(parameter): name for name, parameter in learner.named_parameters()}
    return {
        names[id(parameter)]: parameter
        for group in optimizer.param_groups
        for parameter in group["params"]
    }


def rate_factor(schedule: str, step: int, steps: int, warmup: float) -> float:
    """Return the share of the peak rate at a step: linear warm-up, then as `schedule` says.

    `cosine`: half a cosine down to 0 (Loshchilov and Hutter, 2017, arXiv:1608.03983); `linear`:
    a straight line down to 0; `constant`: the peak rate.
    """
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    done = (step - rising) / max(1, steps - rising)
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * done))
    return 1.0 - done if schedule == "linear" else 1.0


class Average:
    """The exponential moving average of what learns (Polyak and Juditsky, 1992).

    In the first steps it forgets faster, `(1 + t) / (10 + t)`, so that it does not remember the
    random beginning (as in TensorFlow's ExponentialMovingAverage).
    """

    def __init__(self, decay: float, learned: Mapping[str, Tensor]) -> None:
        self.decay = decay
        self._learned = learned
        self.tensors = {name: p.detach().clone() for name, p in learned.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after step number `step`, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(
            list(self.tensors.values()), [p.detach() for p in self._learned.values()], 1 - decay
        )

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from saved averages."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside the block the model has the averaged weights."""
        own = {name: p.detach().clone() for name, p in self._learned.items()}
        copy_into(self._learned, self.tensors)
        try:
            yield
        finally:
            copy_into(self._learned, own)


@torch.no_grad()
def copy_into(learned: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    """Give the parameters `learned` the values of the same names."""
    for name, parameter in learned.items():
        parameter.copy_(values[name])
