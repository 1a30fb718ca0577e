"""What of a model's encoders learns: `--image-tuning` and `--question-tuning`.

    frozen      nothing
    last:N      the last N layers, and the norm after them
    full        everything
    lora:R      low-rank updates of all linear layers and plain convolutions, of rank R
    adalora:R   the same of mean rank R: more where it matters, less elsewhere
    ia3         vectors that rescale keys, values and the insides of feed-forward layers
    bitfit      biases, those of norms too (Ben Zaken et al., 2022, arXiv:2106.10199)
    prompt:T    T virtual tokens in front of what is encoded

Adapters are merged into the weights in the end; virtual tokens are a part of the model.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vqa_cli.errors import ModelError
from vqa_cli.models.encoder_tuning import ADAPTERS, EncoderTuning
from vqa_cli.models.vqa_model import VQAModel

if TYPE_CHECKING:
    from vqa_cli.models.rank_allocation import RankAllocation


def prepare_tuning(model: VQAModel, image_tuning: str, question_tuning: str, *, seed: int) -> None:
    """Give a new model what a tuning adds to its architecture: virtual tokens.

    Its config says so from then on, so this comes before the config is saved. Raises ModelError
    with the problems of both encoders where they cannot have such a tuning.
    """
    parts = _checked(model, image_tuning, question_tuning)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for part in parts.values():
            if part.kind == "prompt" and part.encoder.virtual_tokens is None:
                part.encoder.add_virtual_tokens(part.size)
    model.config = replace(
        model.config,
        image_encoder=model.image_encoder.config,
        question_encoder=model.question_encoder.config.to_dict(),
    )


def apply_tuning(model: VQAModel, image_tuning: str, question_tuning: str, *, seed: int) -> Tuning:
    """Let that learn which the tunings name, and nothing else of the encoders.

    The same seed gives the same adapters. Raises ModelError as `prepare_tuning` does, which has
    to come first where there are virtual tokens.
    """
    parts = _checked(model, image_tuning, question_tuning)
    allocations = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, part in parts.items():
            _apply(part)
            if part.kind in ADAPTERS and (allocation := _inject(part)):
                allocations[name] = allocation
    return Tuning(model, parts, allocations)


def _checked(model: VQAModel, image_tuning: str, question_tuning: str) -> dict[str, EncoderTuning]:
    parts = {
        "image_encoder": EncoderTuning.of("--image-tuning", model.image_encoder, image_tuning),
        "question_encoder": EncoderTuning.of(
            "--question-tuning", model.question_encoder, question_tuning
        ),
    }
    problems = [problem for part in parts.values() if (problem := part.problem())]
    if len(problems) == 1:
        raise ModelError(problems[0])
    if problems:
        raise ModelError("neither encoder can be tuned like this:", problems)
    return parts


def _apply(part: EncoderTuning) -> None:
    """Switch on what learns of the encoder's own parameters, and the rest off."""
    encoder = part.encoder
    if part.kind == "frozen":
        encoder.freeze()
        return
    encoder.frozen = False
    encoder.requires_grad_(False)
    learning = [parameter for layer in part.learning_layers() for parameter in layer]
    if part.kind == "bitfit":
        learning = part.biases()
    if part.kind == "prompt" or (part.kind == "full" and encoder.virtual_tokens):
        assert encoder.virtual_tokens is not None  # by prepare_tuning
        learning = [*learning, encoder.virtual_tokens.vectors]
    for parameter in learning:
        parameter.requires_grad = True


def _inject(part: EncoderTuning) -> RankAllocation | None:
    """Put in the adapters; AdaLoRA's have ranks to allocate."""
    from vqa_cli.models.adapters import inject  # peft takes seconds to import

    config = inject(part.network, part.targets, part.kind, part.size)
    if part.kind != "adalora":
        return None
    from vqa_cli.models.rank_allocation import RankAllocation

    return RankAllocation(part.network, config)


class Tuning:
    """What learns of a model, and what that needs while it is trained and when it is saved."""

    def __init__(
        self,
        model: VQAModel,
        parts: dict[str, EncoderTuning],
        allocations: dict[str, RankAllocation],
    ) -> None:
        self._model, self._parts, self._allocations = model, parts, allocations

    def learns(self) -> str:
        """Say what learns of both encoders, and how many parameters of the whole model."""
        image, question = (part.learns() for part in self._parts.values())
        parameters = list(self._model.parameters())
        learning = sum(p.numel() for p in parameters if p.requires_grad)
        total = sum(p.numel() for p in parameters)
        return (
            f"image encoder: {image}, question encoder: {question}; {learning:,} of {total:,} "
            f"parameters ({100 * learning / total:.1f} %)"
        )

    def layers(self) -> list[list[nn.Parameter]]:
        """Return what can be unfrozen one after another: the n-th layers of both, from the top.

        Empty where no encoder learns by layers.
        """
        image, question = (part.learning_layers()[::-1] for part in self._parts.values())
        return [[*(one or ()), *(other or ())] for one, other in zip_longest(image, question)]

    def regularisation(self) -> Tensor | None:
        """Return what is added to a step's mean loss: AdaLoRA's orthogonality; None without."""
        terms = [allocation.regularisation() for allocation in self._allocations.values()]
        return torch.stack(terms).sum() if terms else None

    def after_step(self, step: int, steps: int) -> None:
        """Do what follows the optimiser's step number `step` of `steps`, counted from 1.

        Before the gradients are cleared: AdaLoRA's ranks depend on them.
        """
        for allocation in self._allocations.values():
            allocation.after_step(step, steps)

    def state(self) -> dict[str, Tensor]:
        """Return what resuming needs beside parameters that learn, on the CPU."""
        return {
            f"{encoder}.{name}": tensor
            for encoder, allocation in self._allocations.items()
            for name, tensor in allocation.state().items()
        }

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what `state` gave; after the model is where it is trained."""
        for encoder, allocation in self._allocations.items():
            prefix = f"{encoder}."
            allocation.load_state(
                {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
            )

    def merged(self) -> dict[str, Tensor]:
        """Return the state dict of the plain model, with the adapters in its weights.

        Its names are those of a model that is built from the config; this model stays as it is.
        """
        if any(part.kind in ADAPTERS for part in self._parts.values()):
            from vqa_cli.models.adapters import merged_state

            return merged_state(self._model)
        return self._model.state_dict()
