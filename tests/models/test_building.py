from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from vqa_cli.config import ModelSettings
from vqa_cli.console import Silent
from vqa_cli.errors import ModelError
from vqa_cli.models import hub
from vqa_cli.models.building import BuiltModel, build_model
from vqa_cli.models.vqa_model import VQAModel, VQAModelConfig

QUESTIONS = ["what color is it?", "is it red?", "how many circles are there?"]


class Listener(Silent):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def build(report: Silent | None = None, seed: int = 0, **settings: object) -> BuiltModel:
    return build_model(
        ModelSettings(**settings),
        questions=QUESTIONS,
        answers=5,
        seed=seed,
        offline=True,
        report=report or Silent(),
    )


def test_tiny_learns_from_scratch_without_batch_statistics() -> None:
    built = build(preset="tiny")
    assert (built.image_pretrained, built.question_pretrained) == (False, False)
    assert all(p.requires_grad for p in built.model.parameters())
    assert not any("running_mean" in name for name, _ in built.model.named_buffers())
    for question in QUESTIONS:
        assert "[UNK]" not in built.preprocessor.tokenizer.encode(question).tokens


def test_the_seed_decides_the_weights() -> None:
    def head(seed: int) -> torch.Tensor:
        return build(preset="tiny", seed=seed).model.head[1].weight

    assert torch.equal(head(1), head(1))
    assert not torch.equal(head(1), head(2))


def test_the_preprocessor_fits_the_encoder() -> None:
    built = build(preset="tiny", image_size=96, resize="letterbox", max_question_tokens=9)
    pixels = torch.from_numpy(
        built.preprocessor.normalize(built.preprocessor.pixels(photo())[None])
    )
    assert built.model.encode_images(pixels).shape[1] == built.model.image_encoder.tokens
    assert built.preprocessor.transform.resize == "letterbox"
    assert built.preprocessor.questions(["why " * 50])[0].shape == (1, 9)


def photo() -> object:
    from PIL import Image

    return Image.new("RGB", (120, 40), "red")


def test_auto_falls_back_to_tiny_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "is_cached", lambda repository: False)
    listener = Listener()
    assert build(listener, preset="auto").preset == "tiny"
    assert any("tiny" in warning and "resnet50" in warning for warning in listener.warnings)


def test_a_named_preset_is_never_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "is_cached", lambda repository: False)
    with pytest.raises(ModelError, match="network is forbidden"):
        build(preset="small")


def test_a_named_encoder_is_never_replaced() -> None:
    with pytest.raises(ModelError, match="resnet50"):
        build(preset="tiny", image_encoder="resnet50")


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_a_recurrent_question_encoder_learns_from_scratch(kind: str) -> None:
    built = build(preset="tiny", question_encoder=kind, max_question_tokens=9)
    encoder = built.model.question_encoder
    assert encoder.config.model_type == kind
    assert (built.question_pretrained, built.question_tuning) == (False, "full")
    assert built.preprocessor.questions(["why " * 50])[0].shape == (1, 9)
    again = VQAModel.from_config(VQAModelConfig.from_mapping(built.model.config.to_mapping()))
    again.load_state_dict(built.model.state_dict())


@pytest.mark.parametrize(
    ("named", "asked_for"),
    [
        ({"question_encoder": "gru"}, {"timm/resnet50.a1_in1k"}),
        ({}, {"timm/resnet50.a1_in1k", "sentence-transformers/all-MiniLM-L6-v2"}),
    ],
)
def test_auto_needs_only_what_no_one_named(
    named: dict[str, str], asked_for: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = set()
    monkeypatch.setattr(hub, "is_cached", lambda repository: bool(asked.add(repository)))
    listener = Listener()
    assert build(listener, **named).preset == "tiny"
    assert asked == asked_for
    assert ("question encoder" in listener.warnings[0]) == (not named)


def test_auto_asks_nobody_where_both_encoders_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(repository: str) -> bool:
        raise AssertionError(repository)

    for question in ("is_cached", "answers_at_once"):
        monkeypatch.setattr(hub, question, asked)
    weights = tmp_path / "resnet.safetensors"
    state = timm.create_model("test_resnet").state_dict()
    save_file(state, weights, metadata={"architecture": "test_resnet"})
    assert build(question_encoder="gru", image_encoder=str(weights)).preset == "small"
