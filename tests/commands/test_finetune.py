"""`vqa finetune` as it is called: what is printed where, which data it takes, what it refuses."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner, Result

from tests.drawing import Row, draw_shapes, write_csv, write_shapes
from vqa_cli.cli import app

TINY = ("--preset", "tiny", "--image-size", "32", "--threads", "1", "--device", "cpu")
COLUMNS = ("image", "question", "answer")
KEYS = (
    *("run", "best_epoch", "val_accuracy", "val_accuracy_untrained", "stopped"),
    *("seconds", "seconds_features", "seconds_training", "val_accuracy_gain"),
)
RUN_FILES = {
    *("README.md", "answers.json", "calibration.json", "config.json", "curves.svg", "history.csv"),
    *("metrics.json", "model.safetensors", "preprocess.json", "tokenizer.json"),
}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VQA_MODEL", raising=False)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which shapes/ was fine-tuned on once, with --json; stdout and stderr are kept."""
    folder = tmp_path_factory.mktemp("workplace")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = finetune(write_shapes(Path("shapes")), *TINY, "--epochs", 1, "--json")
    assert result.exit_code == 0, result.stderr
    (folder / "stdout").write_text(result.stdout)
    (folder / "stderr").write_text(result.stderr)
    return folder


def finetune(*arguments: object, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(app, ["finetune", *map(str, arguments)])


def config(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "config.json").read_text())
    return content


