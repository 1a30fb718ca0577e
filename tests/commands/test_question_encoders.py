"""From data to an exported folder with the question encoders that are no BERT."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.drawing import write_shapes
from tests.training.small_runs import history
from vqa_cli.cli import app
from vqa_cli.data.feature_cache import list_stores

TINY = ("--preset", "tiny", "--image-size", "32", "--threads", "1", "--device", "cpu", "-q")


def vqa(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_gru_is_fine_tuned_evaluated_exported_and_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = write_shapes(Path("shapes"))
    chosen = ("--question-encoder", "gru", "--epochs", 3, "--batch-size", 16)
    rates = ("--learning-rate", 1e-3, "--encoder-learning-rate", 1e-3, "--label-smoothing", 0)
    options = (*TINY, *chosen, *rates, "--out", "run", "--json")
    trained = json.loads(done(vqa("finetune", data, *options)))
    losses = [row["loss"] for row in history(Path("run"))]
    assert losses[-1] < 0.9 * losses[0]
    card = Path("run/README.md").read_text()
    assert "| question encoder | gru, 1 layer of width 128, full |" in card

    scored = json.loads(done(vqa("evaluate", data, "-m", "run", "--split", "val", "--json", "-q")))
    assert scored["accuracy"] == pytest.approx(trained["val_accuracy"])

    exported = json.loads(done(vqa("export", "run", "--out", "exported", "--json", "-q")))
    assert exported["parity_max_abs_diff"] <= 1e-3
    ask = ("ask", "shapes/images/000.png", "what color is the shape?", "--json", "-q")
    by_torch, by_onnx = (json.loads(done(vqa(*ask, "-m", m))) for m in ("run", "exported"))
    assert by_onnx["answer"] == by_torch["answer"]
    assert by_onnx["confidence"] == pytest.approx(by_torch["confidence"], abs=1e-4)


def test_a_frozen_lstm_is_encoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A random encoder that stays as it is: of little use, and possible."""
    monkeypatch.chdir(tmp_path)
    data = write_shapes(Path("shapes"))
    chosen = ("--question-encoder", "lstm", "--question-tuning", "frozen", "--epochs", 1)
    done(vqa("finetune", data, *TINY, *chosen, "--out", "run"))
    stores = list_stores(data / ".vqa" / "features")
    assert [store.key["kind"] for store in stores] == ["question"]


@pytest.mark.parametrize("encoder", ["gru", "lstm"])
def test_the_joint_fusion_needs_a_bert_like_encoder(encoder: str, tmp_path: Path) -> None:
    result = vqa("finetune", tmp_path, "--question-encoder", encoder, "--fusion", "joint")
    assert result.exit_code == 2
    assert "--fusion joint runs a BERT-like encoder over question and image, and " in result.stderr
    assert f"--question-encoder {encoder} is none: choose another fusion" in result.stderr


def test_files_of_other_ways_to_ask_are_checked_before_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = write_shapes(Path("shapes"))
    Path("synonyms.toml").write_text("groups = [['shape']]")
    options = ("--synonyms", "synonyms.toml", "--templates", "gone.toml", "--out", "run")
    result = vqa("finetune", data, *TINY, *options)
    assert result.exit_code == 2
    first, second = result.stderr.splitlines()[-2:]
    assert first.startswith("  - --synonyms synonyms.toml: group 1: ['shape'] needs at least two")
    assert second == "  - --templates gone.toml: cannot be read: No such file or directory"
    assert not Path("run").exists()
    assert not (data / ".vqa").exists()
