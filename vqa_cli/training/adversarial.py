"""Learning from the questions as an adversary would put them: small changes that hurt most.

`--adversarial` minimises the sum of two losses, J(x) + J(x + δ), x a question's embeddings (or,
where its encoder is frozen and ends before the fusion, its stored tokens) and δ what raises J most
among the perturbations with norm(δ) <= size * norm(x). Norms are Euclidean over all of a question's
tokens (L,E), padding left out.

- `fgm`: δ is the gradient of J at x, stretched to the bound. Miyato, Dai and Goodfellow,
  "Adversarial Training Methods for Semi-Supervised Text Classification", ICLR 2017
  (arXiv:1605.07725), eq. 5. Twice the work of plain training.
- `pgd`: `STEPS` such steps, each projected back onto the bound. Madry et al., "Towards Deep
  Learning Models Resistant to Adversarial Attacks", ICLR 2018 (arXiv:1706.06083). It starts at x
  itself, whose gradient the clean pass brings along, not at a random place. Four times the work.

All passes of a step have the same dropout: the adversary attacks the network that learns from it
(Zhu et al., FreeLB, ICLR 2020, arXiv:1909.11764, section 3.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor

from vqa_cli.models.vqa_model import Perturb

STEPS = 3
"""Ascents of `pgd`, as FreeLB has them."""
REACH = 2.5
"""A step is `REACH` / `STEPS` of the bound, as Madry et al. choose it: so the bound is reached."""

TINY = torch.finfo(torch.float32).tiny


class Perturbation:
    """Embeddings x (Q,L,E) -> x + δ; δ begins as 0 and climbs."""

    def __init__(self, mask: Tensor, size: float) -> None:
        """Take a mask (Q,L) of ones where there are tokens, and the bound as a share of norm(x)."""
        self.mask, self.size = mask.unsqueeze(-1), size
        self.delta: Tensor | None = None  # (Q,L,E)
        self.bound: Tensor | None = None  # (Q,1,1)

    def __call__(self, embeddings: Tensor) -> Tensor:
        if self.delta is None:
            clean = embeddings.detach().float() * self.mask
            self.bound = self.size * length(clean)
            self.delta = torch.zeros_like(clean).requires_grad_()
        return embeddings + self.delta.to(embeddings.dtype)

    def backward(self, loss: Tensor) -> None:
        """Compute the gradient of δ alone."""
        assert self.delta is not None
        torch.autograd.backward(loss, inputs=[self.delta])

    def climb(self, reach: float) -> None:
        """Go `reach` times the bound along each question's gradient, and stay within it.

        A question whose loss does not depend on its embeddings stays where it is.
        """
        assert self.delta is not None
        assert self.delta.grad is not None
        assert self.bound is not None
        gradient = self.delta.grad * self.mask
        steepest = gradient / length(gradient).clamp(min=TINY)
        moved = self.delta.detach() + reach * self.bound * steepest
        outside = length(moved) / self.bound.clamp(min=TINY)
        self.delta = (moved / outside.clamp(min=1.0)).requires_grad_()


def length(tokens: Tensor) -> Tensor:
    """Tokens (Q,L,E) -> each question's Euclidean norm (Q,1,1)."""
    return torch.linalg.vector_norm(tokens, dim=(1, 2), keepdim=True)


def adversarial_backward(
    kind: str,
    perturbation: Perturbation,
    forward: Callable[[Perturb], Tensor],
    backward: Callable[[Tensor], None],
    no_sync: Callable[[], AbstractContextManager[object]],
    device: torch.device,
) -> None:
    """Add the gradients of J(x) + J(x + δ) to the parameters'.

    forward: the loss J, a sum over questions, under a perturbation of their embeddings. backward:
    adds a loss's gradients. no_sync: within it processes do not exchange gradients, so that only
    the last pass does, if the caller lets it.
    """
    ascents, reach = (1, 1.0) if kind == "fgm" else (STEPS, REACH / STEPS)
    with no_sync():
        for ascent in range(ascents):
            with same_dropout(device):
                loss = forward(perturbation)
            if ascent == 0:  # still J(x) itself, whose gradients count
                backward(loss)
            else:
                perturbation.backward(loss)
            perturbation.climb(reach)
    backward(forward(perturbation))


@contextmanager
def same_dropout(device: torch.device) -> Iterator[None]:
    """Leave torch's random numbers as they were, so that the next pass draws the same ones."""
    module = torch if device.type == "cpu" else torch.get_device_module(device)
    before = module.get_rng_state()
    try:
        yield
    finally:
        module.set_rng_state(before)
