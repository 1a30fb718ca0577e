"""`finetune` with each tuning: a whole run, stopped and resumed, loaded, scored and exported."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from tests.drawing import write_shapes
from tests.models.conftest import tiny_config
from tests.training.small_runs import DEVICE, Listener, StopAt, same, train
from vqa_cli.config import TrainSettings
from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.errors import ModelError
from vqa_cli.evaluation.evaluate import evaluate
from vqa_cli.export.folder import export_run
from vqa_cli.inference.loading import load_answerer
from vqa_cli.models.checkpoint import load_checkpoint
from vqa_cli.models.tuning import apply_tuning
from vqa_cli.models.vqa_model import VQAModel
from vqa_cli.training.defaults import FEW, RATES, at_heads_rate, resolved
from vqa_cli.training.finetune import resume
from vqa_cli.training.learner import Learner
from vqa_cli.training.optimizer import optimizer_for
from vqa_cli.training.run_folder import find_unfinished

TUNINGS = [
    ("last:1", "lora:2"),
    ("lora:2", "adalora:2"),
    ("adalora:2", "ia3"),
    ("ia3", "bitfit"),
    ("bitfit", "last:1"),
    ("prompt:3", "prompt:2"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("data") / "shapes", count=24)


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ViT with weights of its own, in timm's layout."""
    folder = tmp_path_factory.mktemp("weights") / "test_vit"
    folder.mkdir()
    torch.manual_seed(3)
    arguments = {"img_size": 32, "patch_size": 8}
    model = timm.create_model("test_vit", num_classes=0, **arguments)
    save_file(model.state_dict(), folder / "model.safetensors")
    pretrained = {"mean": [0.5] * 3, "std": [0.5] * 3, "input_size": [3, 32, 32]}
    pretrained |= {"interpolation": "bilinear", "num_classes": 0}
    content = {"architecture": "test_vit", "model_args": arguments, "pretrained_cfg": pretrained}
    (folder / "config.json").write_text(json.dumps(content))
    return folder


def options(image: str, question: str, vit: Path) -> dict[str, Any]:
    named = {"image_encoder": str(vit), "image_size": None} if image.startswith("prompt") else {}
    return {"image_tuning": image, "question_tuning": question, **named}


@pytest.mark.parametrize(("image", "question"), TUNINGS)
def test_a_tuned_run_is_a_plain_model_and_resumes_to_the_same_weights(
    image: str, question: str, folder: Path, vit: Path, tmp_path: Path
) -> None:
    whole, stopped, user = tmp_path / "whole", tmp_path / "stopped", Listener()
    model, short = options(image, question, vit), {"epochs": 2, "encoder_learning_rate": 0.01}
    result = train(folder, whole, user, model=model, **short)
    assert any(line.startswith("what learns: image encoder: ") for line in user.said)

    checkpoint = load_checkpoint(whole)
    assert not any(
        "lora" in name or "ia3" in name for name in load_file(whole / "model.safetensors")
    )
    assert (checkpoint.model.config.image_encoder.virtual_tokens == 3) == (image == "prompt:3")
    data = PreparedDataset.open(Path(checkpoint.config["data"]["folder"]))
    scored = evaluate(data, "val", load_answerer(whole, device=DEVICE))
    assert scored.accuracy == pytest.approx(result.val_accuracy)

    with pytest.raises(KeyboardInterrupt):
        train(folder, stopped, StopAt(3), model=model, **short)
    base = load_file(stopped / "model.safetensors")
    learned = load_file(whole / "model.safetensors")
    for encoder in ("image_encoder.", "question_encoder."):
        assert any(
            not torch.equal(base[name], learned[name]) for name in base if name.startswith(encoder)
        )
    resume(*find_unfinished(stopped))
    assert same(whole, stopped)


@pytest.mark.slow
def test_virtual_tokens_are_exported(folder: Path, vit: Path, tmp_path: Path) -> None:
    model = options("prompt:3", "prompt:2", vit) | {"fusion": "joint"}
    run = train(folder, tmp_path / "run", model=model, epochs=1).run
    exported = export_run(run, tmp_path / "exported")
    assert exported.parity.max_abs_diff < 1e-4


def test_what_an_encoder_cannot_have_is_told_before_there_is_a_run(
    folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError) as caught:
        train(
            folder,
            tmp_path / "run",
            model={"question_encoder": "gru", "image_tuning": "prompt", "question_tuning": "lora"},
        )
    image, question = caught.value.problems
    assert "--image-tuning prompt" in image
    assert "--question-tuning lora" in question
    assert not (tmp_path / "run").exists()


def test_factors_do_not_decay_as_if_they_were_matrices() -> None:
    model = VQAModel.from_config(tiny_config())
    apply_tuning(model, "ia3", "lora", seed=0)
    settings = TrainSettings(learning_rate=1e-3, weight_decay=0.1)
    optimizer = optimizer_for(Learner(model, settings), settings)
    decayed = {
        id(parameter)
        for group in optimizer.param_groups
        if group["weight_decay"]
        for parameter in group["params"]
    }
    named = dict(model.named_parameters())
    assert not any(id(parameter) in decayed for name, parameter in named.items() if "ia3" in name)
    assert all(id(parameter) in decayed for name, parameter in named.items() if "lora_A" in name)


@pytest.mark.parametrize(
    ("image", "question", "scratch", "rate"),
    [
        ("frozen", "full", False, RATES["full"]),
        ("frozen", "lora:4", False, RATES["lora"]),
        ("prompt:4", "ia3", False, RATES["ia3"]),
        ("last:2", "prompt", False, RATES["last"]),
        ("full", "full", True, FEW.encoder_learning_rate),
    ],
)
def test_the_rate_is_what_the_most_easily_spoilt_encoder_stands(
    image: str, question: str, scratch: bool, rate: float
) -> None:
    encoders = SimpleNamespace(
        image_tuning=image,
        question_tuning=question,
        image_pretrained=not scratch,
        question_pretrained=not scratch,
    )
    rows = pd.DataFrame({"answer_kind": ["alternatives"] * 100})
    assert resolved(TrainSettings(), encoders, rows).encoder_learning_rate == rate
    asked = TrainSettings(encoder_learning_rate=0.5)
    assert resolved(asked, encoders, rows).encoder_learning_rate == 0.5


def test_an_encoder_from_scratch_beside_a_pretrained_one_learns_as_fast_as_the_head() -> None:
    def new(image_pretrained: bool, image_tuning: str) -> list[str]:
        return at_heads_rate(
            SimpleNamespace(
                image_tuning=image_tuning,
                question_tuning="full",
                image_pretrained=image_pretrained,
                question_pretrained=False,
            )
        )

    assert new(True, "full") == ["question_encoder"]
    assert new(True, "frozen") == []  # nothing that a high rate could spoil
    assert new(False, "full") == []

    model = VQAModel.from_config(tiny_config())
    apply_tuning(model, "full", "full", seed=0)
    settings = TrainSettings(learning_rate=1e-3, encoder_learning_rate=1e-5, weight_decay=0.01)
    optimizer = optimizer_for(Learner(model, settings), settings, ["question_encoder"])
    peaks = {id(p): group["peak"] for group in optimizer.param_groups for p in group["params"]}
    assert {peaks[id(p)] for p in model.image_encoder.parameters()} == {1e-5}
    assert {peaks[id(p)] for p in model.question_encoder.parameters()} == {1e-3}
    assert {peaks[id(p)] for p in model.head.parameters()} == {1e-3}
