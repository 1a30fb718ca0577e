from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import vqa_cli
from tests.test_architecture import UNNEEDED
from tests.tiny_runs import ANSWERS, CONFIDENCE, QUESTIONS, draw_photo
from vqa_cli.config import DeviceSettings
from vqa_cli.errors import DeviceError, ModelError
from vqa_cli.inference.loading import load_answerer
from vqa_cli.model_folder import NEEDED, write_checksums

HEAVY = {"torch", "transformers", "timm", "pandas", "pyarrow", "accelerate", "sklearn", "scipy"}


@pytest.fixture
def copied_export(export_folder: Path, tmp_path: Path) -> Path:
    """An export that a test may damage."""
    return shutil.copytree(export_folder, tmp_path / "copied")


@pytest.fixture
def copied_run(run_folder: Path, tmp_path: Path) -> Path:
    """A run that a test may damage."""
    return shutil.copytree(run_folder, tmp_path / "copied")


def imported_by(code: str, *arguments: str) -> set[str]:
    """The names of the packages that a fresh Python has imported after `code`."""
    names = "{name.partition('.')[0] for name in sys.modules}"
    at_exit = f"import atexit, sys\natexit.register(lambda: print(*{names}, file=sys.stderr))\n"
    done = subprocess.run(
        [sys.executable, "-c", at_exit + code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.strip() in ANSWERS
    return set(done.stderr.split())


def test_a_run_and_its_export_say_the_same(run_folder: Path, export_folder: Path) -> None:
    by_torch, by_onnx = vqa_cli.load(run_folder), vqa_cli.load(export_folder, device="cpu")
    items = [(draw_photo(seed), QUESTIONS[: seed + 1]) for seed in range(4)]
    for one, other in zip(
        by_torch.predict(items, top_k=5), by_onnx.predict(items, top_k=5), strict=True
    ):
        for left, right in zip(one, other, strict=True):
            assert [a.text for a in left.answers] == [a.text for a in right.answers]
            confidences = [[a.confidence for a in p.answers] for p in (left, right)]
            np.testing.assert_allclose(*confidences, atol=1e-4)
    assert by_torch.confidence == by_onnx.confidence == CONFIDENCE
    assert "torch" in by_torch.describe()
    assert "onnxruntime" in by_onnx.describe()


@pytest.mark.parametrize("kind", ["run", "export"])
def test_logits_do_not_depend_on_company_order_or_padding(
    kind: str, request: pytest.FixtureRequest
) -> None:
    answerer = load_answerer(request.getfixturevalue(f"{kind}_folder"))
    preprocessor = answerer.preprocessor
    pixels = preprocessor.images([draw_photo(seed) for seed in range(3)])
    owner = np.array([2, 0, 0, 1], dtype=np.int64)
    together = answerer.logits(
        answerer.encode_images(pixels), owner, *preprocessor.questions(QUESTIONS)
    )
    backwards = answerer.logits(
        answerer.encode_images(pixels[::-1]),
        2 - owner[::-1],
        *preprocessor.questions(QUESTIONS[::-1]),
    )
    np.testing.assert_allclose(backwards[::-1], together, atol=1e-4)
    for row, image in enumerate(owner):
        tokens = answerer.encode_images(pixels[image : image + 1])
        alone = preprocessor.questions([QUESTIONS[row]])
        logits = answerer.logits(tokens, np.zeros(1, np.int64), *alone)
        np.testing.assert_allclose(logits[0], together[row], atol=1e-4)


def test_asking_an_export_in_python_imports_nothing_heavy(export_folder: Path, photo: Path) -> None:
    code = "import vqa_cli; print(vqa_cli.load(sys.argv[1]).ask(sys.argv[2], 'where?'))"
    found = imported_by(code, str(export_folder), str(photo))
    assert {"onnxruntime", "tokenizers", "numpy", "PIL"} <= found
    assert not found & HEAVY


def test_asking_an_export_from_the_command_line_imports_nothing_heavy(
    export_folder: Path, photo: Path
) -> None:
    code = "from vqa_cli.cli import main; sys.argv[0] = 'vqa'; main()"
    found = imported_by(code, "ask", str(photo), "where?", "-m", str(export_folder))
    assert {"onnxruntime", "typer"} <= found
    assert not found & (HEAVY | UNNEEDED)


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_file_of_an_export_is_named(copied_export: Path, name: str) -> None:
    (copied_export / name).unlink()
    with pytest.raises(ModelError, match=name.replace(".", r"\.") + "|has no config"):
        load_answerer(copied_export)


def damage_flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def damage_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [damage_flip, damage_cut])
@pytest.mark.parametrize("name", [n for n in NEEDED if n not in ("config.json", "SHA256SUMS")])
def test_a_damaged_file_of_an_export_is_named(
    copied_export: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(copied_export / name)
    with pytest.raises(ModelError, match=name.replace(".", r"\.") + ".*damaged"):
        load_answerer(copied_export)


def vouch(folder: Path) -> None:
    """Make the checksums fit, as someone would who puts their own files into the folder."""
    write_checksums(folder, [name for name in NEEDED if name != "SHA256SUMS"])


def test_a_file_that_is_no_onnx_is_refused(copied_export: Path) -> None:
    (copied_export / "answerer.onnx").write_bytes(b"not a graph")
    vouch(copied_export)
    with pytest.raises(ModelError, match=r"answerer\.onnx: onnxruntime cannot open it"):
        load_answerer(copied_export)


def test_a_graph_of_another_program_is_refused(copied_export: Path) -> None:
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Neg", ["x"], ["y"])], "foreign", [value], [result]
    )
    opset = onnx.helper.make_opsetid("", 20)
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10),
        copied_export / "image_encoder.onnx",
    )
    vouch(copied_export)
    with pytest.raises(ModelError, match=r"image_encoder\.onnx: not a graph .* takes x "):
        load_answerer(copied_export)


