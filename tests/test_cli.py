"""The command line as a shell sees it: exit codes, what is printed where, signals, completion."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.drawing import write_csv, write_shapes
from tests.test_architecture import HEAVY
from vqa_cli import __version__
from vqa_cli.cli import app

TINY = ("--preset", "tiny", "--image-size", "32", "--threads", "1", "--device", "cpu")

STOPPED = """
import os, signal, sys
from vqa_cli.cli import main
from vqa_cli.console import Console

# What was started in the background of a script is deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
number, stage, step = int(sys.argv.pop(1)), sys.argv.pop(1), int(sys.argv.pop(1))
show = Console.progress

def progress(self, now, done, total, note=""):
    show(self, now, done, total, note)
    if (now, done) == (stage, step):
        os.kill(os.getpid(), number)

Console.progress = progress
main()
"""
"""The command line, in which a signal arrives when so much of a stage is done."""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("VQA_MODEL", "PYTHONUNBUFFERED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def shell(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `vqa` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "vqa_cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


def stopped(
    number: signal.Signals, stage: str, step: int, *arguments: object
) -> subprocess.CompletedProcess[str]:
    """Run `vqa` in a process of its own that gets a signal on the way."""
    return subprocess.run(
        [sys.executable, "-c", STOPPED, str(int(number)), stage, str(step), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def vqa(*arguments: object) -> Result:
    """Run `vqa` in this process: what is heavy is imported once."""
    return CliRunner().invoke(app, list(map(str, arguments)))


def done(result: Result) -> str:
    assert result.exit_code == 0, result.stderr
    return result.stdout


# What ends how


def test_a_failure_is_one_line_on_stderr_and_exits_with_1() -> None:
    ended = shell("prepare", "gone")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "error: gone: no such file or folder\n"


@pytest.mark.parametrize(
    "command",
    [
        ("prepare", "shapes", "--out"),
        ("finetune", "shapes", "--images"),
        ("finetune", "shapes", *TINY, "--out"),
        ("finetune", "--resume"),
        ("evaluate", "shapes", "--save-predictions"),
        ("evaluate", "shapes", "--predictions"),
        ("ask", "shapes/images/000.png", "where?", "-m"),
        ("export",),
        ("info",),
        ("cache",),
    ],
    ids=lambda command: "-".join(part.strip("-") for part in command if "/" not in part)[:40],
)
def test_what_the_system_refuses_is_a_failure_too(
    command: tuple[str, ...], shapes_folder: Path
) -> None:
    name = "x" * 300 + ".csv"  # longer than file systems take
    result = vqa(*command, name, *(("--out", "out") if command == ("export",) else ()))
    assert (result.exit_code, result.stdout) == (1, "")
    failure = result.stderr.splitlines()[-1]
    assert failure.startswith("error: ")
    assert name in failure
    assert "ile name too long" in failure or "no such file" in failure


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vqa_cli.data.prepare.prepare", lambda *_, **__: 1 / 0)
    assert isinstance(vqa("prepare", "shapes").exception, ZeroDivisionError)


def test_wrong_usage_exits_with_2() -> None:
    ended = shell("finetune", "gone", "--epocs", "3")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "No such option: --epocs" in ended.stderr
    assert "--epochs" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_package_is_a_program_too() -> None:
    ended = shell("--version")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"{__version__}\n", "")


def test_help_imports_nothing_heavy() -> None:
    ended = shell("--help", PYTHONPROFILEIMPORTTIME="1")
    assert ended.returncode == 0
    assert "finetune" in ended.stdout
    imported = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert "vqa_cli.cli" in imported
    assert not (HEAVY | {"numpy", "pydantic"}) & imported


def test_only_answers_are_on_stdout(export_folder: Path, photo: Path) -> None:
    ended = shell("ask", photo, "where?", "what color is it?", "-m", export_folder, "-v")
    assert ended.returncode == 0
    assert ended.stdout == done(
        vqa("ask", photo, "where?", "what color is it?", "-m", export_folder)
    )
    assert "onnxruntime" in ended.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("ask", "--help"), ("prepare", "--list-formats")]
)
def test_a_closed_pipe_ends_quietly(arguments: tuple[str, ...], unbuffered: str) -> None:
    assert into_a_closed_pipe(*arguments, PYTHONUNBUFFERED=unbuffered) == (0, "")


def test_a_closed_pipe_ends_an_evaluation_quietly(export_folder: Path, shapes_folder: Path) -> None:
    command = ("evaluate", shapes_folder, "-m", export_folder, "--split", "train", "-qq")
    assert into_a_closed_pipe(*command) == (0, "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_hides_no_threshold(
    export_folder: Path, shapes_folder: Path, unbuffered: str
) -> None:
    for split, answer in (("train", "red"), ("test", "nothing")):
        header = ("image", "question", "answer")
        write_csv(shapes_folder / f"{split}.csv", header, [("000.png", "what is it?", answer)])
    command = ("evaluate", shapes_folder, "-m", export_folder, "--fail-under", 1, "-q")
    code, said = into_a_closed_pipe(*command, PYTHONUNBUFFERED=unbuffered)
    assert (code, said.splitlines()[-1]) == (3, "error: accuracy 0.0000 on test is below 1")
    command = ("prepare", shapes_folder, "--check", "--strict", "-q")
    code, said = into_a_closed_pipe(*command, PYTHONUNBUFFERED=unbuffered)
    assert (code, said) == (3, f"error: {shapes_folder}: 4 kind(s) of problems were found\n")


def into_a_closed_pipe(*arguments: object, **environment: str) -> tuple[int, str]:
    """Give exit code and stderr of a `vqa` whose reader is gone before it starts, as with head."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "vqa_cli", *map(str, arguments)],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
            check=False,
        )
    finally:
        os.close(writer)
    return ended.returncode, ended.stderr


