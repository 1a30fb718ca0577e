from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import nn

from tests.tiny_runs import SIZE, tiny_model
from vqa_cli.config import FUSIONS
from vqa_cli.errors import ModelError
from vqa_cli.export import onnx_export
from vqa_cli.export.onnx_export import OPSET, export_answerer, export_image_encoder, save, strip
from vqa_cli.models.recurrent_encoder import recurrent_config
from vqa_cli.models.vqa_model import VQAModel

ARCHITECTURES = ("test_resnet", "test_vit")
SIZES = [(1, 1, 2), (1, 5, 9), (4, 1, 3), (3, 3, 3), (5, 2, 40)]  # B, Q, L: none as traced


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graphs")


@functools.cache
def image_encoder_of(architecture: str, folder: Path) -> Path:
    path = folder / f"{architecture}.onnx"
    export_image_encoder(tiny_model(architecture=architecture), path)
    return path


@functools.cache
def answerer_of(fusion: str, architecture: str, folder: Path) -> Path:
    path = folder / f"{fusion}-{architecture}.onnx"
    export_answerer(tiny_model(fusion, architecture), path)
    return path


def open_graph(path: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_image_encoders_graph_gives_the_models_tokens(architecture: str, folder: Path) -> None:
    model = tiny_model(architecture=architecture)
    session = open_graph(image_encoder_of(architecture, folder))
    for images in (1, 3):
        pixels = torch.randn(images, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(images))
        with torch.inference_mode():
            wanted = model.encode_images(pixels).numpy()
        found = session.run(["image_tokens"], {"pixel_values": pixels.numpy()})[0]
        np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("fusion", FUSIONS)
def test_the_answerers_graph_gives_the_models_logits(
    fusion: str, architecture: str, folder: Path
) -> None:
    agrees(tiny_model(fusion, architecture), answerer_of(fusion, architecture, folder))


def test_a_recurrent_question_encoder_takes_any_number_of_questions_and_tokens(
    folder: Path,
) -> None:
    """An LSTM; a GRU is exported in tests/commands/test_question_encoders.py."""
    torch.manual_seed(0)
    question_encoder = recurrent_config("lstm", 100, 100, 64, 0).to_dict()
    config = replace(tiny_model("cross").config, question_encoder=question_encoder)
    model = VQAModel.from_config(config).eval()
    path = folder / "lstm.onnx"
    export_answerer(model, path)
    agrees(model, path)
    operators = [node.op_type for node in onnx.load(path).graph.node]
    assert operators.count("LSTM") == 2  # one for each direction; no loop written out


def agrees(model: VQAModel, path: Path) -> None:
    """The graph at `path` gives the model's logits at sizes that were not traced."""
    session = open_graph(path)
    draw = torch.Generator().manual_seed(0)
    for images, questions, tokens in SIZES:
        lengths = torch.randint(2, tokens + 1, (questions, 1), generator=draw)
        inputs = {
            "image_tokens": torch.randn(
                images, model.image_encoder.tokens, model.image_encoder.width, generator=draw
            ),
            "image_index": torch.randint(0, images, (questions,), generator=draw),
            "input_ids": torch.randint(5, 90, (questions, tokens), generator=draw),
            "attention_mask": (torch.arange(tokens) < lengths).long(),
        }
        with torch.inference_mode():
            wanted = model.answer(**inputs).numpy()
        (found,) = session.run(["logits"], {k: v.numpy() for k, v in inputs.items()})
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_names_shapes_and_opset_are_the_contract(folder: Path) -> None:
    first = open_graph(image_encoder_of("test_resnet", folder))
    second = open_graph(answerer_of("attention", "test_resnet", folder))
    shapes = {
        value.name: (value.type, value.shape)
        for value in [
            *first.get_inputs(), *first.get_outputs(), *second.get_inputs(), *second.get_outputs()
        ]
    }  # fmt: skip
    assert shapes == {
        "pixel_values": ("tensor(float)", ["images", 3, SIZE, SIZE]),
        "image_tokens": ("tensor(float)", ["images", 4, 96]),
        "image_index": ("tensor(int64)", ["questions"]),
        "input_ids": ("tensor(int64)", ["questions", "tokens"]),
        "attention_mask": ("tensor(int64)", ["questions", "tokens"]),
        "logits": ("tensor(float)", ["questions", 5]),
    }
    for path in (
        image_encoder_of("test_resnet", folder),
        answerer_of("attention", "test_resnet", folder),
    ):
        proto = onnx.load(path)
        onnx.checker.check_model(proto, full_check=True)
        assert [(one.domain, one.version) for one in proto.opset_import] == [("", OPSET)]


def test_exporting_twice_gives_the_same_bytes_and_says_nothing(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = answerer_of("concat", "test_resnet", folder)
    capfd.readouterr()
    export_answerer(tiny_model("concat"), folder / "again.onnx")
    assert capfd.readouterr() == ("", "")
    assert (folder / "again.onnx").read_bytes() == first.read_bytes()


def test_nothing_of_this_machine_is_inside(folder: Path) -> None:
    graphs = [image_encoder_of("test_vit", folder), answerer_of("joint", "test_resnet", folder)]
    here = [str(Path.cwd()), str(Path(torch.__file__).parent), str(folder)]
    traces = [*here, "site-packages", "vqa_cli", 'File "', "pkg.torch"]
    for path in graphs:
        content = path.read_bytes()
        assert not [trace for trace in traces if trace.encode() in content]


def test_strip_reaches_into_branches_and_functions() -> None:
    inner = onnx.helper.make_graph([onnx.helper.make_node("Neg", ["x"], ["y"])], "inner", [], [])
    inner.node[0].doc_string = "File secret.py"
    branch = onnx.helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    proto = onnx.helper.make_model(onnx.helper.make_graph([branch], "outer", [], []))
    proto.metadata_props.add(key="trace", value="File secret.py")
    proto.functions.add(name="f", doc_string="File secret.py")
    strip(proto)
    assert b"secret" not in proto.SerializeToString()


def test_a_model_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    class Choosing(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x  # which way depends on the values

    model = tiny_model()
    model.image_encoder.backbone = Choosing()
    with pytest.raises(ModelError, match=r"graph\.onnx: this model cannot be written as ONNX: "):
        export_image_encoder(model, tmp_path / "graph.onnx")
    assert not any(tmp_path.iterdir())


def test_a_model_over_two_gigabytes_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_export, "MAX_BYTES", 1000)
    proto = onnx.load(image_encoder_of("test_resnet", folder))
    with pytest.raises(ModelError, match=r"graph\.onnx would have .* choose smaller encoders"):
        save(proto, tmp_path / "graph.onnx")
    assert not any(tmp_path.iterdir())
