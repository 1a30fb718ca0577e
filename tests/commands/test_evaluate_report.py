"""`vqa evaluate --report`, from drawn images to the page."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from tests.tiny_runs import tiny_model, write_run
from vqa_cli.cli import app
from vqa_cli.config import PrepareSettings
from vqa_cli.data.prepare import prepare
from vqa_cli.data.prepared import PreparedDataset


@pytest.fixture
def prepared(shapes_folder, tmp_path):
    prepare(shapes_folder, tmp_path / "prepared", PrepareSettings())
    return tmp_path / "prepared"


def evaluate(*arguments):
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


def test_a_model_gets_a_page(prepared, tmp_path):
    run = write_run(tmp_path / "my-run", tiny_model())
    (run / "history.csv").write_text("epoch,loss,val_loss,val_accuracy\n1,2,2,0.5\n")
    done = evaluate(prepared, "-m", run, "--report", tmp_path / "page", "--device", "cpu")
    assert done.exit_code == 0, done.stderr
    assert f"wrote {tmp_path / 'page' / 'index.html'}; open it in a browser" in done.stderr
    text = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert "model my-run" in text
    assert 'id="training"' in text
    assert 'class="thumbnails"' in text


@pytest.fixture
def predictions(prepared, tmp_path):
    ids = PreparedDataset.open(prepared).rows("test")["question_id"]
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{"question_id": i, "answer": "red"} for i in ids]))
    return path


def test_predictions_get_a_page_even_where_a_gate_is_not_reached(prepared, predictions, tmp_path):
    wanted = ("--predictions", predictions, "--report", tmp_path / "page", "--fail-under", 1)
    assert evaluate(prepared, *wanted).exit_code == 3
    text = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert "predictions made elsewhere" in text
    assert 'id="training"' not in text
    assert "holds an earlier report" in evaluate(prepared, *wanted).stderr
    assert evaluate(prepared, *wanted, "--force").exit_code == 3


def test_a_folder_with_other_things_is_told_before_any_work(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    done = evaluate(tmp_path / "no data", "--report", tmp_path)
    assert done.exit_code == 1
    assert "holds something that is no report" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
