"""Fine-tuning by several processes, started as users start them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import vqa_cli
from tests.training.test_finetune import FILES

TINY = ("--preset", "tiny", "--image-size", "32", "--epochs", "1", "--device", "cpu")
FROZEN = ("--image-tuning", "frozen", "--question-tuning", "frozen")


@pytest.mark.slow
@pytest.mark.parametrize("tuning", [(), FROZEN], ids=["full", "frozen"])
def test_two_processes_train_one_run_and_one_of_them_speaks(
    tuning: tuple[str, ...], shapes_folder: Path, tmp_path: Path
) -> None:
    launch = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    command = ("finetune", str(shapes_folder), *TINY, *tuning, "--json", "--out", "run")
    ended = subprocess.run(
        [*launch, "-m", "vqa_cli", *command],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)  # one object, not two
    for told in ("device: cpu", "preparing it first", "training "):
        assert ended.stderr.count(told) == 1, ended.stderr
    run = tmp_path / found["run"]
    assert {path.name for path in run.iterdir()} == FILES
    assert (tmp_path / "latest").read_text() == "run\n"
    recorded = json.loads((run / "metrics.json").read_text())
    assert recorded["val_accuracy"] == found["val_accuracy"]
    answer = vqa_cli.load(run, device="cpu").ask(shapes_folder / "images" / "000.png", "is it red?")
    assert answer.answer
