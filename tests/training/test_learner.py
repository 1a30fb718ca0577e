"""What a batch costs: the main loss, the auxiliary ones, and what a perturbation sees."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.models.conftest import tiny_config
from vqa_cli.config import TrainSettings
from vqa_cli.models.vqa_model import VQAModel
from vqa_cli.training.learner import Learner
from vqa_cli.training.split_data import Inputs

TARGETS = torch.eye(2)[[0, 1, 1, 0]]


def learner(**settings: Any) -> Learner:
    torch.manual_seed(0)
    model = VQAModel.from_config(tiny_config())
    return Learner(model, TrainSettings(objective="cross-entropy", **settings)).eval()


def inputs() -> Inputs:
    """Four questions about two images; the first and the last have the same words."""
    random = torch.Generator().manual_seed(0)
    return {
        "image_index": torch.tensor([0, 0, 1, 1]),
        "question_index": torch.tensor([0, 1, 2, 0]),
        "pixel_values": torch.randn(2, 3, 32, 32, generator=random),
        "input_ids": torch.tensor([[1, 2, 3], [4, 5, 0], [6, 7, 0]]),
        "attention_mask": torch.tensor([[1, 1, 1], [1, 1, 0], [1, 1, 0]]),
        "fits": torch.tensor([[True, True], [True, False], [False, True]]),
    }


@pytest.mark.parametrize("weight", [0.5, 2.0])
def test_the_total_is_the_weighted_sum_of_the_parts(weight: float) -> None:
    total, parts = learner(contrastive=weight, matching=1.0)(inputs(), TARGETS)
    assert list(parts) == ["loss", "contrastive_loss", "matching_loss"]
    torch.testing.assert_close(
        total, parts["loss"] + weight * parts["contrastive_loss"] + parts["matching_loss"]
    )


def test_words_that_are_asked_of_both_images_have_no_negative() -> None:
    parts = learner(contrastive=1.0, matching=1.0)(inputs(), TARGETS).parts
    assert parts["matching_loss"].ne(0).tolist() == [False, True, True, False]


def test_without_an_auxiliary_weight_there_is_the_main_loss_alone() -> None:
    plain = learner()
    total, parts = plain(inputs(), TARGETS)
    assert list(parts) == ["loss"]
    assert torch.equal(total, parts["loss"])
    assert all(name.startswith("model.") for name, _ in plain.named_parameters())


def test_consistency_compares_with_the_second_view() -> None:
    consistent = learner(consistency=1.0)
    first = inputs()
    other = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    second = torch.cat([first["pixel_values"][:1], other])
    losses = consistent({**first, "second_pixel_values": second}, TARGETS).parts["consistency_loss"]
    assert losses[:2].tolist() == pytest.approx([0, 0], abs=1e-9)
    with torch.no_grad():
        tokens = consistent.model.encode_images(second)
        plain = {n: t for n, t in first.items() if n not in ("fits", "pixel_values")}
        a, b = (
            consistent.model.joint(consistent.model.encode(**plain, image_tokens=tokens))
            for tokens in (consistent.model.encode_images(first["pixel_values"]), tokens)
        )
    torch.testing.assert_close(losses, (a - b).square().mean(1))
    stored = consistent({**first, "second_image_tokens": tokens}, TARGETS)
    torch.testing.assert_close(stored.parts["consistency_loss"], losses)


def test_a_perturbation_sees_each_question_apart() -> None:
    seen: list[torch.Size] = []

    def nothing(embeddings: Tensor) -> Tensor:
        seen.append(embeddings.shape)
        return embeddings

    plain = learner()
    perturbed = plain(inputs(), TARGETS, nothing).total
    torch.testing.assert_close(perturbed, plain(inputs(), TARGETS).total)
    assert seen == [(4, 3, 32)]
