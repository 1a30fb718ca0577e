"""Every kind of tuning with every kind of encoder: what learns, what does not, and merging."""

from __future__ import annotations

import ast
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.conftest import tiny_config
from vqa_cli.errors import ModelError
from vqa_cli.models import tuning
from vqa_cli.models.fusions import FUSIONS
from vqa_cli.models.tuning import Tuning, apply_tuning, prepare_tuning
from vqa_cli.models.vqa_model import VQAModel

BACKBONES: dict[str, dict[str, Any]] = {
    "test_resnet": {},
    "test_vit": {"img_size": 64, "patch_size": 8},
    "test_efficientnet": {},
    "test_convnext": {},
    "swin_tiny_patch4_window7_224": {
        "img_size": 64,
        "embed_dim": 24,
        "depths": (1, 1),
        "num_heads": (2, 4),
    },
}
SIZES = {
    "vocab_size": 20,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 16,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
QUESTION_ENCODERS: dict[str, dict[str, Any]] = {
    "bert": SIZES,
    "roberta": SIZES,
    "electra": {**SIZES, "embedding_size": 16},
    "distilbert": {
        "vocab_size": 20,
        "dim": 32,
        "n_layers": 2,
        "n_heads": 2,
        "hidden_dim": 64,
        "max_position_embeddings": 16,
        "dropout": 0.0,
        "attention_dropout": 0.0,
    },
    "albert": {**SIZES, "embedding_size": 16},
    "gru": {
        "vocab_size": 20,
        "embedding_size": 8,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "max_position_embeddings": 16,
        "pad_token_id": 0,
    },
}
KINDS = ("last:1", "full", "lora:2", "adalora:2", "ia3", "bitfit", "prompt:3")


def tune(model: VQAModel, image: str, question: str) -> Tuning:
    prepare_tuning(model, image, question, seed=0)
    return apply_tuning(model, image, question, seed=0)


def model_of(
    backbone: str = "test_vit",
    question: str = "bert",
    fusion: str = "concat",
    kwargs: dict[str, Any] | None = None,
) -> VQAModel:
    """A model none of whose weights is zero, as those of a pretrained one."""
    config = tiny_config(fusion)
    image = replace(config.image_encoder, architecture=backbone, image_size=(64, 64))
    torch.manual_seed(0)
    model = VQAModel.from_config(
        replace(
            config,
            image_encoder=replace(image, kwargs=kwargs or BACKBONES[backbone]),
            question_encoder={"model_type": question, **QUESTION_ENCODERS[question]},
        )
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return model.eval()


def inputs() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(3, 20, (4, 6), generator=generator)
    mask = torch.ones_like(ids)
    mask[1:3, 4:] = 0
    return {
        "image_index": torch.tensor([0, 0, 1, 2]),
        "attention_mask": mask,
        "pixel_values": torch.randn(3, 3, 64, 64, generator=generator),
        "input_ids": ids,
    }


def take_steps(model: VQAModel, tuned: Tuning, steps: int = 3) -> None:
    """Steps that are large enough to see."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(learning, lr=0.5)
    model.train()
    for step in range(1, steps + 1):
        loss = F.cross_entropy(model(**inputs()), torch.tensor([0, 1, 1, 0]))
        extra = tuned.regularisation()
        (loss if extra is None else loss + extra).backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        tuned.after_step(step, steps)
        optimizer.zero_grad()
    model.eval()


def snapshot(model: VQAModel) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


@torch.no_grad()
def check_merged(model: VQAModel, tuned: Tuning) -> None:
    """The plain model says what the tuned one says, which stays as it is."""
    adapted, before = model(**inputs()), snapshot(model)
    plain = VQAModel.from_config(model.config).eval()
    plain.load_state_dict(tuned.merged())
    torch.testing.assert_close(plain(**inputs()), adapted, atol=1e-5, rtol=0)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def check_what_learns(model: VQAModel, tuned: Tuning, encoder: str, other: str) -> set[str]:
    """Steps change just what requires a gradient; return the names of it in `encoder`."""
    before = snapshot(model)
    learning = {name for name, p in model.named_parameters() if p.requires_grad}
    start = model(**inputs())
    take_steps(model, tuned)
    changed = {n for n, t in model.state_dict().items() if not torch.equal(t, before[n])}
    assert changed <= learning
    assert not torch.allclose(model(**inputs()), start)
    assert not any(name.startswith(other) for name in learning)
    # A gradient can be 0 by nature: a key's bias shifts all scores of a softmax alike.
    still = learning - changed
    assert len(still) <= 0.1 * len(learning), still
    return {name for name in changed if name.startswith(encoder)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backbone", list(BACKBONES))
def test_an_image_encoder_learns_what_it_is_told(backbone: str, kind: str) -> None:
    model = model_of(backbone)
    if kind.startswith("prompt") and backbone != "test_vit":
        with pytest.raises(ModelError, match=f"--image-tuning prompt .*{backbone} is none: use"):
            tune(model, kind, "frozen")
        return
    tuned = tune(model, kind, "frozen")
    assert check_what_learns(model, tuned, "image_encoder", "question_encoder")
    check_merged(model, tuned)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("question", list(QUESTION_ENCODERS))
def test_a_question_encoder_learns_what_it_is_told(question: str, kind: str) -> None:
    model = model_of(question=question)
    if question == "gru" and kind not in ("full", "last:1"):
        with pytest.raises(ModelError, match="gru begins at random: use full, last:N or frozen"):
            tune(model, "frozen", kind)
        return
    tuned = tune(model, "frozen", kind)
    assert check_what_learns(model, tuned, "question_encoder", "image_encoder")
    check_merged(model, tuned)


def learning_names(image: str, question: str) -> set[str]:
    model = model_of()
    tune(model, image, question)
    return {
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and "_encoder." in name
    }


def test_each_kind_learns_its_own_parameters_alone() -> None:
    plain = {name for name, _ in model_of().named_parameters() if "_encoder." in name}
    blocks, layers = "image_encoder.backbone.blocks.", "question_encoder.model.encoder.layer."
    norm = "image_encoder.backbone.norm."
    assert learning_names("frozen", "frozen") == set()
    assert learning_names("full", "full") == plain
    assert learning_names("last:2", "last:1") == {
        name
        for name in plain
        if name.startswith((f"{blocks}4.", f"{blocks}5.", f"{layers}1.", norm))
    }
    assert learning_names("bitfit", "bitfit") == {n for n in plain if n.endswith("bias")}
    assert learning_names("prompt", "prompt") == {
        "image_encoder.virtual_tokens.vectors",
        "question_encoder.virtual_tokens.vectors",
    }
    rescaled = {f"{blocks}{n}.{m}" for n in range(6) for m in ("attn.qkv", "mlp.fc2")}
    self_attention = "attention.self."
    rescaled |= {
        f"{layers}{n}.{module}"
        for n in range(2)
        for module in (f"{self_attention}key", f"{self_attention}value", "output.dense")
    }
    assert learning_names("ia3", "ia3") == {f"{name}.ia3_l.default" for name in rescaled}
    linear = {n.removesuffix(".weight") for n in plain if n.endswith(".weight")}
    linear = {n for n in linear if not any(word in n.lower() for word in ("norm", "embeddings"))}
    assert learning_names("lora", "lora") == {
        f"{name}.lora_{side}.default.weight" for name in linear for side in "AB"
    }
    assert learning_names("adalora", "adalora") == {
        f"{name}.lora_{side}.default" for name in linear for side in "AEB"
    }


def test_what_learns_is_told_in_words_and_numbers() -> None:
    model = model_of()
    total = sum(parameter.numel() for parameter in model.parameters())
    others = sum(p.numel() for m in (model.fusion, model.head) for p in m.parameters())
    linear = [m for m in model.question_encoder.modules() if isinstance(m, torch.nn.Linear)]
    lora = sum(3 * (layer.in_features + layer.out_features) for layer in linear)
    last = sum(parameter.numel() for parameter in model.image_encoder.layers()[-1])
    said = tune(model, "last:1", "lora:3").learns()
    learning, total = others + lora + last, total + lora
    assert said == (
        f"image encoder: last 1 of 6 layers, question encoder: LoRA of rank 3; {learning:,} of "
        f"{total:,} parameters ({100 * learning / total:.1f} %)"
    )
    assert (
        "image encoder: all of its 4 layers, question encoder: frozen;"
        in tune(model_of("test_resnet"), "full", "frozen").learns()
    )


def test_problems_of_both_encoders_are_told_at_once() -> None:
    with pytest.raises(ModelError) as caught:
        tune(model_of("test_resnet"), "prompt", "last:99")
    image, question = caught.value.problems
    assert image.startswith("--image-tuning prompt puts virtual tokens before those of a plain ViT")
    assert question == "--question-tuning last:99: bert has 2 layers: use fewer, or full"


def test_a_network_without_a_layer_for_adapters_says_so() -> None:
    class Standardised(torch.nn.Conv2d):
        """Does something to its weights that an update of them would not survive."""

    model = model_of("test_resnet")
    for module in model.image_encoder.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.__class__ = Standardised
    with pytest.raises(ModelError, match="test_resnet has no layer that peft can adapt so: use"):
        tune(model, "lora", "frozen")


def test_a_rank_that_no_layer_has_is_told() -> None:
    with pytest.raises(ModelError, match="lora:65: no layer of bert has a rank above 32: use a"):
        tune(model_of(), "frozen", "lora:65")
    tune(model_of(), "frozen", "lora:32")


def test_a_dilated_or_grouped_convolution_gets_no_update_that_could_not_be_merged() -> None:
    model = model_of("test_efficientnet")
    grouped = {
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Conv2d) and module.groups > 1
    }
    tune(model, "lora", "frozen")
    adapted = {n.split(".lora_A")[0] for n, _ in model.named_modules() if n.endswith(".lora_A")}
    assert grouped
    assert adapted
    assert not adapted & grouped
    dilated = model_of("test_resnet", kwargs={"output_stride": 8})
    check_merged(dilated, tune(dilated, "lora", "frozen"))


@pytest.mark.parametrize("fusion", list(FUSIONS))
def test_virtual_tokens_work_with_every_fusion_and_are_built_again_from_the_config(
    fusion: str,
) -> None:
    model = model_of(fusion=fusion)
    before = model(**inputs())
    tuned = tune(model, "prompt:5", "prompt:4")
    assert model.config.image_encoder.virtual_tokens == 5
    assert model.config.question_encoder["virtual_tokens"] == 4
    assert model.image_encoder(inputs()["pixel_values"]).shape[1] == model.image_encoder.tokens
    assert not torch.allclose(model(**inputs()), before)
    take_steps(model, tuned)
    check_merged(model, tuned)
    given = inputs()
    padded = {name: F.pad(given[name], (0, 3)) for name in ("input_ids", "attention_mask")}
    torch.testing.assert_close(model(**given | padded), model(**given), atol=1e-4, rtol=0)


def test_virtual_tokens_are_kept_and_not_given_twice() -> None:
    model = model_of()
    tune(model, "prompt:2", "frozen")
    vectors = model.image_encoder.virtual_tokens.vectors.clone()
    tune(model, "prompt:2", "frozen")
    assert torch.equal(model.image_encoder.virtual_tokens.vectors, vectors)
    with pytest.raises(ModelError, match="has 2 virtual tokens already: use prompt:2"):
        tune(model, "prompt:3", "frozen")


def test_the_seed_decides_how_adapters_begin() -> None:
    def begun(seed: int) -> dict[str, Tensor]:
        model = model_of()
        apply_tuning(model, "lora", "adalora", seed=seed)
        return snapshot(model)

    one, again, other = begun(0), begun(0), begun(1)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_adapters_and_their_beginning_change_nothing_yet() -> None:
    model = model_of()
    before = model(**inputs())
    tune(model, "lora", "adalora")
    torch.testing.assert_close(model(**inputs()), before, atol=1e-6, rtol=0)


def test_layers_are_unfrozen_from_the_top_of_both_encoders() -> None:
    model = model_of()  # 6 blocks and the stem; 2 layers and the embeddings
    top, second, third, *rest = tune(model, "full", "full").layers()
    assert len(rest) == 4
    inside = {name: id(p) for name, p in model.named_parameters()}
    where = {place: {id(p) for p in layer} for place, layer in enumerate((top, second, third))}
    assert inside["image_encoder.backbone.norm.bias"] in where[0]
    assert inside["question_encoder.model.encoder.layer.1.output.dense.weight"] in where[0]
    assert inside["image_encoder.backbone.blocks.4.mlp.fc1.bias"] in where[1]
    assert inside["question_encoder.model.embeddings.word_embeddings.weight"] in where[2]
    encoders = [p for n, p in model.named_parameters() if "_encoder." in n]
    assert {id(p) for layer in (top, second, third, *rest) for p in layer} == set(map(id, encoders))
    assert len(tune(model_of(), "last:3", "lora").layers()) == 3
    assert tune(model_of(), "frozen", "bitfit").layers() == []


def test_batch_norm_keeps_its_statistics_beside_adapters() -> None:
    model = model_of("test_resnet")
    tune(model, "lora", "lora")
    assert not model.image_encoder.frozen
    before = {n: b.clone() for n, b in model.named_buffers() if "running" in n}
    model.train()
    model(**inputs())
    assert before
    assert all(torch.equal(b, before[n]) for n, b in model.named_buffers() if n in before)


def test_peft_is_imported_for_adapters_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    package = Path(tuning.__file__).parent.parent
    importers = {
        path.name
        for path in package.rglob("*.py")
        for node in ast.parse(path.read_text()).body  # at the top level alone
        if isinstance(node, ast.ImportFrom | ast.Import | ast.With)
        and ("peft" in ast.unparse(node) or "models.adapters" in ast.unparse(node))
    }
    assert importers == {"adapters.py", "rank_allocation.py"}
    monkeypatch.setitem(sys.modules, "vqa_cli.models.adapters", None)
    tune(model_of(), "last:1", "prompt").merged()
    with pytest.raises(ImportError):
        tune(model_of(), "frozen", "lora")


def test_peft_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    model = model_of("test_efficientnet")
    take_steps(model, tune(model, "adalora", "ia3"))
    assert capfd.readouterr() == ("", "")