# Shell completion, by what a shell sets: the words so far, and which of them is being typed


def completed(line: str) -> list[str]:
    words = line.split(" ")
    ended = subprocess.run(
        [sys.executable, "-c", "from vqa_cli.cli import main; main()"],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "_VQA_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        },
        check=True,
    )
    return ended.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("vqa fine", ["finetune"]),
        ("vqa finetune --fusion ", ["concat", "attention", "cross", "joint"]),
        ("vqa finetune --fusion c", ["concat", "cross"]),
        ("vqa finetune --image-tu", ["--image-tuning"]),
    ],
)
def test_a_shell_completes(line: str, offered: list[str]) -> None:
    assert completed(line) == offered


def test_the_completion_can_be_installed() -> None:
    ended = shell("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert ended.returncode == 0
    assert "_VQA_COMPLETE=complete_bash" in ended.stdout


# Stopped on the way


def test_ctrl_c_while_preparing_leaves_nothing(shapes_folder: Path) -> None:
    ended = stopped(signal.SIGINT, "checking images", 12, "prepare", shapes_folder)
    assert (ended.returncode, ended.stdout) == (130, "")
    assert ended.stderr.splitlines()[-1] == "interrupted"
    assert sorted(path.name for path in shapes_folder.iterdir()) == ["images", "questions.csv"]


LOST = """
import io, os, signal, sys, time
from vqa_cli.cli import main

class Freed:
    def __del__(self):  # Python throws away what is raised here
        os.kill(os.getpid(), signal.SIGINT)

class Waits(io.BytesIO):
    def read1(self, size):
        Freed()
        time.sleep(20)
        return b""

class Stdin:
    buffer = Waits()

    def isatty(self):
        return False

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.stdin, sys.argv = Stdin(), ["vqa", "ask", "--batch", "-", "-m", "demo"]
main()
"""


def test_ctrl_c_that_python_throws_away_is_pressed_again() -> None:
    ended = subprocess.run([sys.executable, "-c", LOST], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (130, "interrupted\n")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three epochs that nothing stopped."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    data = write_shapes(folder / "shapes")
    done(vqa("finetune", data, *TINY, "--epochs", 3, "--batch-size", 12, "--out", folder / "run"))
    return folder / "run"


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)],
    ids=["ctrl-c", "killed"],
)
def test_a_stopped_fine_tuning_is_gone_on_with_to_the_same_end(
    uninterrupted: Path, shapes_folder: Path, number: signal.Signals, code: int
) -> None:
    options = (*TINY, "--epochs", 3, "--batch-size", 12)
    ended = stopped(number, "training", 5, "finetune", shapes_folder, *options)  # in epoch 2 of 3
    assert (ended.returncode, ended.stdout) == (code, "")
    assert "Traceback" not in ended.stderr
    (run,) = (path for path in Path("runs").iterdir() if path.is_dir())
    if number == signal.SIGINT:
        *_, told, last = ended.stderr.splitlines()
        assert told.endswith(f"go on with: vqa finetune --resume {run}")
        assert last == "interrupted"
    assert not (run / "metrics.json").exists()
    assert not Path("runs/latest").exists()
    refused = vqa("ask", shapes_folder / "images" / "000.png", "is it red?", "-m", run)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert f"vqa finetune --resume {run}" in refused.stderr

    resumed = vqa("finetune", "--resume", "--json")
    assert json.loads(done(resumed))["run"] == str(run)
    step = 5 if number == signal.SIGINT else 3  # what a kill loses is the epoch it falls into
    assert f"resuming {run} at step {step}" in resumed.stderr
    assert sorted(path.name for path in run.iterdir()) == sorted(
        path.name for path in uninterrupted.iterdir()
    )
    for name in ("model.safetensors", "answers.json", "calibration.json", "tokenizer.json"):
        assert (run / name).read_bytes() == (uninterrupted / name).read_bytes(), name
    assert Path("runs/latest").read_text() == f"{run.name}\n"


# From raw data to an export


def test_the_whole_way(shapes_folder: Path) -> None:
    image, questions = shapes_folder / "images" / "000.png", ("is it red?", "which shape is it?")
    prepared = json.loads(done(vqa("prepare", shapes_folder, "--out", "prepared", "--json")))
    assert prepared["splits"] == {"train": 30, "val": 3, "test": 3}

    trained = json.loads(done(vqa("finetune", "prepared", *TINY, "--epochs", 4, "--json")))
    run = trained["run"]

    scored = json.loads(done(vqa("evaluate", "prepared", "--split", "val", "--json")))
    assert (scored["split"], scored["questions"]) == ("val", 3)
    assert scored["accuracy"] == trained["val_accuracy"]

    by_run = asked(image, *questions, "-m", run, "--device", "cpu")
    exported = json.loads(done(vqa("export", "--out", "answerer", "--json")))
    assert exported["parity_max_abs_diff"] <= 1e-3
    by_export = asked(image, *questions, "-m", "answerer")
    assert [answer for answer, _ in by_run] == [answer for answer, _ in by_export]
    for (_, confidence), (_, other) in zip(by_run, by_export, strict=True):
        assert confidence == pytest.approx(other, abs=1e-3)


def asked(*arguments: object) -> list[tuple[str, float]]:
    lines = done(vqa("ask", *arguments, "--json")).splitlines()
    return [(entry["answer"], entry["confidence"]) for entry in map(json.loads, lines)]