def fails(result: Result, *parts: str, code: int = 1) -> None:
    """It failed as expected: one line on stderr that holds `parts`, nothing on stdout."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert errors == result.stderr.splitlines()[-1:]
    for part in parts:
        assert part in errors[0]


def test_json_has_the_documented_keys_and_is_alone_on_stdout(workplace: Path) -> None:
    found = json.loads((workplace / "stdout").read_text())
    assert tuple(found) == KEYS
    run = workplace / found["run"]
    assert run.parent == workplace / "runs"
    assert run.name.endswith("-shapes-1")
    assert {path.name for path in run.iterdir()} == RUN_FILES
    assert (workplace / "runs" / "latest").read_text().strip() == run.name
    assert found["best_epoch"] == 1
    assert 0 <= found["val_accuracy"] <= 1
    assert found["seconds"] >= found["seconds_training"] > 0


def test_a_raw_folder_is_prepared_first_and_the_user_is_told(workplace: Path) -> None:
    told = (workplace / "stderr").read_text()
    assert "shapes is not prepared yet, or has changed: preparing it first" in told
    assert told.startswith("device: cpu, float32, 1 CPU thread")
    assert (workplace / "shapes" / ".vqa" / "dataset.json").is_file()


def test_people_get_one_line_and_what_comes_next(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace)
    result = finetune("shapes/.vqa", *TINY, "--epochs", 1, "--out", "people")
    assert result.exit_code == 0, result.stderr
    assert len(result.stdout.splitlines()) == 1
    assert result.stdout.startswith("people: val accuracy ")
    assert "preparing it first" not in result.stderr
    assert result.stderr.endswith('next: vqa ask IMAGE "QUESTION" -m people\n')
    assert (workplace / "latest").read_text() == "people\n"


def test_a_config_file_sets_what_no_flag_says(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace)
    Path("vqa.toml").write_text(
        '[model]\npreset = "tiny"\nimage_size = 32\nfusion = "concat"\n'
        '[train]\nepochs = 1\nseed = 7\n[device]\nthreads = 1\ndevice = "cpu"\n'
    )
    result = finetune("shapes", "--config", "vqa.toml", "--seed", 8, "--out", "by-file", "-q")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    recorded = config(Path("by-file"))["settings"]
    assert (recorded["model"]["fusion"], recorded["model"]["image_size"]) == ("concat", 32)
    assert (recorded["train"]["epochs"], recorded["train"]["seed"]) == (1, 8)


def write_jsonl(path: Path, rows: list[Row]) -> None:
    lines = [json.dumps(dict(zip(COLUMNS, row, strict=True))) for row in rows]
    path.with_suffix(".jsonl").write_text("\n".join(lines), encoding="utf-8")


def write_parquet(path: Path, rows: list[Row]) -> None:
    pd.DataFrame(rows, columns=COLUMNS).to_parquet(path.with_suffix(".parquet"))


def write_table(path: Path, rows: list[Row]) -> None:
    write_csv(path.with_suffix(".csv"), COLUMNS, rows)


@pytest.mark.parametrize("write", [write_table, write_jsonl, write_parquet])
def test_files_of_train_val_and_test_are_kept_apart(
    tmp_path: Path, write: Callable[[Path, list[Row]], None]
) -> None:
    rows = draw_shapes(tmp_path / "photos" / "images", 12)
    for split, part in {"train": rows[:24], "val": rows[24:30], "test": rows[30:]}.items():
        write(tmp_path / "photos" / split, part)
    result = finetune("photos", *TINY, "--epochs", 1, "--out", "run")
    assert result.exit_code == 0, result.stderr
    assert config(Path("run"))["data"]["questions"] == {"train": 24, "val": 6, "test": 6}


@pytest.mark.parametrize("write", [write_jsonl, write_parquet])
def test_one_file_of_any_kind_is_split_here(
    tmp_path: Path, write: Callable[[Path, list[Row]], None]
) -> None:
    write(tmp_path / "photos" / "questions", draw_shapes(tmp_path / "photos" / "images", 12))
    result = finetune("photos", *TINY, "--epochs", 1, "--out", "run")
    assert result.exit_code == 0, result.stderr
    assert config(Path("run"))["data"]["questions"] == {"train": 30, "val": 3, "test": 3}


def test_a_place_that_is_taken_is_told_before_the_work(shapes_folder: Path) -> None:
    Path("taken").mkdir()
    Path("taken/thesis.txt").write_text("years of work")
    fails(finetune("shapes", *TINY, "--out", "taken"), "--out taken: is not empty", "a new folder")
    file = "taken/thesis.txt"
    fails(finetune("shapes", *TINY, "--out", file), f"--out {file}: is a file")
    fails(finetune("shapes", *TINY, "--out", "x" * 300), "name too long", "--out DIR")
    assert Path(file).read_text() == "years of work"
    assert not (shapes_folder / ".vqa").exists()


def test_a_place_that_cannot_be_made_is_told(shapes_folder: Path) -> None:
    result = finetune("shapes", *TINY, "--out", "shapes/questions.csv/run", "-q")
    fails(result, "shapes/questions.csv/run: Not a directory", "--out DIR")


def test_an_unfinished_run_in_the_way_can_be_gone_on_with(shapes_folder: Path) -> None:
    Path("run").mkdir()
    Path("run/config.json").write_text("{}")
    fails(finetune("shapes", *TINY, "--out", "run"), "vqa finetune --resume run")


def test_resume_goes_by_the_runs_own_settings() -> None:
    result = finetune("--resume", "--epochs", 3, "--fusion", "cross")
    fails(result, "leave out --fusion, --epochs", code=2)
    fails(finetune("--resume", "--out", "new"), "--out names a new run", code=2)


def test_going_on_from_a_run_tells_the_old_score(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace)
    old = json.loads((workplace / "stdout").read_text())["run"]
    new, options = write_shapes(Path("more"), 6), ("--threads", 1, "--device", "cpu")
    replay = ("--replay", "shapes/.vqa", "--replay-share", 0.25)
    given = ("--from", old, *options, "--epochs", 1)
    people = finetune(new, *given, *replay, "--out", "next")
    assert people.exit_code == 0, people.stderr
    first, second = people.stdout.splitlines()
    assert first.startswith("next: val accuracy ")
    scores = re.fullmatch(
        rf"old test \({workplace}/shapes/.vqa\): accuracy (.*)% before, (.*)% after", second
    )
    recorded = json.loads(Path("next/metrics.json").read_text())["old"]
    assert scores
    assert float(scores[1]) == pytest.approx(100 * recorded["accuracy_before"], abs=0.01)
    assert float(scores[2]) == pytest.approx(100 * recorded["accuracy"], abs=0.01)
    shutil.move("shapes/.vqa", "elsewhere")
    machine = finetune(new, *given, "--out", "after", "--json")
    shutil.move("elsewhere", "shapes/.vqa")
    assert "is no prepared dataset" in json.loads(machine.stdout)["old"]["missing"]


def test_what_contradicts_the_run_to_go_on_from_is_wrong_usage(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace)
    old = json.loads((workplace / "stdout").read_text())["run"]
    result = finetune("shapes", "--from", old, "--fusion", "cross", "--max-question-tokens", 9)
    assert result.exit_code == 2
    assert "--fusion cross: --from" in result.stderr
    assert "--max-question-tokens 9: --from" in result.stderr
    named = finetune("shapes", "--from", old, "--preset", "auto", "--layers", 2, "--epochs", 1)
    assert "--layers" not in named.stderr
    fails(finetune("shapes", "--from", old, "--trials", 2), "--trials searches", code=2)


def test_there_may_be_nothing_to_resume(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fails(finetune("--resume"), "there is no unfinished run in", "vqa finetune --resume RUN")
    monkeypatch.chdir(workplace)
    fails(finetune("--resume"), f"no unfinished run in {workplace / 'runs'}")
    fails(finetune("--resume", "runs/latest"), "-shapes-1: this run is finished")
    fails(finetune("--resume", "gone"), "gone: there is no such run")
    fails(finetune("--resume", "shapes"), "shapes is no run folder")


def test_without_data_it_is_wrong_usage() -> None:
    fails(finetune(), "name the data: vqa finetune DATA", code=2)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--fusion", "cocnat"), "--fusion must be one of concat, attention, cross, joint"),
        (("--dropout", "1.5"), "--dropout must be in [0, 1), got 1.5"),
        (("--config", "gone.toml"), "--config gone.toml: cannot be read: No such file"),
    ],
)
def test_an_impossible_setting_is_one_line(options: tuple[str, ...], told: str) -> None:
    fails(finetune("shapes", *options), told, code=2)


def test_several_impossible_settings_are_a_list() -> None:
    result = finetune("shapes", "--dropout", "1.5", "--epochs", "0")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "error: 2 settings cannot be used:",
        "  - --dropout must be in [0, 1), got 1.5",
        "  - --epochs must be in [1, inf), got 0",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[train]\nepocs = 3\n", "[train] has no setting epocs (did you mean epochs?)"),
        ("[trian]\nepochs = 3\n", "--config vqa.toml: [trian] is no section (did you mean train?)"),
        ('[train]\nepochs = "3"\n', "--epochs must be a whole number, got '3'"),
    ],
)
def test_a_config_file_with_a_mistake_is_one_line(text: str, told: str) -> None:
    Path("vqa.toml").write_text(text)
    fails(finetune("shapes", "--config", "vqa.toml"), told, code=2)


def test_no_such_folder() -> None:
    fails(finetune("gone", *TINY), "gone: no such file or folder")


def test_rows_that_cannot_be_used_stop_it_unless_they_are_skipped(shapes_folder: Path) -> None:
    (shapes_folder / "images" / "000.png").unlink()
    with (shapes_folder / "questions.csv").open("a", newline="") as stream:
        csv.writer(stream).writerow(["001.png", " ", "red"])
    stopped = finetune("shapes", *TINY, "--epochs", 1, "--out", "run")
    assert (stopped.exit_code, stopped.stdout) == (1, "")
    assert "4 row(s) cannot be used" in stopped.stderr
    assert "image that is missing: 3 rows, e.g. 000.png (questions-1)" in stopped.stderr
    assert "question that is empty: 1 row, e.g. questions-37" in stopped.stderr
    assert not Path("run").exists()

    skipped = finetune("shapes", *TINY, "--epochs", 1, "--out", "run", "--skip-bad")
    assert skipped.exit_code == 0, skipped.stderr
    assert "warning: image that is missing: 3 rows" in skipped.stderr
    assert sum(config(Path("run"))["data"]["questions"].values()) == 33


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("resnet5", "'resnet5' is neither a timm model nor a local folder; the nearest are resnet"),
        ("qqqqzzzz", "timm.list_models()"),
        ("resnet50@gone.safetensors", "there is no weights file gone.safetensors"),
        ("gone.safetensors", "gone.safetensors: cannot be read: No such file"),
        ("weights.pth", "never a pickle"),
        ("shapes", "shapes: no timm model folder: config.json cannot be read: No such file"),
    ],
)
def test_an_image_encoder_that_cannot_be_had(shapes_folder: Path, name: str, told: str) -> None:
    result = finetune("shapes", *TINY, "--image-encoder", name, "-q", "--out", "run")
    fails(result, "--image-encoder", told)
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("berd-base-uncased", "well-known names near it: bert-base-uncased"),
        ("./gone", "'./gone' is neither a local folder nor a name on the model hub"),
        ("not a name!", "neither a local folder nor a name"),
        ("shapes", "shapes: no BERT-like model folder"),
    ],
)
def test_a_question_encoder_that_cannot_be_had(shapes_folder: Path, name: str, told: str) -> None:
    result = finetune("shapes", *TINY, "--question-encoder", name, "-q", "--offline")
    fails(result, "--question-encoder", told)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("flag", "name", "repository"),
    [
        ("--image-encoder", "resnet18.a1_in1k", "timm/resnet18.a1_in1k"),
        ("--question-encoder", "prajjwal1/bert-tiny", "prajjwal1/bert-tiny"),
    ],
)
def test_a_hub_model_without_network_says_how_to_go_on(
    shapes_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    flag: str,
    name: str,
    repository: str,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    result = finetune("shapes", *TINY, flag, name, "-q", HF_HUB_OFFLINE="1")
    fails(
        result,
        f"{flag}: {repository!r} is not in the local cache and the network is forbidden here",
        f"`hf download {repository}`",
        f"--preset tiny and no {flag}",
    )


def test_a_gpu_that_is_not_there(shapes_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = finetune("shapes", "--preset", "tiny", "--device", "cuda")
    fails(result, "--device cuda: torch", "or use --device cpu")
    assert not (shapes_folder / ".vqa").exists()


def test_a_run_whose_files_are_damaged_or_newer_is_not_resumed(
    workplace: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(workplace / json.loads((workplace / "stdout").read_text())["run"], run)
    (run / "metrics.json").unlink()  # as before its end
    whole = (run / "model.safetensors").read_bytes()
    (run / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    fails(finetune("--resume", run), str(run / "model.safetensors"), "damaged")
    (run / "model.safetensors").unlink()
    fails(finetune("--resume", run), f"{run / 'model.safetensors'}: is missing", "restore")
    (run / "config.json").write_text(json.dumps({**config(run), "format_version": 99}))
    fails(finetune("--resume", run), "written by a newer vqa", "upgrade")