def test_the_two_graphs_exchanged_are_refused(copied_export: Path) -> None:
    one, other = copied_export / "image_encoder.onnx", copied_export / "answerer.onnx"
    content = one.read_bytes(), other.read_bytes()
    other.write_bytes(content[0])
    one.write_bytes(content[1])
    vouch(copied_export)
    with pytest.raises(ModelError, match=r"image_encoder\.onnx: not a graph that vqa exported"):
        load_answerer(copied_export)


def test_an_answer_too_few_is_noticed(copied_export: Path) -> None:
    path = copied_export / "answers.json"
    content = json.loads(path.read_text())
    content["answers"].pop()
    path.write_text(json.dumps(content))
    vouch(copied_export)
    with pytest.raises(ModelError, match=r"do not belong together[^$]*logits: \[4\] and \[5\]"):
        load_answerer(copied_export)


def test_an_unfinished_run_is_not_asked(copied_run: Path) -> None:
    (copied_run / "metrics.json").unlink()
    with pytest.raises(ModelError, match="vqa finetune --resume"):
        load_answerer(copied_run)


@pytest.mark.parametrize(
    "name",
    ["model.safetensors", "preprocess.json", "tokenizer.json", "answers.json", "calibration.json"],
)
def test_a_missing_file_of_a_run_is_named(copied_run: Path, name: str) -> None:
    (copied_run / name).unlink()
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        load_answerer(copied_run)


def damage_overwrite(path: Path) -> None:
    path.write_bytes(b"\xff" * 20)


@pytest.mark.parametrize("damage", [damage_cut, damage_overwrite])
@pytest.mark.parametrize(
    "name", ["config.json", "preprocess.json", "tokenizer.json", "answers.json", "calibration.json"]
)
def test_a_damaged_text_file_of_a_run_is_named(
    copied_run: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(copied_run / name)
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        load_answerer(copied_run)


@pytest.mark.parametrize("damage", [damage_cut, damage_flip])
def test_damaged_weights_of_a_run_are_noticed(
    copied_run: Path, damage: Callable[[Path], None]
) -> None:
    damage(copied_run / "model.safetensors")
    with pytest.raises(ModelError, match=r"model\.safetensors: damaged"):
        load_answerer(copied_run)


def test_a_path_that_the_system_refuses_is_an_error() -> None:
    with pytest.raises(ModelError, match=r"the model cannot be read: .*too long"):
        load_answerer("m" * 300)


def test_a_device_that_is_not_there_is_an_error(
    export_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(DeviceError, match=r"--device cuda: .* onnxruntime-gpu"):
        load_answerer(export_folder, device="cuda")
    with pytest.raises(DeviceError, match="--device mps"):
        load_answerer(export_folder, device="mps")
    with pytest.raises(DeviceError, match="--precision bfloat16"):
        load_answerer(export_folder, device=DeviceSettings(precision="bfloat16"))


def test_the_number_of_threads_is_a_setting(export_folder: Path) -> None:
    answerer = load_answerer(export_folder, device=DeviceSettings(device="cpu", threads=1))
    assert answerer.describe().endswith("on CPU, 1 thread(s)")
