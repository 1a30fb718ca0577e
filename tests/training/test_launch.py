"""Fine-tuning by several processes, started as users start them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import vqa_cli
from tests.training.test_finetune import FILES

TINY = ("--preset", "tiny", "--image-size", "32", "--device", "cpu")
FROZEN = ("--image-tuning", "frozen", "--question-tuning", "frozen")
TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node=2")
ACCELERATE = (
    *("accelerate.commands.launch", "--multi_gpu", "--num_processes=2", "--num_machines=1"),
    *("--mixed_precision=no", "--dynamo_backend=no"),
)
BOUND = 90
"""Seconds within which a launch that has lost a process must have ended."""

pytestmark = pytest.mark.slow


def launched(launcher: tuple[str, ...], *command: str, folder: Path) -> subprocess.Popen[str]:
    here = {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", *launcher, "-m", "vqa_cli", "finetune", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, **here},
    )


@pytest.mark.parametrize(
    ("launcher", "tuning"),
    [(TORCHRUN, ()), (TORCHRUN, FROZEN), (ACCELERATE, FROZEN)],
    ids=["torchrun-full", "torchrun-frozen", "accelerate-frozen"],
)
def test_two_processes_train_one_run_and_one_of_them_speaks(
    launcher: tuple[str, ...], tuning: tuple[str, ...], shapes_folder: Path, tmp_path: Path
) -> None:
    settings = (*TINY, "--epochs", "1", *tuning, "--json", "--out", "run")
    process = launched(launcher, str(shapes_folder), *settings, folder=tmp_path)
    stdout, stderr = process.communicate()
    assert process.returncode == 0, stderr
    found = json.loads(stdout)  # one object, not two
    for told in ("device: cpu", "preparing it first", "training on "):
        assert stderr.count(told) == 1, stderr
    run = tmp_path / found["run"]
    assert {path.name for path in run.iterdir()} == FILES
    assert (tmp_path / "latest").read_text() == "run\n"
    recorded = json.loads((run / "metrics.json").read_text())
    assert recorded["val_accuracy"] == found["val_accuracy"]
    answer = vqa_cli.load(run, device="cpu").ask(shapes_folder / "images" / "000.png", "is it red?")
    assert answer.answer


def test_a_killed_process_ends_the_launch_with_a_reason_and_the_run_goes_on(
    shapes_folder: Path, tmp_path: Path
) -> None:
    settings = (*TINY, "--epochs", "300", "--batch-size", "8", "--out", "run")
    process = launched(TORCHRUN, str(shapes_folder), *settings, folder=tmp_path)
    state = tmp_path / "run" / "state"
    while not list(state.glob("step-*")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    second = next(
        child
        for child in psutil.Process(process.pid).children()
        if child.environ().get("RANK") == "1"
    )
    second.send_signal(signal.SIGKILL)
    _, stderr = process.communicate(timeout=BOUND)
    assert process.returncode == 1
    assert "another process of this launch has stopped" in stderr or "Signal 9" in stderr
    begun = launched(TORCHRUN, "--resume", "run", folder=tmp_path)
    before = {path.name for path in state.glob("step-*")}
    while {path.name for path in state.glob("step-*")} <= before:
        assert begun.poll() is None, begun.communicate()[1]
        time.sleep(0.05)
    begun.send_signal(signal.SIGINT)
    _, stderr = begun.communicate(timeout=BOUND)
    assert "resuming run at step" in stderr
    assert "go on with: vqa finetune --resume run" in stderr
