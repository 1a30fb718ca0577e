"""Every fusion with a ResNet and a ViT, frozen and in training, on what only both inputs solve."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.conftest import BACKBONES, tiny_config
from vqa_cli.models.fusions import FUSIONS
from vqa_cli.models.vqa_model import VQAModel

IS_IT_RED = [2, 5, 6, 7, 3, 0]  # [CLS] is it red [SEP] [PAD]
IS_IT_BLUE = [2, 5, 6, 8, 4, 3]  # [CLS] is it blue ? [SEP]
NOTHING = [2, 3, 0, 0, 0, 0]


def drawn(images: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Both questions about red and blue images: neither input alone tells yes or no."""
    generator = torch.Generator().manual_seed(seed)
    red = torch.arange(images) % 2 == 0
    pixels = torch.rand(images, 3, 32, 32, generator=generator) - 0.5
    pixels[red, 0] += 1.0
    pixels[~red, 2] += 1.0
    input_ids = torch.tensor([IS_IT_RED, IS_IT_BLUE]).repeat(images, 1)
    image_index = torch.arange(images).repeat_interleave(2)
    asks_red = torch.arange(2 * images) % 2 == 0
    answers = (red[image_index] == asks_red).long()
    return pixels, image_index, input_ids, (input_ids != 0).long(), answers


def build(fusion: str, backbone: str, tuning: str) -> VQAModel:
    torch.manual_seed(0)
    model = VQAModel.from_config(tiny_config(fusion, backbone))
    if tuning == "frozen":
        model.image_encoder.freeze()
        model.question_encoder.freeze()
    return model


def learn(model: VQAModel, steps: int) -> None:
    pixels, image_index, input_ids, mask, answers = drawn(16, seed=0)
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=3e-3)
    model.train()
    for _ in range(steps):
        logits = model(image_index, mask, pixel_values=pixels, input_ids=input_ids)
        loss = F.cross_entropy(logits, answers)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 0.01:
            return


@pytest.fixture(scope="module", params=["frozen", "full"])
def tuning(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=list(BACKBONES))
def backbone(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=list(FUSIONS))
def fusion(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def trained(fusion: str, backbone: str, tuning: str) -> VQAModel:
    model = build(fusion, backbone, tuning)
    learn(model, steps=150)
    return model.eval()


@torch.inference_mode()
def accuracy(model: VQAModel, pixels: Tensor, index: Tensor, ids: Tensor, answers: Tensor) -> float:
    logits = model(index, (ids != 0).long(), pixel_values=pixels, input_ids=ids)
    return (logits.argmax(-1) == answers).float().mean().item()


def test_learns_from_both_inputs_and_from_neither_alone(trained: VQAModel) -> None:
    pixels, index, ids, _, answers = drawn(32, seed=1)
    assert accuracy(trained, pixels, index, ids, answers) >= 0.95
    blank_image = accuracy(trained, torch.zeros_like(pixels), index, ids, answers)
    blank_question = torch.tensor(NOTHING).expand_as(ids)
    assert blank_image == pytest.approx(0.5, abs=0.1)
    assert accuracy(trained, pixels, index, blank_question, answers) == pytest.approx(0.5, abs=0.1)


def test_gradients_exist_exactly_where_something_is_to_learn(
    fusion: str, backbone: str, tuning: str
) -> None:
    model = build(fusion, backbone, tuning)
    learn(model, steps=2)  # a ResNet's branches begin at zero: gradients reach them one step later
    model.zero_grad()
    pixels, index, ids, mask, answers = drawn(4, seed=2)
    F.cross_entropy(model(index, mask, pixel_values=pixels, input_ids=ids), answers).backward()
    for name, parameter in model.named_parameters():
        in_encoder = name.startswith(("image_encoder.", "question_encoder."))
        learns = not (in_encoder and tuning == "frozen")
        assert parameter.requires_grad == learns, name
        assert (parameter.grad is not None) == learns, name
    reached = [p for p in model.parameters() if p.grad is not None and p.grad.abs().max() > 0]
    learning = [p for p in model.parameters() if p.requires_grad]
    # A key's bias shifts all scores of a softmax alike, so its gradient is 0 by nature.
    assert len(reached) >= 0.9 * len(learning)


def test_frozen_encoders_stay_as_they_are(fusion: str, backbone: str) -> None:
    model = build(fusion, backbone, "frozen")
    before = {n: t.clone() for n, t in model.state_dict().items() if "_encoder." in n}
    learn(model, steps=3)
    after = model.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert not model.image_encoder.training
    assert not model.question_encoder.training


@torch.inference_mode()
def test_logits_do_not_depend_on_company_order_or_padding(trained: VQAModel) -> None:
    pixels, index, ids, mask, _ = drawn(3, seed=3)
    together = trained(index, mask, pixel_values=pixels, input_ids=ids)
    for row in range(len(ids)):
        length = int(mask[row].sum())
        alone = trained(
            torch.tensor([0]),
            mask[row : row + 1, :length],
            pixel_values=pixels[index[row] : index[row] + 1],
            input_ids=ids[row : row + 1, :length],
        )
        torch.testing.assert_close(alone[0], together[row], atol=1e-4, rtol=0)
    order = torch.tensor([4, 1, 5, 0, 2, 3])
    shuffled = trained(index[order], mask[order], pixel_values=pixels, input_ids=ids[order])
    torch.testing.assert_close(shuffled, together[order], atol=1e-4, rtol=0)
    padded = trained(
        index, F.pad(mask, (0, 5)), pixel_values=pixels, input_ids=F.pad(ids, (0, 5), value=9)
    )
    torch.testing.assert_close(padded, together, atol=1e-4, rtol=0)


@torch.inference_mode()
def test_an_image_is_encoded_once_for_all_its_questions(fusion: str, backbone: str) -> None:
    model = build(fusion, backbone, "frozen").eval()
    seen: list[int] = []
    model.image_encoder.register_forward_hook(lambda m, args, out: seen.append(len(args[0])))
    pixels, index, ids, mask, _ = drawn(2, seed=4)
    model(index, mask, pixel_values=pixels, input_ids=ids)
    assert seen == [2]
