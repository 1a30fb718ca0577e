import json
import os
from pathlib import Path

import pytest

from vqa_cli.errors import DataError, ModelError
from vqa_cli.training.run_folder import create_run, find_unfinished, mark_latest, writing


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


def abandon(run: Path) -> Path:
    """Leave a folder as a process does that is killed while it makes a run's."""
    with writing(create_run("data", out=run)):
        (run / "answers.json").write_text("{}")
        (run / ".model.safetensors.7.tmp").write_text("half")
    return run


def test_a_run_that_was_stopped_before_it_had_begun_is_begun_again(tmp_path: Path) -> None:
    run = abandon(tmp_path / "run")
    with pytest.raises(ModelError, match=r"stopped before it had begun.*start it again.*--out"):
        find_unfinished(run)
    with writing(create_run("data", out=run)):
        assert {path.name for path in run.iterdir()} == {"answers.json", "state"}


def test_of_an_abandoned_run_and_others_only_the_others_are_found(tmp_path: Path) -> None:
    abandon(tmp_path / "abandoned")
    begun = make_run(tmp_path / "begun", finished=False)
    assert find_unfinished(None, tmp_path)[0] == begun


def test_a_folder_of_somebody_else_is_not_taken_for_an_abandoned_run(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    assert create_run("data", out=tmp_path) == tmp_path  # killed before it could write anything
    (tmp_path / "state" / "laws.txt").write_text("precious")
    with pytest.raises(ModelError, match="not empty"):
        create_run("data", out=tmp_path)


def test_two_launches_cannot_write_one_run(tmp_path: Path) -> None:
    by_me = f"written by process {os.getpid()}"
    with writing(tmp_path), pytest.raises(DataError, match=by_me), writing(tmp_path):
        pytest.fail("both wrote")
    with writing(tmp_path):
        pass


def test_what_a_killed_process_left_half_done_is_removed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / ".tmp-7").mkdir(parents=True)
    (state / ".tmp-7" / "weights.safetensors").write_text("half")
    (state / ".final").mkdir()
    (state / ".best-000001.safetensors.7.tmp").write_text("half")
    (state / "best-000001.safetensors").write_text("whole")
    (tmp_path / ".history.csv.7.tmp").write_text("half")
    with writing(tmp_path):
        assert {path.name for path in state.iterdir()} == {".lock", "best-000001.safetensors"}
        assert [path.name for path in tmp_path.iterdir()] == ["state"]
