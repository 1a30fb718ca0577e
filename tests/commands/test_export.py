from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vqa_cli.cli import app

pytestmark = pytest.mark.usefixtures("ready_graphs")


def export(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["export", *map(str, arguments)])


def test_json_has_the_documented_keys(run_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = export(run_folder, "--out", out, "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert set(found) >= {"out", "files", "parity_max_abs_diff", "bytes"}
    assert found["out"] == str(out)
    assert set(found["files"]) == {path.name for path in out.iterdir()}
    assert found["bytes"] == sum(path.stat().st_size for path in out.iterdir())
    assert 0 <= found["parity_max_abs_diff"] <= 1e-3
    assert "--data DIR names real ones" in result.stderr

    again = export(run_folder, "--out", out)
    assert again.exit_code == 1
    assert "--force" in again.stderr
    assert again.stdout == ""


def test_people_get_the_files_and_the_proof(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VQA_MODEL", str(run_folder))
    lines = export("--out", tmp_path / "out").stdout.splitlines()
    assert lines[0].startswith(f"{tmp_path / 'out'}  ")
    assert sum("answerer.onnx" in line for line in lines) == 1
    assert lines[-1].startswith("the same as the model: largest logit difference")


def test_without_out_it_is_wrong_usage(run_folder: Path) -> None:
    result = export(run_folder)
    assert result.exit_code == 2
    assert "--out" in result.stderr


def test_without_a_run_the_error_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VQA_MODEL", raising=False)
    result = export("--out", "out")
    assert result.exit_code == 1
    assert "no model: there is no runs/latest here" in result.stderr


def test_data_that_is_no_prepared_dataset_is_an_error(run_folder: Path, tmp_path: Path) -> None:
    result = export(run_folder, "--out", tmp_path / "out", "--data", tmp_path)
    assert result.exit_code == 1
    assert "is no prepared dataset" in result.stderr
    assert not (tmp_path / "out").exists()
