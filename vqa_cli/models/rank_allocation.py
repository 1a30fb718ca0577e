"""AdaLoRA's budget: which ranks of which matrices are worth keeping.

Zhang et al., 2023 (arXiv:2303.10512). An update is P Λ Q with few singular values Λ. How much
each of them matters is estimated from its sensitivity |weight · gradient|, smoothed over steps;
the least important ones are set to zero until the mean rank is the wanted one.
"""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.adalora.layer import RankAllocator
from torch import Tensor, nn

from vqa_cli.models.adapters import ADAPTER

ORTHOGONALITY = 0.5
"""Weight of the regularisation, as in the authors' code and in peft."""

BEFORE, AFTER, ROUNDS = 0.1, 0.5, 100
"""Shares of the steps before ranks are taken away and after the last was, and how often in
between; the paper's settings for GLUE are around these."""


class RankAllocation:
    """The ranks of one encoder with AdaLoRA in it."""

    def __init__(self, inner: nn.Module, config: Any) -> None:
        self._inner, self._config = inner, config
        self._allocator = RankAllocator(inner, config, ADAPTER)

    def regularisation(self) -> Tensor:
        """How far P and Q are from orthogonal: the mean of ‖PᵀP - I‖ and ‖QQᵀ - I‖ (Frobenius)."""
        norms = [
            _distance_from_orthogonal(parameter.T if "lora_A" in name else parameter)
            for name, parameter in self._inner.named_parameters()
            if name.endswith((f"lora_A.{ADAPTER}", f"lora_B.{ADAPTER}"))
        ]
        return ORTHOGONALITY * torch.stack(norms).mean()

    def after_step(self, step: int, steps: int) -> None:
        """Take ranks away after step number `step` of `steps`, counted from 1.

        The gradients of the step must still be there.
        """
        after = int(AFTER * steps)
        self._config.tinit, self._config.tfinal = int(BEFORE * steps), after
        self._config.deltaT = max(1, steps // ROUNDS)
        self._allocator.set_total_step(steps)
        if step <= steps - after:
            self._allocator.update_ipt(self._inner)
        budget, due = self._allocator.budget_schedule(step)
        if due:
            self._allocator.mask_to_budget(self._inner, budget)

    def ranks(self) -> dict[str, int]:
        """Return how many singular values of each adapted module are not zero."""
        return {
            name.removesuffix(f".lora_E.{ADAPTER}"): int((p != 0).sum())
            for name, p in self._inner.named_parameters()
            if name.endswith(f"lora_E.{ADAPTER}")
        }

    def state(self) -> dict[str, Tensor]:
        """Return the smoothed sensitivities and their uncertainties."""
        remembered = {
            "sensitivity": self._allocator.exp_avg_ipt,
            "uncertainty": self._allocator.exp_avg_unc,
        }
        return {
            f"{kind}.{name}": tensor.detach().cpu()
            for kind, tensors in remembered.items()
            for name, tensor in tensors.items()
        }

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        allocator = self._allocator
        for name, parameter in self._inner.named_parameters():
            if f"sensitivity.{name}" in tensors:
                allocator.ipt[name] = torch.zeros_like(parameter)
                allocator.exp_avg_ipt[name] = tensors[f"sensitivity.{name}"].to(parameter.device)
                allocator.exp_avg_unc[name] = tensors[f"uncertainty.{name}"].to(parameter.device)


def _distance_from_orthogonal(matrix: Tensor) -> Tensor:
    """Matrix M (n,r) -> ‖MᵀM - I‖."""
    gram = matrix.T @ matrix  # (r,r)
    return torch.linalg.matrix_norm(gram - torch.eye(len(gram), device=gram.device))
