from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tests.drawing import write_shapes
from tests.inference.fake import FakeAnswerer
from tests.tiny_runs import QUESTIONS, draw_photo, tiny_model, tiny_preprocessor, write_run
from vqa_cli.cli import app
from vqa_cli.config import PrepareSettings
from vqa_cli.data.prepare import prepare
from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.errors import DataError, ModelError
from vqa_cli.export import quantization
from vqa_cli.export.folder import export_run
from vqa_cli.export.parity import drawn_examples
from vqa_cli.export.quantization import PLANS, _batch_difference
from vqa_cli.inference.answerer import Floats, Ints
from vqa_cli.inference.loading import load_answerer
from vqa_cli.model_folder import check_checksums, read_confidence

pytestmark = pytest.mark.usefixtures("ready_graphs")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    source = write_shapes(folder / "shapes")
    return prepare(source, folder / "prepared", PrepareSettings(val_share=0.25)).out


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The accuracies that val is said to have: of the float graphs, then of each trial."""
    said = [0.9]
    score = quantization._Trials.score
    given = iter(said)

    def scored(self: quantization._Trials, answerer: object) -> tuple[float, object]:
        return next(given, 0.9), score(self, answerer)[1]  # type: ignore[arg-type]

    monkeypatch.setattr(quantization._Trials, "score", scored)
    return said


def export(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["export", *map(str, arguments)])


def test_an_int8_folder_is_smaller_says_the_same_and_reports(
    run_folder: Path, export_folder: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = export(run_folder, "--out", out, "--data", data, "--quantize", "int8", "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)["quantization"]
    assert said["after"]["bytes"] == sum(path.stat().st_size for path in out.glob("*.onnx"))
    assert said["after"]["bytes"] < 0.5 * said["before"]["bytes"]
    assert said["val_questions"] == len(PreparedDataset.open(data).rows("val"))
    assert said["batch_difference"] <= quantization.BATCH_TOLERANCE
    assert all(said[key]["milliseconds"] > 0 for key in ("before", "after"))
    config = json.loads((out / "config.json").read_text())
    assert config["quantization"]["val_accuracy"] == said["after"]["accuracy"]
    assert config["quantization"]["float"] == said["float"] == "the first 2 convolutions"
    assert "## int8" in (out / "README.md").read_text()
    check_checksums(out)

    photo = draw_photo()
    floats, ints = (load_answerer(folder) for folder in (export_folder, out))
    for before, after in zip(
        *(a.ask(photo, QUESTIONS, top_k=5) for a in (floats, ints)), strict=True
    ):
        assert after.answer == before.answer


def test_the_confidence_is_fitted_anew(
    run_folder: Path, export_folder: Path, data: Path, tmp_path: Path
) -> None:
    out = export_run(run_folder, tmp_path / "out", data=data, quantized=True).out
    assert read_confidence(out) != read_confidence(export_folder)


def test_a_question_says_the_same_alone_and_among_others(
    run_folder: Path, data: Path, tmp_path: Path
) -> None:
    answerer = load_answerer(
        export_run(run_folder, tmp_path / "out", data=data, quantized=True).out
    )
    photos = [draw_photo(seed) for seed in range(3)]
    together = [p for some in answerer.predict([(one, QUESTIONS) for one in photos]) for p in some]
    alone = [answerer.ask(photo, question) for photo in photos for question in QUESTIONS]
    for one, other in zip(alone, together, strict=True):
        assert other.answer == one.answer
        assert other.confidence == pytest.approx(one.confidence, abs=quantization.BATCH_TOLERANCE)


def test_exporting_twice_gives_the_same_bytes(run_folder: Path, data: Path, tmp_path: Path) -> None:
    first, second = (
        export_run(run_folder, tmp_path / name, data=data, quantized=True).out for name in "ab"
    )
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name
        assert not [one for one in (tmp_path, data) if str(one).encode() in path.read_bytes()]


def test_more_stays_float_until_val_is_content(
    run_folder: Path, data: Path, tmp_path: Path, losses: list[float]
) -> None:
    losses += [0.8, 0.896]
    exported = export_run(run_folder, tmp_path / "out", data=data, quantized=True)
    assert exported.quantization is not None
    assert exported.quantization.floats == PLANS[1]
    assert exported.quantization.after.accuracy == 0.896


def test_a_worse_one_is_refused_with_3_and_nothing_is_written(
    run_folder: Path, data: Path, tmp_path: Path, losses: list[float]
) -> None:
    losses += [0.8, 0.81, 0.82, 0.81, 0.8]
    chosen = ("--data", data, "--quantize", "int8", "--max-accuracy-drop", 0.005)
    result = export(run_folder, "--out", tmp_path / "out", *chosen)
    assert result.exit_code == 3
    assert "int8 loses 0.0800 of the accuracy on val (0.9000 before, 0.8200 after)" in result.stderr
    assert not any(tmp_path.iterdir())


def test_without_a_limit_the_best_of_bad_ones_is_kept(
    run_folder: Path, data: Path, tmp_path: Path, losses: list[float]
) -> None:
    losses += [0.7, 0.82, 0.8, 0.8, 0.8]
    exported = export_run(run_folder, tmp_path / "out", data=data, quantized=True)
    assert exported.quantization is not None
    assert exported.quantization.floats == PLANS[1]
    check_checksums(exported.out)


def test_data_is_needed_and_what_it_lacks_is_named(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"--quantize int8 needs the prepared data .* --data DIR"):
        export_run(run_folder, tmp_path / "out", quantized=True)
    source = write_shapes(tmp_path / "shapes")
    (source / "questions.csv").rename(source / "test.csv")
    prepared = prepare(source, tmp_path / "prepared", PrepareSettings()).out
    with pytest.raises(DataError) as caught:
        export_run(run_folder, tmp_path / "out", data=prepared, quantized=True)
    assert "train, for the ranges of activations" in str(caught.value)
    assert "val, for the accuracy" in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--quantize", "int4"), "it is int8 or absent, got int4"),
        (("--max-accuracy-drop", "0.1"), "is about what --quantize int8 loses"),
    ],
)
def test_options_that_mean_nothing_are_wrong_usage(
    options: tuple[str, str], told: str, run_folder: Path, tmp_path: Path
) -> None:
    result = export(run_folder, "--out", tmp_path / "out", *options)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.replace("│", " ").split())


class Crowded(FakeAnswerer):
    """Is surer of its first answer the more is asked at once."""

    def logits(self, tokens: Floats, index: Ints, ids: Ints, mask: Ints) -> Floats:
        logits = np.zeros((len(ids), len(self.vocabulary)), dtype=np.float32)
        logits[:, 0] = 0.1 * len(ids)
        return logits


def test_answers_that_depend_on_their_batch_are_refused() -> None:
    examples = drawn_examples(tiny_preprocessor())
    assert _batch_difference(FakeAnswerer(), examples) < 1e-6
    with pytest.raises(ModelError, match="depend on their batch by"):
        _batch_difference(Crowded(), examples)


@pytest.mark.slow
def test_a_vit_has_nothing_to_calibrate(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The only convolution of a ViT cuts its patches; it is the first, so it stays float."""
    monkeypatch.undo()  # no ready graphs here
    run = write_run(tmp_path / "run", tiny_model("concat", "test_vit"))
    exported = export_run(run, tmp_path / "out", data=data, quantized=True)
    assert exported.quantization is not None
    assert exported.quantization.floats.convolutions == 1
    assert exported.quantization.after.bytes < 0.6 * exported.quantization.before.bytes
