"""Four ways in which question and image meet.

Shapes: B images, Q questions, N image tokens, L question tokens, D width, W the fusion's width.
Each fusion takes an `Encoded` batch and gives (Q, 3W): what the image says, what the question
says, and their product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Encode = Callable[[Tensor, Tensor], Tensor]


class Encoded(NamedTuple):
    """A batch as the encoders give it; each image once, however many questions ask about it."""

    image_tokens: Tensor  # (B,N,D_image)
    image_index: Tensor  # (Q,) whose image each question is about
    question_tokens: Tensor  # (Q,L,D_question)
    attention_mask: Tensor  # (Q,L) of ones and zeros

    def per_question(self, images: Tensor) -> Tensor:
        """Repeat what was computed once an image (B,...) for each question (Q,...).

        By index_select: the gradient of indexing is not deterministic on several threads.
        """
        return images.index_select(0, self.image_index)

    def pooled_question(self) -> Tensor:
        """The mean of each question's tokens (Q,D_question)."""
        return masked_mean(self.question_tokens, self.attention_mask)


@dataclass(frozen=True)
class FusionSizes:
    """The sizes a fusion is built from."""

    image_tokens: int  # N
    image_width: int  # D_image
    question_width: int  # D_question
    embedding_width: int  # of the question encoder's input
    width: int  # W
    layers: int
    dropout: float


class Fusion(nn.Module):
    """What every fusion is.

    `consumes` says what it takes of the question: the encoder's output (`tokens`), or its input
    (`embeddings`), where the fusion runs the encoder itself, given as `encode`.
    """

    consumes: ClassVar[Literal["tokens", "embeddings"]] = "tokens"

    def __init__(self, sizes: FusionSizes) -> None:
        super().__init__()
        self.out_features = 3 * sizes.width

    def forward(self, encoded: Encoded, encode: Encode) -> Tensor:
        """Fuse into (Q, 3W)."""
        raise NotImplementedError

    def attention(self, encoded: Encoded) -> Tensor | None:
        """How much each question looks at each image token (Q,N), of sum 1; None: it cannot say."""
        return None


def join(image: Tensor, question: Tensor) -> Tensor:
    """Image (Q,W) and question (Q,W) -> both and their product (Q,3W)."""
    return torch.cat([image, question, image * question], dim=-1)


def masked_mean(tokens: Tensor, mask: Tensor) -> Tensor:
    """Tokens (Q,L,D) and mask (Q,L) -> the mean of the tokens that are there (Q,D)."""
    weights = mask.to(tokens.dtype).unsqueeze(-1)
    return (tokens * weights).sum(1) / weights.sum(1)


class ImageProjection(nn.Sequential):
    """Image tokens (B,N,D_image) -> (B,N,W), each knowing where it lies in the image."""

    def __init__(self, sizes: FusionSizes, width: int) -> None:
        super().__init__(
            nn.LayerNorm(sizes.image_width),
            nn.Linear(sizes.image_width, width),
            Positions(sizes.image_tokens, width),
        )


