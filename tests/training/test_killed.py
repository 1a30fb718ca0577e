"""Runs killed by SIGKILL anywhere, and resumed, end as if nothing had happened."""

from __future__ import annotations

import csv
import hashlib
import random
import shutil
import stat
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.training.crashing import Crashing, Ended

TINY = ("--preset", "tiny", "--image-size", "32", "--device", "cpu", "--threads", "1")
TRAINED = ("--epochs", "2", "--batch-size", "10", "--accumulation", "3", "--ema", "0.5")
FULL = (*TINY, *TRAINED)
FROZEN = (*TINY, *TRAINED, "--image-tuning", "frozen", "--question-tuning", "frozen")
LEARNED = ("epoch", "loss", "val_loss", "val_accuracy", "gradient_norm")
MIXED = (*TINY, *TRAINED, "--image-tuning", "frozen")
WAYS = pytest.mark.parametrize("settings", [FULL, FROZEN], ids=["full", "frozen"])


def finetune(crashing: Crashing, run: Path, settings: tuple[str, ...], **kill: float) -> Ended:
    """Begin a run, or go on with one that had begun, as a user does."""
    if (run / "config.json").is_file():
        return crashing.run("finetune", "--resume", run, **kill)
    return crashing.run("finetune", "data", *settings, "--out", run, **kill)


def no_features(crashing: Crashing) -> None:
    shutil.rmtree(crashing.folder / "data" / "features", ignore_errors=True)


def result(run: Path) -> dict[str, object]:
    """Everything of a finished run that does not depend on the time that it took."""
    with (run / "history.csv").open() as stream:
        history = [{name: row[name] for name in LEARNED} for row in csv.DictReader(stream)]
    files = {path.name: path.stat() for path in run.iterdir()}
    return {
        "files": sorted(files),
        "modes": {stat.S_IMODE(file.st_mode) for file in files.values()},
        "weights": hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest(),
        "confidence": (run / "calibration.json").read_text(),
        "history": history,
    }


Whole = tuple[Ended, dict[str, object]]


@pytest.fixture(scope="module")
def whole(crashing: Crashing) -> Callable[[tuple[str, ...]], Whole]:
    """How the uninterrupted run of some settings went, and its result."""

    @cache
    def train(settings: tuple[str, ...]) -> Whole:
        no_features(crashing)
        run = crashing.folder / f"whole-{len(list(crashing.folder.glob('whole-*')))}"
        ended = finetune(crashing, run, settings)
        assert (ended.killed, ended.code) == (False, 0), ended.said
        return ended, result(run)

    return train


def finished(crashing: Crashing, run: Path, settings: tuple[str, ...]) -> dict[str, object]:
    ended = finetune(crashing, run, settings)
    assert (ended.killed, ended.code) == (False, 0), ended.said
    return result(run)


def test_a_run_killed_again_and_again_ends_the_same(
    crashing: Crashing, whole: Callable[[tuple[str, ...]], Whole], tmp_path: Path
) -> None:
    ended, expected = whole(MIXED)
    no_features(crashing)
    run = tmp_path / "run"
    for share in (0.1, 0.5):  # while the features are made, and in the middle of an epoch
        killed = finetune(crashing, run, MIXED, at_change=int(share * ended.changes))
        assert killed.killed, killed.said
    assert finished(crashing, run, MIXED) == expected


@pytest.mark.slow
@WAYS
def test_a_run_killed_at_any_change_ends_the_same(
    settings: tuple[str, ...],
    crashing: Crashing,
    whole: Callable[[tuple[str, ...]], Whole],
    tmp_path: Path,
) -> None:
    ended, expected = whole(settings)
    points = random.Random(0).sample(range(ended.changes), min(40, ended.changes))
    last = range(ended.changes - 25, ended.changes)  # the moves of the finished files
    for point in sorted({*points, *last}):
        no_features(crashing)
        run = tmp_path / f"at-{point}"
        killed = finetune(crashing, run, settings, at_change=point)
        assert killed.killed, point
        assert finished(crashing, run, settings) == expected, point


@pytest.mark.slow
@WAYS
def test_a_run_killed_at_any_time_ends_the_same(
    settings: tuple[str, ...],
    crashing: Crashing,
    whole: Callable[[tuple[str, ...]], Whole],
    tmp_path: Path,
) -> None:
    ended, expected = whole(settings)
    chance = random.Random(1)
    for number in range(15):
        no_features(crashing)
        run = tmp_path / f"run-{number}"
        longest = 1.2 * ended.seconds
        while finetune(crashing, run, settings, after_seconds=chance.uniform(0, longest)).killed:
            longest *= 1.1  # so that it ends where the machine is busier than before
        assert result(run) == expected, number
