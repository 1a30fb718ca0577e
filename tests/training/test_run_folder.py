import json
import os
from pathlib import Path

import pytest

from vqa_cli.errors import ModelError
from vqa_cli.training.run_folder import create_run, find_unfinished, mark_latest


def make_run(folder: Path, *, finished: bool, age: int = 0) -> Path:
    folder.mkdir()
    config = folder / "config.json"
    config.write_text(json.dumps({"kind": "vqa-run", "format_version": 1}))
    if finished:
        (folder / "metrics.json").write_text("{}")
    os.utime(config, ns=(10**18 - age, 10**18 - age))
    return folder


def test_runs_are_numbered(tmp_path: Path) -> None:
    first = create_run("my photos!", runs=tmp_path)
    second = create_run("my photos!", runs=tmp_path)
    assert first.name.endswith("-my-photos-1")
    assert second.name.endswith("-my-photos-2")


def test_an_out_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(ModelError, match="not empty"):
        create_run("data", out=tmp_path)
    assert create_run("data", out=tmp_path / "new") == tmp_path / "new"


def test_latest_names_the_run(tmp_path: Path) -> None:
    run = create_run("data", runs=tmp_path)
    mark_latest(run)
    assert (tmp_path / "latest").read_text().strip() == run.name


def test_the_newest_unfinished_run_is_found(tmp_path: Path) -> None:
    make_run(tmp_path / "old", finished=False, age=20)
    newest = make_run(tmp_path / "newest", finished=False, age=10)
    make_run(tmp_path / "done", finished=True)
    assert find_unfinished(None, tmp_path)[0] == newest


def test_a_finished_run_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="finished"):
        find_unfinished(make_run(tmp_path / "run", finished=True))


def test_a_run_whose_last_moves_were_not_made_is_found(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", finished=True)
    (run / "state").mkdir()
    assert find_unfinished(None, tmp_path)[0] == find_unfinished(run)[0] == run


def test_nothing_to_resume_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no unfinished run"):
        find_unfinished(None, tmp_path)