class Positions(nn.Module):
    """Add a learned vector to each of N tokens (B,N,W)."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(tokens, width) * 0.1)

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.vectors


def pooled_projection(width_in: int, width: int, dropout: float) -> nn.Sequential:
    """A pooled vector (.., width_in) -> (.., width)."""
    return nn.Sequential(
        nn.LayerNorm(width_in), nn.Dropout(dropout), nn.Linear(width_in, width), nn.GELU()
    )


class ConcatFusion(Fusion):
    """Late concatenation of the pooled image and the pooled question."""

    def __init__(self, sizes: FusionSizes) -> None:
        super().__init__(sizes)
        self.image = pooled_projection(sizes.image_width, sizes.width, sizes.dropout)
        self.question = pooled_projection(sizes.question_width, sizes.width, sizes.dropout)

    def forward(self, encoded: Encoded, encode: Encode) -> Tensor:
        image = encoded.per_question(self.image(encoded.image_tokens.mean(1)))  # (Q,W)
        question = self.question(encoded.pooled_question())  # (Q,W)
        return join(image, question)


class AttentionFusion(Fusion):
    """The question says where to look: additive attention over the image tokens.

    Scores are w·tanh(V image + U question), as in Bahdanau et al., 2015 (arXiv:1409.0473), with
    several glimpses as in Kazemi and Elqursh, 2017 (arXiv:1704.03162).
    """

    GLIMPSES: ClassVar[int] = 4

    def __init__(self, sizes: FusionSizes) -> None:
        super().__init__(sizes)
        width = sizes.width
        self.project = ImageProjection(sizes, width)
        self.question = pooled_projection(sizes.question_width, width, sizes.dropout)
        self.key = nn.Linear(width, width)
        self.query = nn.Linear(width, width, bias=False)
        self.score = nn.Linear(width, self.GLIMPSES, bias=False)
        self.image = pooled_projection(self.GLIMPSES * width, width, sizes.dropout)

    def forward(self, encoded: Encoded, encode: Encode) -> Tensor:
        values = self.project(encoded.image_tokens)  # (B,N,W)
        question = self.question(encoded.pooled_question())  # (Q,W)
        weights = self._weights(encoded, values, question)
        glimpses = weights @ encoded.per_question(values)  # (Q,G,W)
        return join(self.image(glimpses.flatten(1)), question)

    def attention(self, encoded: Encoded) -> Tensor:
        """The mean of the glimpses."""
        values = self.project(encoded.image_tokens)  # (B,N,W)
        question = self.question(encoded.pooled_question())  # (Q,W)
        return self._weights(encoded, values, question).mean(1)

    def _weights(self, encoded: Encoded, values: Tensor, question: Tensor) -> Tensor:
        """Where each glimpse looks: values (B,N,W), question (Q,W) -> (Q,G,N)."""
        keys = encoded.per_question(self.key(values))  # (Q,N,W), projected once an image
        scores = self.score(torch.tanh(keys + self.query(question).unsqueeze(1)))  # (Q,N,G)
        return scores.softmax(dim=1).transpose(1, 2)


class CrossAttention(nn.Module):
    """One stream attends to the other, then thinks: attention and feed-forward, pre-norm."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.norm = nn.LayerNorm(width)
        self.norm_other = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.think = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, width),
        )

    def forward(self, stream: Tensor, other: Tensor, mask: Tensor | None = None) -> Tensor:
        """Stream (Q,S,W), other (Q,T,W), mask (Q,1,1,T) of booleans -> stream (Q,S,W)."""
        query = self._heads(self.query(self.norm(stream)))
        key, value = map(self._heads, self.key_value(self.norm_other(other)).chunk(2, dim=-1))
        dropout = self.dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(query, key, value, mask, dropout)  # (Q,h,S,W/h)
        stream = stream + self.out(attended.transpose(1, 2).flatten(2))
        return stream + self.think(stream)

    def weights(self, stream: Tensor, other: Tensor) -> Tensor:
        """What `forward` attends to: stream (Q,S,W), other (Q,T,W) -> (Q,h,S,T), of sum 1."""
        query = self._heads(self.query(self.norm(stream)))
        key, _ = map(self._heads, self.key_value(self.norm_other(other)).chunk(2, dim=-1))
        return (query @ key.transpose(2, 3) / query.shape[-1] ** 0.5).softmax(-1)

    def _heads(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (Q,T,W) -> (Q,h,T,W/h)


class CrossFusion(Fusion):
    """Stacked cross-attention between the two token sequences.

    After the co-attentional layers of Lu et al., 2019 (ViLBERT, arXiv:1908.02265).
    """

    def __init__(self, sizes: FusionSizes) -> None:
        super().__init__(sizes)
        width, heads = sizes.width, heads_for(sizes.width)
        self.project_image = ImageProjection(sizes, width)
        self.project_question = nn.Sequential(
            nn.LayerNorm(sizes.question_width), nn.Linear(sizes.question_width, width)
        )
        blocks = [CrossAttention(width, heads, sizes.dropout) for _ in range(2 * sizes.layers)]
        self.to_question = nn.ModuleList(blocks[: sizes.layers])
        self.to_image = nn.ModuleList(blocks[sizes.layers :])
        self.image = pooled_projection(width, width, sizes.dropout)
        self.question = pooled_projection(width, width, sizes.dropout)

    def forward(self, encoded: Encoded, encode: Encode) -> Tensor:
        image, question, mask = self._begin(encoded)
        for to_question, to_image in zip(self.to_question, self.to_image, strict=True):
            question, image = to_question(question, image), to_image(image, question, mask)
        pooled = masked_mean(question, encoded.attention_mask)
        return join(self.image(image.mean(1)), self.question(pooled))

    def attention(self, encoded: Encoded) -> Tensor:
        """The last layer's, from question to image: the mean of its heads and question tokens."""
        image, question, mask = self._begin(encoded)
        layers = list(zip(self.to_question, self.to_image, strict=True))
        for to_question, to_image in layers[:-1]:
            question, image = to_question(question, image), to_image(image, question, mask)
        last = layers[-1][0]
        assert isinstance(last, CrossAttention)
        return masked_mean(last.weights(question, image).mean(1), encoded.attention_mask)

    def _begin(self, encoded: Encoded) -> tuple[Tensor, Tensor, Tensor]:
        """The two streams, (Q,N,W) and (Q,L,W), and the mask of the question's (Q,1,1,L)."""
        image = encoded.per_question(self.project_image(encoded.image_tokens))
        question = self.project_question(encoded.question_tokens)
        return image, question, encoded.attention_mask.bool()[:, None, None, :]


class JointFusion(Fusion):
    """Image tokens become words of the question encoder's own input sequence.

    After Kiela et al., 2019 (MMBT, arXiv:1909.02950).
    """

    consumes: ClassVar[Literal["tokens", "embeddings"]] = "embeddings"

    def __init__(self, sizes: FusionSizes) -> None:
        super().__init__(sizes)
        self.project = ImageProjection(sizes, sizes.embedding_width)
        self.norm = nn.LayerNorm(sizes.embedding_width)
        self.image = pooled_projection(sizes.question_width, sizes.width, sizes.dropout)
        self.question = pooled_projection(sizes.question_width, sizes.width, sizes.dropout)

    def forward(self, encoded: Encoded, encode: Encode) -> Tensor:
        image = encoded.per_question(self.norm(self.project(encoded.image_tokens)))  # (Q,N,E)
        mask = encoded.attention_mask
        sequence = torch.cat([encoded.question_tokens, image], dim=1)  # (Q,L+N,E)
        tokens = encode(sequence, torch.cat([mask, mask.new_ones(image.shape[:2])], dim=1))
        length = mask.shape[1]
        pooled = masked_mean(tokens[:, :length], mask)
        return join(self.image(tokens[:, length:].mean(1)), self.question(pooled))


def heads_for(width: int) -> int:
    """Return the number of attention heads: one for 64 of the width, and a divisor of it."""
    return next(heads for heads in range(max(1, width // 64), 0, -1) if width % heads == 0)


FUSIONS: dict[str, type[Fusion]] = {
    "concat": ConcatFusion,
    "attention": AttentionFusion,
    "cross": CrossFusion,
    "joint": JointFusion,
}
