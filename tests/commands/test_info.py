from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from vqa_cli.cli import app
from vqa_cli.config import PrepareSettings
from vqa_cli.data.prepare import prepare
from vqa_cli.model_folder import DEMO_MODEL


def info(path: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["info", str(path), *options])


def facts(path: Path) -> dict[str, Any]:
    result = info(path, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert found["path"] == str(path)
    return found


def test_a_raw_dataset(shapes_folder: Path) -> None:
    found = facts(shapes_folder)
    assert found["kind"] == "dataset"
    assert len(found["layouts"]) == 1
    assert found["files"] == ["questions.csv"]
    assert "vqa prepare" in info(shapes_folder).stdout


def test_a_prepared_dataset(shapes_folder: Path, tmp_path: Path) -> None:
    prepared = prepare(shapes_folder, tmp_path / "prepared", PrepareSettings())
    found = facts(prepared.out)
    assert found["kind"] == "prepared"
    assert found["splits"] == prepared.splits
    assert found["answers"] == 7
    assert found["images"] == 12
    text = info(prepared.out).stdout
    assert text.startswith(f"{prepared.out}: a prepared dataset\n")
    assert f"train {prepared.splits['train']}" in text


def test_a_finished_run_and_latest(run_folder: Path, tmp_path: Path) -> None:
    found = facts(run_folder)
    assert found["kind"] == "run"
    assert (found["image_encoder"], found["question_encoder"]) == ("test_resnet", "bert")
    assert (found["fusion"], found["answers"]) == ("attention", 5)
    assert found["metrics"] == {"val_accuracy": 0.5}
    shutil.copytree(run_folder, tmp_path / "runs" / "one")
    latest = tmp_path / "runs" / "latest"
    latest.write_text("one")
    result = json.loads(info(latest, "--json").stdout)
    assert (result["kind"], result["path"]) == ("run", str(tmp_path / "runs" / "one"))


def test_an_unfinished_run_says_how_to_go_on(run_folder: Path, tmp_path: Path) -> None:
    run = shutil.copytree(run_folder, tmp_path / "run")
    (run / "metrics.json").unlink()
    assert facts(run)["kind"] == "unfinished-run"
    assert f"vqa finetune --resume {run}" in info(run).stdout


def test_a_folder_of_runs(run_folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(run_folder, tmp_path / "runs" / name)
    (tmp_path / "runs" / "two" / "metrics.json").unlink()
    (tmp_path / "runs" / "latest").write_text("one")
    found = facts(tmp_path / "runs")
    assert found["kind"] == "runs"
    assert (found["latest"], found["finished"], found["unfinished"]) == ("one", ["one"], ["two"])
    assert found["searches"] == []


def test_a_search_names_its_best_run(run_folder: Path, tmp_path: Path) -> None:
    search = tmp_path / "runs" / "wide"
    best = shutil.copytree(run_folder, search / "trial-002")
    (search / "search.json").write_text('{"trials": 3}')
    found = facts(search)
    assert (found["kind"], found["trials"]) == ("unfinished-search", 3)
    assert f"vqa finetune --resume {search}" in info(search).stdout
    (search / "result.json").write_text("{}")
    found = facts(search)
    assert (found["kind"], found["best_run"]) == ("search", str(best))
    (tmp_path / "runs" / "latest").write_text("wide/trial-002\n")
    found = facts(tmp_path / "runs")
    assert (found["finished"], found["searches"]) == ([], ["wide"])


def test_the_packages_model_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert info(Path("demo")).stdout == info(DEMO_MODEL).stdout
    assert "quantization      type int8" in info(DEMO_MODEL).stdout


def test_an_export(export_folder: Path) -> None:
    found = facts(export_folder)
    assert found["kind"] == "export"
    assert found["opset"] == 20
    assert found["bytes"] == sum(path.stat().st_size for path in export_folder.iterdir())
    assert found["quantization"] is None
    text = info(export_folder).stdout
    assert "answers without torch" in text
    assert "quantization" not in text


def test_an_image_by_its_upright_size(tmp_path: Path) -> None:
    image = Image.new("L", (30, 20))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "photo.jpg", exif=exif)
    found = facts(tmp_path / "photo.jpg")
    assert found["kind"] == "image"
    assert (found["format"], found["mode"]) == ("JPEG", "L")
    assert (found["width"], found["height"]) == (20, 30)


def test_a_damaged_image_is_an_error(photo: Path) -> None:
    photo.write_bytes(photo.read_bytes()[:200])
    result = info(photo)
    assert result.exit_code == 1
    assert "photo.png: is truncated or damaged" in result.stderr


@pytest.mark.parametrize("name", ["missing", "notes.txt", "empty", "n" * 300])
def test_nothing_known_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("buy milk\n")
    (tmp_path / "empty").mkdir()
    result = info(tmp_path / name)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {tmp_path / name}: ")
    assert result.stdout == ""


def test_a_known_folder_that_is_damaged_or_newer_is_an_error(
    run_folder: Path, export_folder: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(run_folder, tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(config | {"format_version": 9}))
    assert "written by a newer vqa" in info(run).stderr
    export = shutil.copytree(export_folder, tmp_path / "export")
    (export / "calibration.json").write_text("{}")
    assert "calibration.json: damaged or changed" in info(export).stderr
    (export / "answerer.onnx").unlink()
    assert "misses answerer.onnx" in info(export).stderr
