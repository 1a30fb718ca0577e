from __future__ import annotations

import pytest
import torch

from tests.tiny_runs import tiny_model
from vqa_cli.models.fusions import AttentionFusion, CrossAttention, CrossFusion, Encoded
from vqa_cli.models.vqa_model import VQAModel


def inputs(model: VQAModel) -> tuple[torch.Tensor, ...]:
    """Three questions about two images; the last one is padded."""
    torch.manual_seed(1)
    with torch.inference_mode():
        image_tokens = model.encode_images(torch.randn(2, 3, 64, 64))
    ids = torch.tensor([[2, 7, 8, 9, 3], [2, 9, 8, 7, 3], [2, 7, 3, 0, 0]])
    return image_tokens, torch.tensor([0, 1, 1]), ids, (ids > 0).long()


@pytest.mark.parametrize("fusion", ["attention", "cross"])
@pytest.mark.parametrize("architecture", ["test_resnet", "test_vit"])
def test_each_question_spreads_one_look_over_the_image(fusion: str, architecture: str) -> None:
    model = tiny_model(fusion, architecture)
    arguments = inputs(model)
    with torch.inference_mode():
        looks = model.attention(*arguments)
    assert looks is not None
    assert looks.shape == (3, model.image_encoder.tokens)
    assert looks.min() >= 0
    torch.testing.assert_close(looks.sum(1), torch.ones(3))
    assert not torch.allclose(looks[1], looks[2])  # it depends on the question
    # Padding does not change it.
    image_tokens, index, ids, mask = arguments
    with torch.inference_mode():
        alone = model.attention(image_tokens, index[2:], ids[2:, :3], mask[2:, :3])
    torch.testing.assert_close(alone, looks[2:])


@pytest.mark.parametrize("fusion", ["concat", "joint"])
def test_other_fusions_cannot_say(fusion: str) -> None:
    model = tiny_model(fusion)
    with torch.inference_mode():
        assert model.attention(*inputs(model)) is None


def test_cross_attention_says_what_it_attends_to() -> None:
    block = CrossAttention(8, heads=2, dropout=0.0).eval()
    stream, other = torch.randn(1, 3, 8), torch.randn(1, 5, 8)
    with torch.inference_mode():
        weights = block.weights(stream, other)
        value = block._heads(block.key_value(block.norm_other(other)).chunk(2, dim=-1)[1])
        attended = stream + block.out((weights @ value).transpose(1, 2).flatten(2))
        torch.testing.assert_close(block(stream, other), attended + block.think(attended))


def test_glimpses_look_where_the_scores_are_high() -> None:
    model = tiny_model("attention")
    fusion = model.fusion
    assert isinstance(fusion, AttentionFusion)
    assert not isinstance(fusion, CrossFusion)
    image_tokens, index, ids, mask = inputs(model)
    with torch.inference_mode():
        # One token has a place of its own, which the scores know of.
        fusion.project[2].vectors[1] = 50.0
        fusion.query.weight.zero_()
        fusion.key.weight.copy_(torch.eye(32))
        fusion.score.weight.fill_(1.0)
        encoded = Encoded(image_tokens, index, model.encode_questions(ids, mask), mask)
        assert fusion.attention(encoded).argmax(dim=1).tolist() == [1, 1, 1]


@pytest.mark.parametrize(("architecture", "grid"), [("test_resnet", (2, 2)), ("test_vit", (4, 4))])
def test_the_grid_of_tokens_is_known(architecture: str, grid: tuple[int, int]) -> None:
    encoder = tiny_model("concat", architecture).image_encoder
    assert encoder.grid == grid
    assert encoder.tokens - grid[0] * grid[1] in (0, 1)
