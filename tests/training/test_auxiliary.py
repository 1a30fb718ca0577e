"""The auxiliary losses against values worked out by loops, and what has no negative."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vqa_cli.models.fusions import Encoded
from vqa_cli.training.auxiliary import (
    Contrastive,
    Matching,
    consistency_losses,
    contrastive_losses,
    other_images,
)

# Five questions about three images; question 3 has the words of question 0, about another image.
IMAGE = torch.tensor([0, 0, 1, 1, 2])
FITS = [[1, 1, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]]


def batch(image: Tensor = IMAGE, images: int = 3, seed: int = 0) -> Encoded:
    random = torch.Generator().manual_seed(seed)
    return Encoded(
        torch.randn(images, 4, 6, generator=random),
        image,
        torch.randn(len(image), 3, 5, generator=random),
        torch.tensor([[1, 1, 1]] + [[1, 1, 0]] * (len(image) - 1)),
    )


def scores() -> Tensor:
    return 3 * torch.randn(5, 3, generator=torch.Generator().manual_seed(1))


def test_consistency_is_the_mean_squared_difference_of_each_question() -> None:
    joint, second = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[1.0, 5.0], [1.0, -1.0]])
    assert consistency_losses(joint, second).tolist() == [4.5, 1.0]


def contrastive_by_loops(scores: Tensor) -> list[float]:
    expected = []
    for q, own in enumerate(IMAGE.tolist()):
        right = math.exp(scores[q, own])
        images = sum(math.exp(scores[q, b]) for b in range(3) if not FITS[q][b])
        questions = sum(math.exp(scores[p, own]) for p in range(5) if not FITS[p][own])
        both = math.log(right / (right + images)) + math.log(right / (right + questions))
        expected.append(-both / 2)
    return expected


def test_the_contrastive_loss_takes_no_fitting_pair_for_a_negative() -> None:
    losses = contrastive_losses(scores(), IMAGE, torch.tensor(FITS).bool())
    assert losses.tolist() == pytest.approx(contrastive_by_loops(scores()), rel=1e-5)


def test_with_one_question_an_image_the_contrastive_loss_is_clips() -> None:
    square, numbers = torch.randn(4, 4, generator=torch.Generator().manual_seed(2)), torch.arange(4)
    clip = (F.cross_entropy(square, numbers) + F.cross_entropy(square.T, numbers)) / 2
    losses = contrastive_losses(square, numbers, torch.eye(4).bool())
    assert losses.mean().item() == pytest.approx(clip.item(), rel=1e-6)


def test_a_batch_of_one_image_has_no_negatives_and_teaches_nothing() -> None:
    alone = batch(torch.tensor([0, 0, 0]), images=1)
    fits = torch.ones(3, 1, dtype=torch.bool)
    contrastive = Contrastive(6, 5, 8)
    losses = contrastive(alone, fits)
    losses.sum().backward()
    assert losses.tolist() == [0, 0, 0]
    assert all(not p.grad.any() for p in contrastive.parameters() if p.grad is not None)
    assert not other_images(fits)[1].any()


def test_the_contrastive_scores_are_scaled_cosines_of_the_pooled_encoders() -> None:
    encoded, contrastive, fits = batch(), Contrastive(6, 5, 8), torch.tensor(FITS).bool()
    lengths = encoded.attention_mask.sum(1).tolist()
    images = contrastive.image(encoded.image_tokens.mean(1))
    scores = torch.stack(
        [
            F.cosine_similarity(contrastive.question(tokens[:length].mean(0)), images)
            for tokens, length in zip(encoded.question_tokens, lengths, strict=True)
        ]
    )
    expected = contrastive_losses(scores / 0.07, IMAGE, fits)
    torch.testing.assert_close(contrastive(encoded, fits), expected, rtol=1e-4, atol=1e-6)


def test_the_other_image_is_any_that_does_not_fit_and_every_such_is_drawn() -> None:
    fits = torch.tensor(FITS).bool()
    seen: list[set[int]] = [set() for _ in FITS]
    for seed in range(40):
        torch.manual_seed(seed)
        other, found = other_images(fits)
        assert found.all()
        for q, image in enumerate(other.tolist()):
            seen[q].add(image)
    assert seen == [{2}, {1, 2}, {0, 2}, {2}, {0, 1}]


def test_the_other_image_is_a_function_of_torchs_seed() -> None:
    fits = torch.eye(16).bool()
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(other_images(fits)[0].tolist())
    assert drawn[0] == drawn[1] != drawn[2]


def test_matching_is_the_binary_cross_entropy_of_right_and_shuffled_pairs() -> None:
    matching = Matching(2)
    with torch.no_grad():
        matching.score.weight.copy_(torch.tensor([[1.0, -1.0]]))
        matching.score.bias.zero_()
    right, wrong = torch.tensor([[3.0, 1.0]]), torch.tensor([[0.0, 1.0]])  # logits 2 and -1
    sure = [1 / (1 + math.exp(-2)), 1 - 1 / (1 + math.exp(1))]
    expected = -(math.log(sure[0]) + math.log(sure[1])) / 2
    assert matching(right, wrong).tolist() == pytest.approx([expected], rel=1e-6)
