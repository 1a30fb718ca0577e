"""AdaLoRA: ranks fall to the budget, what matters stays, and all of it can be resumed."""

from __future__ import annotations

from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.test_tuning import inputs, model_of
from vqa_cli.models.adapters import first_rank
from vqa_cli.models.rank_allocation import RankAllocation
from vqa_cli.models.tuning import Tuning, apply_tuning
from vqa_cli.models.vqa_model import VQAModel

STEPS = 20


def tuned() -> tuple[VQAModel, Tuning, torch.optim.AdamW]:
    model = model_of()
    tuning = apply_tuning(model, "frozen", "adalora:2", seed=0)
    learning = [p for p in model.parameters() if p.requires_grad]
    return model, tuning, torch.optim.AdamW(learning, lr=1e-2)


def step(model: VQAModel, tuning: Tuning, optimizer: torch.optim.AdamW, number: int) -> None:
    loss = F.cross_entropy(model(**inputs()), torch.tensor([0, 1, 1, 0]))
    extra = tuning.regularisation()
    assert extra is not None
    (loss + extra).backward()
    optimizer.step()
    tuning.after_step(number, STEPS)
    optimizer.zero_grad()


def allocation(tuning: Tuning) -> RankAllocation:
    return tuning._allocations["question_encoder"]


def test_ranks_fall_to_the_budget_and_stay_there() -> None:
    model, tuning, optimizer = tuned()
    totals = []
    for number in range(1, STEPS + 1):
        step(model, tuning, optimizer, number)
        totals.append(sum(allocation(tuning).ranks().values()))
    modules = len(allocation(tuning).ranks())
    assert first_rank(2) == 3
    assert totals[:2] == [3 * modules] * 2  # a tenth of the steps, before any is taken away
    assert totals == sorted(totals, reverse=True)
    assert totals[STEPS // 2 :] == [2 * modules] * (STEPS // 2)
    assert len(set(allocation(tuning).ranks().values())) > 1  # more here, less there


def test_after_a_single_step_there_are_as_many_ranks_as_wanted() -> None:
    model, tuning, optimizer = tuned()
    (model(**inputs()).sum()).backward()
    optimizer.step()
    tuning.after_step(1, 1)
    assert sum(allocation(tuning).ranks().values()) == 2 * len(allocation(tuning).ranks())


def test_the_regularisation_is_zero_where_all_matrices_are_orthogonal() -> None:
    model, tuning, _ = tuned()
    regularisation = tuning.regularisation()
    assert regularisation is not None
    assert regularisation > 0.1
    for name, parameter in model.named_parameters():
        if "lora_A" in name or "lora_B" in name:
            torch.nn.init.orthogonal_(parameter)
    regularisation = tuning.regularisation()
    assert regularisation is not None
    assert regularisation.item() < 1e-5
    assert apply_tuning(model_of(), "lora", "ia3", seed=0).regularisation() is None


def test_a_resumed_allocation_takes_the_same_ranks_away() -> None:
    model, tuning, optimizer = tuned()
    for number in range(1, 6):
        step(model, tuning, optimizer, number)
    resumed_model, resumed, resumed_optimizer = tuned()
    resumed_model.load_state_dict(model.state_dict())
    resumed_optimizer.load_state_dict(deepcopy(optimizer.state_dict()))
    state = {name: tensor.clone() for name, tensor in tuning.state().items()}
    assert state
    resumed.load_state(state)
    forgetful_model, forgetful, forgetful_optimizer = tuned()
    forgetful_model.load_state_dict(model.state_dict())
    forgetful_optimizer.load_state_dict(deepcopy(optimizer.state_dict()))
    for number in range(6, STEPS + 1):
        step(model, tuning, optimizer, number)
        step(resumed_model, resumed, resumed_optimizer, number)
        step(forgetful_model, forgetful, forgetful_optimizer, number)
    assert same(model.state_dict(), resumed_model.state_dict())
    assert not same(model.state_dict(), forgetful_model.state_dict())


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_only_ranks_are_remembered() -> None:
    assert apply_tuning(model_of(), "lora", "ia3", seed=0).state() == {}
