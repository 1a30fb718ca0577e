"""One encoder and what of it shall learn: what it can have, and how that is told."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from vqa_cli.models.image_encoder import ImageEncoder
from vqa_cli.models.question_encoder import QuestionEncoder

DEFAULT_SIZES = {"lora": 8, "adalora": 8, "prompt": 16}
"""Ranks as in the papers' experiments on encoders of BERT's size; 16 tokens."""

ADAPTERS = ("lora", "adalora", "ia3")
BY_LAYERS = ("full", "last")


@dataclass(frozen=True)
class EncoderTuning:
    """An encoder, and the kind of its tuning. size: the N, R or T of the kind, else 0."""

    flag: str
    encoder: ImageEncoder | QuestionEncoder
    kind: str
    size: int

    @classmethod
    def of(cls, flag: str, encoder: ImageEncoder | QuestionEncoder, tuning: str) -> EncoderTuning:
        """Read a tuning as the settings have it: `kind` or `kind:size`."""
        kind, _, size = tuning.partition(":")
        return cls(flag, encoder, kind, int(size or DEFAULT_SIZES.get(kind, 0)))

    @property
    def network(self) -> Any:
        """The encoder in timm's or transformers' own form."""
        encoder = self.encoder
        return encoder.backbone if isinstance(encoder, ImageEncoder) else encoder.model

    @cached_property
    def targets(self) -> list[str]:
        """The names of the network's modules that adapters go into."""
        from vqa_cli.models.adapters import targets  # peft takes seconds to import

        return targets(self.network, self._run, self.kind)

    def learning_layers(self) -> list[list[nn.Parameter]]:
        """Return the layers that learn, from the bottom up; none where it is not by layers."""
        layers = self.encoder.layers() if self.kind in BY_LAYERS else []
        return layers[-self.size :] if self.kind == "last" else layers

    def biases(self) -> list[nn.Parameter]:
        """Return the network's biases, those of its norms too."""
        named = self.network.named_parameters()
        return [parameter for name, parameter in named if name.endswith("bias")]

    def learns(self) -> str:
        """Say what learns of the encoder."""
        layers = _counted(len(self.encoder.layers()) - 1) if self.kind in BY_LAYERS else ""
        return {
            "frozen": "frozen",
            "full": f"all of its {layers}",
            "last": f"last {self.size} of {layers}",
            "lora": f"LoRA of rank {self.size}",
            "adalora": f"AdaLoRA of mean rank {self.size}",
            "ia3": "(IA)³",
            "bitfit": "biases",
            "prompt": f"{self.size} virtual tokens",
        }[self.kind]

    def problem(self) -> str | None:
        """Say why the encoder cannot have this tuning, and what it can have; None if it can."""
        encoder, name = self.encoder, self.encoder.name
        recurrent = isinstance(encoder, QuestionEncoder) and encoder.recurrent
        if recurrent and self.kind not in ("frozen", *BY_LAYERS):
            return (
                f"{self.flag} {self.kind} adjusts what an encoder knows from pretraining, and "
                f"{name} begins at random: use full, last:N or frozen"
            )
        if self.kind == "last" and self.size > (layers := len(encoder.layers()) - 1):
            return (
                f"{self.flag} last:{self.size}: {name} has {_counted(layers)}: use fewer, or full"
            )
        if self.kind == "bitfit" and not self.biases():
            return f"{self.flag} bitfit: {name} has no biases: use lora, last:N or full"
        if self.kind == "prompt":
            return self._problem_of_tokens()
        if self.kind in ADAPTERS:
            return self._problem_of_adapters()
        return None

    def _problem_of_adapters(self) -> str | None:
        name = self.encoder.name
        if not self.targets:
            return (
                f"{self.flag} {self.kind}: {name} has no layer that peft can adapt so: use last:N, "
                "full or bitfit"
            )
        weights = [self.network.get_submodule(target).weight for target in self.targets]
        highest = max(min(weight.flatten(1).shape) for weight in weights)
        if self.size > highest:
            return (
                f"{self.flag} {self.kind}:{self.size}: no layer of {name} has a rank above "
                f"{highest}: use a much lower one, or full"
            )
        return None

    def _problem_of_tokens(self) -> str | None:
        encoder = self.encoder
        if isinstance(encoder, ImageEncoder) and not encoder.takes_virtual_tokens:
            return (
                f"{self.flag} prompt puts virtual tokens before those of a plain ViT, and "
                f"{encoder.name} is none: use lora, last:N or full"
            )
        has = len(encoder.virtual_tokens.vectors) if encoder.virtual_tokens else self.size
        if has != self.size:
            return (
                f"{self.flag} prompt:{self.size}: the encoder has {has} virtual tokens already: "
                f"use prompt:{has}"
            )
        return None

    def _run(self) -> None:
        """Encode something small."""
        encoder = self.encoder
        device = next(encoder.parameters()).device
        if isinstance(encoder, ImageEncoder):
            encoder(torch.zeros(1, 3, *encoder.config.image_size, device=device))
        else:
            ones = torch.ones(1, 2, dtype=torch.long, device=device)
            encoder(ones, ones)


def _counted(layers: int) -> str:
    return f"{layers} layer{'s' if layers > 1 else ''}"
