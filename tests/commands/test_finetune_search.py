"""`vqa finetune DATA --trials N` as it is called: what is printed, and what it refuses."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.drawing import write_shapes
from vqa_cli.cli import app

FIXED = ("--image-size", "32", "--threads", "1", "--device", "cpu", "--fusion", "concat")


def finetune(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["finetune", *map(str, arguments)])


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """A folder in which two trials were run; the JSON object, and stderr."""
    folder = tmp_path_factory.mktemp("workplace")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("vqa.toml").write_text('[model]\npreset = "tiny"\n[train]\nepochs = 1\n')
        arguments = (*FIXED, "--config", "vqa.toml", "--trials", 2, "--json")
        result = finetune(write_shapes(Path("shapes")), *arguments)
    assert result.exit_code == 0, result.output
    return folder, json.loads(result.stdout), result.stderr


def test_the_folder_is_named_like_a_run(found: tuple[Path, dict[str, Any], str]) -> None:
    folder, values, told = found
    assert values["search"].startswith("runs/")
    assert values["search"].endswith("-shapes-search-1")
    assert (folder / "runs" / "latest").read_text().strip() == "/".join(
        Path(values["run"]).parts[-2:]
    )
    assert "trial 1 of 2: val accuracy" in told


def test_what_a_config_file_names_is_not_searched(
    found: tuple[Path, dict[str, Any], str],
) -> None:
    folder, values, _ = found
    header = (folder / values["search"] / "trials.csv").read_text().splitlines()[0].split(",")
    assert {"fusion", "epochs"}.isdisjoint(header)
    assert {"learning_rate", "dropout", "batch_size"} < set(header)


def test_the_printed_command_makes_the_very_same_weights(
    found: tuple[Path, dict[str, Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, values, _ = found
    monkeypatch.chdir(folder)
    program, command, *arguments = shlex.split(values["command"])
    assert (program, command) == ("vqa", "finetune")
    result = finetune(*arguments, "--out", "again")
    assert result.exit_code == 0, result.output
    ours, theirs = (Path(run, "model.safetensors") for run in ("again", values["run"]))
    assert ours.read_bytes() == theirs.read_bytes()


def test_people_get_the_winner_and_the_command(
    found: tuple[Path, dict[str, Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, values, _ = found
    monkeypatch.chdir(folder)
    result = finetune("--resume", values["search"], "--trials", 3)
    assert result.exit_code == 0, result.output
    first, second = result.stdout.splitlines()
    assert "the best of 3; with the defaults" in first
    assert f"{values['search']}/trials.csv has all trials" in result.stderr
    assert second.startswith("vqa finetune shapes --preset tiny --fusion concat ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--trials", 2), "name the data"),
        (("shapes", "--trials", 2, "--track", "tensorboard"), "--track is for one run"),
        (("shapes", "--trials", 2, "--max-minutes", 1), "--max-minutes bounds one run"),
        (("shapes", "--trials", 0), "--trials"),
        (("shapes", "--trials", 2, "--out", "full"), "is not empty, and nothing is overwritten"),
    ],
)
def test_what_it_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_shapes(Path("shapes"))
    Path("full").mkdir()
    Path("full", "something").touch()
    result = finetune(*arguments)
    assert result.exit_code in (1, 2)
    assert message in result.stderr


def test_a_run_has_no_trials_to_go_on_with(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    result = finetune("--resume", tmp_path, "--trials", 2)
    assert result.exit_code == 2
    assert "and this is a run" in result.stderr
