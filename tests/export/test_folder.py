from __future__ import annotations

import ast
import getpass
import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from PIL import Image

import vqa_cli
from tests.tiny_runs import CONFIDENCE, QUESTIONS, draw_photo, tiny_model, write_run
from vqa_cli.config import PrepareSettings
from vqa_cli.console import Reporter, Silent
from vqa_cli.data.images import read_image
from vqa_cli.data.prepare import prepare
from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.data.preprocessor import ImageTransform
from vqa_cli.errors import DataError, ModelError
from vqa_cli.export import folder as folder_module
from vqa_cli.export import predict
from vqa_cli.export.folder import check_out, choose_examples, export_run, find_data
from vqa_cli.model_folder import seal
from vqa_cli.models.checkpoint import Checkpoint, load_checkpoint

FILES = {
    "image_encoder.onnx",
    "answerer.onnx",
    "preprocess.json",
    "tokenizer.json",
    "answers.json",
    "calibration.json",
    "config.json",
    "SHA256SUMS",
    "README.md",
    "predict.py",
}


class Recorder(Silent):
    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)


def test_the_folder_holds_exactly_these_files(export_folder: Path) -> None:
    assert {path.name for path in export_folder.iterdir()} == FILES
    assert [path.name for path in export_folder.parent.iterdir()] == [export_folder.name]


def test_the_checksums_are_those_of_the_other_files(export_folder: Path) -> None:
    lines = (export_folder / "SHA256SUMS").read_text().splitlines()
    found = {line[66:]: line[:64] for line in lines}
    assert found == {
        name: hashlib.sha256((export_folder / name).read_bytes()).hexdigest()
        for name in FILES - {"SHA256SUMS"}
    }


def test_the_config_states_facts_and_no_path(export_folder: Path, run_folder: Path) -> None:
    text = (export_folder / "config.json").read_text()
    config = json.loads(text)
    assert (config["kind"], config["format_version"], config["opset"]) == ("vqa-export", 1, 20)
    assert config["versions"]["onnxruntime"] == onnxruntime.__version__
    assert (config["image_encoder"], config["fusion"]) == ("test_resnet", "attention")
    assert str(run_folder.parent) not in "".join(
        path.read_text() for path in export_folder.iterdir() if path.suffix != ".onnx"
    )


def test_exporting_twice_gives_the_same_bytes(
    run_folder: Path, export_folder: Path, tmp_path: Path, ready_graphs: None
) -> None:
    again = export_run(run_folder, tmp_path / "elsewhere" / "again").out
    for name in FILES:
        assert (again / name).read_bytes() == (export_folder / name).read_bytes(), name


def test_what_exists_is_not_replaced_unless_it_is_an_export_and_forced(
    run_folder: Path, tmp_path: Path, ready_graphs: None
) -> None:
    out = tmp_path / "out"
    export_run(run_folder, out)
    (out / "README.md").write_text("old")
    with pytest.raises(ModelError, match=r"an exported folder is there already; .*--force"):
        export_run(run_folder, out)
    assert (out / "README.md").read_text() == "old"
    export_run(run_folder, out, force=True)
    assert (out / "README.md").read_text() != "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("force", [False, True])
def test_what_is_not_ours_is_never_replaced(run_folder: Path, tmp_path: Path, force: bool) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.tex").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "folder", run_folder):
        with pytest.raises(ModelError, match="is there already, and is no exported folder"):
            export_run(run_folder, out, force=force)
    (tmp_path / "empty").mkdir()
    check_out(tmp_path / "empty", force=False)


def test_a_failed_proof_leaves_nothing_new_and_keeps_the_old(
    run_folder: Path, export_folder: Path, tmp_path: Path, ready_graphs: None
) -> None:
    out = tmp_path / "out"
    shutil.copytree(export_folder, out)
    other = write_run(tmp_path / "other", tiny_model())
    checkpoint = load_checkpoint(other)
    checkpoint.model.head[-1].bias.data += 1
    shutil.rmtree(other)
    write_run(other, checkpoint.model)
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    for target, force in ((out, True), (tmp_path / "new", False)):
        with pytest.raises(ModelError, match="largest difference of two logits is 1"):
            export_run(other, target, force=force)
    assert {path.name for path in tmp_path.iterdir()} == {"out", "other"}
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before


