"""Virtual tokens: learned vectors in front of what an encoder reads, while the encoder stays.

For questions after Lester et al., 2021 (prompt tuning, arXiv:2104.08691), for the patches of a ViT
after Jia et al., 2022 (VPT-shallow, arXiv:2203.12119). They cannot be merged into other weights,
so they are parameters of the encoder, described in its config.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class VirtualTokens(nn.Module):
    """Tokens (B,N,D) -> the T learned ones and these (B,T+N,D)."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.zeros(count, width))  # (T,D)

    def forward(self, tokens: Tensor) -> Tensor:
        vectors = self.vectors.to(tokens.dtype).expand(tokens.shape[0], -1, -1)  # (B,T,D)
        return torch.cat([vectors, tokens], dim=1)

    def extend_mask(self, mask: Tensor) -> Tensor:
        """Mask (Q,L) of ones and zeros -> (Q,T+L)."""
        return torch.cat([mask.new_ones((mask.shape[0], len(self.vectors))), mask], dim=1)

    def drop(self, encoded: Tensor) -> Tensor:
        """Encoded (B,T+N,D) -> (B,N,D), without what the virtual tokens became."""
        return encoded[:, len(self.vectors) :]

    @torch.no_grad()
    def begin_as(self, vectors: Tensor) -> None:
        """Begin as the vectors (T,D) of real tokens, the better beginning of Lester et al."""
        self.vectors.copy_(vectors)

    @torch.no_grad()
    def begin_uniform(self, patch_values: int) -> None:
        """Begin as VPT does: Xavier's uniform range for patches of so many values.

        The bound is sqrt(6 / (patch_values + D)).
        """
        bound = math.sqrt(6 / (patch_values + self.vectors.shape[1]))
        self.vectors.uniform_(-bound, bound)
