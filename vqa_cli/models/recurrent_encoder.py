"""A GRU or an LSTM over the words of a question: the field's classic encoders, from scratch.

Antol et al., 2015 (arXiv:1505.00468) read questions with an LSTM, Teney et al., 2018
(arXiv:1708.02711) with a GRU over words of 300 numbers, one layer of width 512. Here both
directions are read, so that every token knows what comes after it as well.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

CELLS: dict[str, type[nn.GRU] | type[nn.LSTM]] = {"gru": nn.GRU, "lstm": nn.LSTM}

MANY_QUESTIONS = 20_000
"""From so many training questions on, the sizes are those of Teney et al.; below, they are near
those of the tiny preset's BERT."""


@dataclass(frozen=True)
class RecurrentConfig:
    """What the encoder is built from, named as transformers' configurations name it.

    hidden_size: of a layer's output, half of it for each direction.
    """

    model_type: str  # one of CELLS
    vocab_size: int
    embedding_size: int
    hidden_size: int
    num_hidden_layers: int
    max_position_embeddings: int  # it has no positions; questions are cut here
    pad_token_id: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def recurrent_config(
    model_type: str, vocab_size: int, questions: int, max_question_tokens: int, pad_token_id: int
) -> RecurrentConfig:
    """Choose the sizes by the number of training questions."""
    many = questions >= MANY_QUESTIONS
    return RecurrentConfig(
        model_type=model_type,
        vocab_size=vocab_size,
        embedding_size=300 if many else 64,
        hidden_size=512 if many else 128,
        num_hidden_layers=1,
        max_position_embeddings=max_question_tokens,
        pad_token_id=pad_token_id,
    )


class RecurrentModel(nn.Module):
    """`embeddings` and `encoder`, as BERT-like models have them."""

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = nn.Embedding(
            config.vocab_size, config.embedding_size, padding_idx=config.pad_token_id
        )
        self.encoder = RecurrentLayers(config)


class RecurrentLayers(nn.Module):
    """Layers of both directions, one on the other."""

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        widths = [config.embedding_size] + [config.hidden_size] * (config.num_hidden_layers - 1)
        self.layer = nn.ModuleList(
            BothDirections(CELLS[config.model_type], width, config.hidden_size // 2)
            for width in widths
        )

    def forward(self, embeddings: Tensor, attention_mask: Tensor) -> Tensor:
        """Embeddings (Q,L,E) and mask (Q,L), padded on the right -> tokens (Q,L,D)."""
        order = backwards(attention_mask)
        for layer in self.layer:
            embeddings = layer(embeddings, order)
        return embeddings


class BothDirections(nn.Module):
    """Tokens (Q,L,E) -> (Q,L,D): what was read up to each token, from either end.

    Two networks of one direction, the second over the reversed questions, instead of a
    bidirectional one over packed sequences: this is as fast, it exports with a free number of
    questions and tokens, and padding comes last in both directions, where no token sees it.
    """

    def __init__(self, cell: type[nn.GRU] | type[nn.LSTM], width: int, half: int) -> None:
        super().__init__()
        self.ahead = cell(width, half, batch_first=True)
        self.back = cell(width, half, batch_first=True)

    def forward(self, tokens: Tensor, order: Tensor) -> Tensor:
        """`order` (Q*L,) says where each token of the reversed questions stands."""
        back = self.back(_reordered(tokens, order))[0]
        return torch.cat([self.ahead(tokens)[0], _reordered(back, order)], dim=-1)


def backwards(attention_mask: Tensor) -> Tensor:
    """Mask (Q,L) -> for each place, the flat place (Q*L,) of the token that mirrors it.

    Only the tokens of the question are turned round; padding stays where it is. Done twice, it is
    undone.
    """
    questions, length = attention_mask.shape
    tokens = attention_mask.sum(1, keepdim=True)  # (Q,1)
    place = torch.arange(length, device=attention_mask.device)
    mirrored = torch.where(place < tokens, tokens - 1 - place, place)  # (Q,L)
    first = length * torch.arange(questions, device=attention_mask.device).unsqueeze(1)
    return (first + mirrored).flatten()


def _reordered(tokens: Tensor, order: Tensor) -> Tensor:
    """Tokens (Q,L,E) in the flat order (Q*L,), each in its own question."""
    return tokens.flatten(0, 1).index_select(0, order).view_as(tokens)