def test_an_interrupted_export_leaves_nothing(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(model: object, path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(folder_module, "export_image_encoder", stop)
    with pytest.raises(KeyboardInterrupt):
        export_run(run_folder, tmp_path / "out")
    assert not any(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_an_error(
    run_folder: Path, tmp_path: Path, ready_graphs: None
) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ModelError, match=r"--out .*below: cannot be written: .*exists"):
        export_run(run_folder, tmp_path / "file" / "below")


def test_only_a_finished_run_is_exported(
    run_folder: Path, export_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="is an exported folder already"):
        export_run(export_folder, tmp_path / "out")
    unfinished = shutil.copytree(run_folder, tmp_path / "unfinished")
    (unfinished / "metrics.json").unlink()
    with pytest.raises(ModelError, match="vqa finetune --resume"):
        export_run(unfinished, tmp_path / "out")


def test_examples_come_from_the_named_data_or_the_runs_or_are_drawn(
    shapes_folder: Path, tmp_path: Path
) -> None:
    data = prepare(shapes_folder, tmp_path / "prepared", PrepareSettings()).out
    run = write_run(tmp_path / "run", tiny_model(), data=PreparedDataset.open(data))
    checkpoint = load_checkpoint(run)
    report = Recorder()
    dataset = find_data(checkpoint, run, None, report)
    assert choose_examples(checkpoint, dataset, report).source == "real questions of val"
    assert report.notices == []

    shutil.rmtree(data)
    assert find_data(checkpoint, run, None, report) is None
    assert "drawn" in choose_examples(checkpoint, None, report).source
    assert "cannot be used for the comparison" in report.notices[0]
    assert "--data DIR names real ones" in report.notices[1]

    with pytest.raises(DataError, match="is no prepared dataset"):
        find_data(checkpoint, run, data, report)


@pytest.mark.parametrize("name", ["image_encoder.onnx", "answerer.onnx"])
def test_a_single_damaged_weight_fails_the_export_and_leaves_nothing(
    name: str, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ready_graphs: None
) -> None:
    write = folder_module.write_folder

    def damaging(checkpoint: Checkpoint, folder: Path, report: Reporter) -> None:
        write(checkpoint, folder, report)
        proto = onnx.load(folder / name)
        floats = onnx.TensorProto.FLOAT
        weight = [one for one in proto.graph.initializer if one.data_type == floats and one.dims][
            -1
        ]
        values = numpy_helper.to_array(weight).copy()
        values.flat[0] += 3
        weight.CopyFrom(numpy_helper.from_array(values, weight.name))
        onnx.save(proto, folder / name)
        seal(folder)

    monkeypatch.setattr(folder_module, "write_folder", damaging)
    with pytest.raises(ModelError, match=r"do not say what the model says: .* nothing was written"):
        export_run(run_folder, tmp_path / "out")
    assert not any(tmp_path.iterdir())


def test_no_file_names_a_place_on_this_machine(export_folder: Path, run_folder: Path) -> None:
    here = [Path.cwd(), Path.home(), run_folder.parent, export_folder.parent, Path(sys.prefix)]
    traces = [str(path).encode() for path in here if len(path.parts) > 1]
    traces += [getpass.getuser().encode()] if len(getpass.getuser()) > 4 else []
    assert len(traces) >= 4
    for path in export_folder.iterdir():
        content = path.read_bytes()
        assert [trace for trace in traces if trace in content] == [], path.name


def test_predict_py_says_what_vqa_says(export_folder: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    draw_photo().save(photo)
    done = subprocess.run(
        [sys.executable, str(export_folder / "predict.py"), str(photo), *QUESTIONS],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    predictions = vqa_cli.load(export_folder).ask(photo, QUESTIONS)
    wanted = [f"{p.answer}\t{p.confidence:.2f}" for p in predictions]
    assert done.stdout.splitlines() == wanted
    assert json.loads((export_folder / "calibration.json").read_text()) == asdict(CONFIDENCE)


def test_predict_py_is_short_and_needs_little() -> None:
    source = Path(predict.__file__).read_text()
    assert len(source.splitlines()) <= 80
    assert "vqa" not in source
    modules = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [one.name for one in node.names]
        )
    }
    assert modules - sys.stdlib_module_names == {"numpy", "onnxruntime", "PIL", "tokenizers"}


def odd_images() -> dict[str, Image.Image]:
    """Images of every kind that the preprocessor has a rule for."""
    photo = draw_photo(size=(40, 70))
    wide = np.arange(40 * 70, dtype=np.uint16).reshape(40, 70) * 23
    turned = photo.copy()
    turned.getexif()[0x0112] = 6
    see_through = photo.convert("RGBA")
    see_through.putalpha(Image.linear_gradient("L").resize(photo.size))
    return {
        "rgb.png": photo,
        "grey.png": photo.convert("L"),
        "one-bit.png": photo.convert("1"),
        "palette.gif": photo.convert("P"),
        "cmyk.jpg": photo.convert("CMYK"),
        "sixteen.png": Image.fromarray(wide),
        "turned.jpg": turned,
        "alpha.png": see_through,
        "pixel.png": photo.resize((1, 1)),
    }


@pytest.mark.parametrize("resize", ["squash", "letterbox"])
@pytest.mark.parametrize("name", list(odd_images()))
def test_predict_py_sees_the_same_pixels(name: str, resize: str, tmp_path: Path) -> None:
    image = odd_images()[name]
    image.save(tmp_path / name, exif=image.getexif())
    settings = {
        "height": 32, "width": 48, "resize": resize, "interpolation": "bicubic",
        "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4],
    }  # fmt: skip
    transform = ImageTransform(**settings)
    wanted = transform.normalize(transform.pixels(read_image(tmp_path / name))[None])
    found = predict.pixel_values(predict.read_image(str(tmp_path / name)), settings)
    np.testing.assert_array_equal(found, wanted)
