"""The model: image encoder + question encoder + fusion + classification head -> logits.

Shapes: B images, Q questions, N image tokens, L question tokens, D width, A answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from vqa_cli.models.fusions import FUSIONS, Encoded, FusionSizes
from vqa_cli.models.image_encoder import ImageEncoder, ImageEncoderConfig
from vqa_cli.models.question_encoder import QuestionEncoder

Perturb = Callable[[Tensor], Tensor]
"""What adversarial training does to embeddings (Q,L,E)."""


@dataclass(frozen=True)
class VQAModelConfig:
    """What is needed to build the model again, without weights and without network."""

    image_encoder: ImageEncoderConfig
    question_encoder: dict[str, Any]  # a transformers configuration's plain values
    fusion: str
    width: int
    layers: int
    dropout: float
    answers: int  # A

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> Self:
        """Build from JSON's plain values."""
        image_encoder = ImageEncoderConfig.from_mapping(values["image_encoder"])
        return cls(**{**values, "image_encoder": image_encoder})

    def to_mapping(self) -> dict[str, Any]:
        return asdict(self)


class VQAModel(nn.Module):
    """Answers questions about images by choosing from an answer vocabulary."""

    def __init__(
        self,
        image_encoder: ImageEncoder,
        question_encoder: QuestionEncoder,
        *,
        fusion: str,
        width: int,
        layers: int,
        dropout: float,
        answers: int,
    ) -> None:
        super().__init__()
        self.config = VQAModelConfig(
            image_encoder=image_encoder.config,
            question_encoder=question_encoder.config.to_dict(),
            fusion=fusion,
            width=width,
            layers=layers,
            dropout=dropout,
            answers=answers,
        )
        self.image_encoder = image_encoder
        self.question_encoder = question_encoder
        self.fusion = FUSIONS[fusion](
            FusionSizes(
                image_tokens=image_encoder.tokens,
                image_width=image_encoder.width,
                question_width=question_encoder.width,
                embedding_width=question_encoder.embedding_width,
                width=width,
                layers=layers,
                dropout=dropout,
            )
        )
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(self.fusion.out_features, width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width, answers),
        )

    @classmethod
    def from_config(cls, config: VQAModelConfig) -> VQAModel:
        """Build with random weights, without network."""
        return cls(
            ImageEncoder.from_config(config.image_encoder),
            QuestionEncoder.from_config(config.question_encoder),
            fusion=config.fusion,
            width=config.width,
            layers=config.layers,
            dropout=config.dropout,
            answers=config.answers,
        )

    def encode_images(self, pixel_values: Tensor) -> Tensor:
        """Normalised pixels (B,3,H,W) -> image tokens (B,N,D), each image once."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.image_encoder.frozen):
            return self.image_encoder(pixel_values)

    def encode_questions(
        self, input_ids: Tensor, attention_mask: Tensor, perturb: Perturb | None = None
    ) -> Tensor:
        """Token ids (Q,L) and mask (Q,L) -> what the fusion consumes of the questions (Q,L,D).

        `perturb` changes the token embeddings (Q,L,E), also those of a frozen encoder.
        """
        encoder = self.question_encoder
        learns = perturb is not None or not encoder.frozen
        with torch.set_grad_enabled(torch.is_grad_enabled() and learns):
            embeddings = encoder.embed(input_ids)
            if perturb is not None:
                embeddings = perturb(embeddings)
            if self.fusion.consumes == "embeddings":
                return embeddings
            return encoder.encode(embeddings, attention_mask)

    def encode(
        self,
        image_index: Tensor,
        attention_mask: Tensor,
        *,
        pixel_values: Tensor | None = None,
        image_tokens: Tensor | None = None,
        input_ids: Tensor | None = None,
        question_tokens: Tensor | None = None,
        question_index: Tensor | None = None,
        perturb: Perturb | None = None,
    ) -> Encoded:
        """Encode what is not encoded yet: pixels, token ids; the rest is of the feature store.

        question_index (Q,): where identical questions are given once, as U rows of `input_ids`
        or `question_tokens` and of `attention_mask`, the row of each question. perturb: changes
        the questions' embeddings, or their tokens where these are given.
        """
        if image_tokens is None:
            assert pixel_values is not None
            image_tokens = self.encode_images(pixel_values)
        if question_tokens is None:
            assert input_ids is not None
            question_tokens = self.encode_questions(input_ids, attention_mask, perturb)
        elif perturb is not None:
            question_tokens = perturb(question_tokens)
        if question_index is not None:
            question_tokens = question_tokens.index_select(0, question_index)
            attention_mask = attention_mask.index_select(0, question_index)
        return Encoded(image_tokens, image_index, question_tokens, attention_mask)

    def joint(self, encoded: Encoded) -> Tensor:
        """Fuse encoded images and questions into joint representations (Q, 3W)."""
        return self.fusion(encoded, self.question_encoder.encode)

    def answer(
        self, image_tokens: Tensor, image_index: Tensor, input_ids: Tensor, attention_mask: Tensor
    ) -> Tensor:
        """Image tokens (B,N,D) and questions about images `image_index` (Q,) -> logits (Q,A)."""
        question_tokens = self.encode_questions(input_ids, attention_mask)
        encoded = Encoded(image_tokens, image_index, question_tokens, attention_mask)
        return self.head(self.joint(encoded))

    def attention(
        self, image_tokens: Tensor, image_index: Tensor, input_ids: Tensor, attention_mask: Tensor
    ) -> Tensor | None:
        """How much each question looks at each image token (Q,N); None: the fusion cannot say.

        The arguments are those of `answer`.
        """
        question_tokens = self.encode_questions(input_ids, attention_mask)
        return self.fusion.attention(
            Encoded(image_tokens, image_index, question_tokens, attention_mask)
        )

    def forward(self, image_index: Tensor, attention_mask: Tensor, **inputs: Any) -> Tensor:
        """Give logits (Q,A); the inputs are those of `encode`."""
        return self.head(self.joint(self.encode(image_index, attention_mask, **inputs)))
