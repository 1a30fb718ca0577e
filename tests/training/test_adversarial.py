"""The adversaries on a loss whose worst perturbations are known."""

from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor

from vqa_cli.training.adversarial import (
    REACH,
    STEPS,
    Perturbation,
    adversarial_backward,
    length,
)

CPU = torch.device("cpu")
MASK = torch.tensor([[1, 1, 1], [1, 1, 0]])


def embeddings(seed: int = 0) -> Tensor:
    return torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(seed))


def run(kind: str, perturbation: Perturbation, forward: Callable[..., Tensor]) -> None:
    adversarial_backward(kind, perturbation, forward, Tensor.backward, nullcontext, CPU)


@pytest.mark.parametrize("kind", ["fgm", "pgd"])
def test_a_linear_loss_is_raised_as_far_as_the_bound_lets_it(kind: str) -> None:
    slope, x = embeddings(1), embeddings()
    perturbation = Perturbation(MASK, 0.25)
    losses: list[float] = []

    def forward(perturb: Callable[[Tensor], Tensor]) -> Tensor:
        loss = (slope * perturb(x)).sum() + 0 * parameter
        losses.append(loss.item())
        return loss

    parameter = torch.zeros((), requires_grad=True)
    run(kind, perturbation, forward)
    real = MASK.unsqueeze(-1)
    bound = 0.25 * length(x * real)
    expected = bound * slope * real / length(slope * real)
    assert perturbation.delta is not None
    torch.testing.assert_close(perturbation.delta.detach(), expected, rtol=1e-5, atol=1e-6)
    assert not perturbation.delta[1, 2].any()  # padding
    assert len(losses) == (2 if kind == "fgm" else STEPS + 1)
    assert losses == sorted(losses)
    gained = (bound * length(slope * real)).sum().item()
    assert losses[-1] - losses[0] == pytest.approx(gained, rel=1e-5)


@pytest.mark.parametrize("kind", ["fgm", "pgd"])
def test_the_gradients_are_those_of_the_clean_and_the_perturbed_loss(kind: str) -> None:
    x, weight = embeddings(), torch.randn(4, generator=torch.Generator().manual_seed(2))
    weight.requires_grad_()

    def forward(perturb: Callable[[Tensor], Tensor]) -> Tensor:
        return (perturb(x) @ weight).square().sum()

    perturbation = Perturbation(MASK, 0.1)
    run(kind, perturbation, forward)
    assert perturbation.delta is not None
    found = weight.grad
    perturbed = x + perturbation.delta.detach()
    both = (x @ weight).square().sum() + (perturbed @ weight).square().sum()
    torch.testing.assert_close(found, torch.autograd.grad(both, weight)[0])


def test_pgd_steps_back_onto_the_bound_and_finds_more_than_fgm() -> None:
    x = embeddings()
    goal = x + 0.2 * embeddings(3)  # the loss is highest where x + δ points away from it

    def forward(perturb: Callable[[Tensor], Tensor]) -> Tensor:
        return ((perturb(x) - goal) ** 4).sum() + 0 * parameter

    parameter = torch.zeros((), requires_grad=True)
    reached = {}
    for kind in ("fgm", "pgd"):
        perturbation = Perturbation(torch.ones(2, 3), 0.3)
        run(kind, perturbation, forward)
        assert perturbation.delta is not None
        within = length(perturbation.delta) / length(x)
        assert within.flatten().tolist() == pytest.approx([0.3, 0.3], rel=1e-5)
        reached[kind] = forward(perturbation).item()
    assert reached["pgd"] > reached["fgm"]
    assert REACH / STEPS < 1


def test_a_question_that_counts_for_nothing_is_not_moved() -> None:
    x = embeddings()
    counts = torch.tensor([1.0, 0.0])[:, None, None]
    parameter = torch.zeros((), requires_grad=True)
    perturbation = Perturbation(MASK, 0.1)
    run("pgd", perturbation, lambda perturb: (counts * perturb(x)).sum() + 0 * parameter)
    assert perturbation.delta is not None
    assert not perturbation.delta[1].any()
    assert perturbation.delta[0].any()
    assert perturbation.delta.isfinite().all()


def test_what_a_question_is_perturbed_by_does_not_depend_on_the_others() -> None:
    x = embeddings()
    parameter = torch.zeros((), requires_grad=True)

    def moved(rows: list[int]) -> Tensor:
        perturbation = Perturbation(MASK[rows], 0.1)
        run(
            "pgd",
            perturbation,
            lambda perturb: (
                (perturb(x[rows]).sin() * MASK[rows].unsqueeze(-1)).sum() + 0 * parameter
            ),
        )
        assert perturbation.delta is not None
        return perturbation.delta.detach()

    both = moved([0, 1])
    torch.testing.assert_close(both, torch.cat([moved([0]), moved([1])]))


def test_all_passes_have_the_same_dropout_and_the_next_part_another() -> None:
    x, drawn = embeddings(), []

    def forward(perturb: Callable[[Tensor], Tensor]) -> Tensor:
        drawn.append(torch.rand(3).tolist())
        return perturb(x).sum() + 0 * parameter

    parameter = torch.zeros((), requires_grad=True)
    torch.manual_seed(0)
    for _ in range(2):
        run("pgd", Perturbation(MASK, 0.1), forward)
    passes = STEPS + 1
    assert drawn[0] == drawn[1] == drawn[passes - 1] != drawn[passes] == drawn[-1]


@pytest.mark.parametrize("kind", ["fgm", "pgd"])
def test_processes_exchange_gradients_in_the_last_pass_alone(kind: str) -> None:
    x, inside, seen = embeddings(), [0], []

    class NoSync:
        def __enter__(self) -> None:
            inside[0] += 1

        def __exit__(self, *error: object) -> None:
            inside[0] -= 1

    def forward(perturb: Callable[[Tensor], Tensor]) -> Tensor:
        seen.append(("forward", inside[0]))
        return perturb(x).sum() + 0 * parameter

    def backward(loss: Tensor) -> None:
        seen.append(("backward", inside[0]))
        loss.backward()

    parameter = torch.zeros((), requires_grad=True)
    adversarial_backward(kind, Perturbation(MASK, 0.1), forward, backward, NoSync, CPU)
    assert seen[-2:] == [("forward", 0), ("backward", 0)]
    assert all(depth == 1 for _, depth in seen[:-2])
