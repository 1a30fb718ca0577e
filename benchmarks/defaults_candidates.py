"""Run a few recipes that the trials suggest on the set-ups for choosing, with several seeds.

    python benchmarks/defaults_candidates.py shapes-500 easy-vqa-500 [--seeds 0 1] [--out FOLDER]

A trial changes everything at once, and the best of forty is partly luck. These change one thing
after the other, and are compared by their mean val accuracy over seeds. Every run is a line of
OUT/candidates.csv; what stands there is not run again.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.defaults import DEVICE
from benchmarks.defaults_data import CHOOSING, Datasets, Setup
from vqa_cli.config import AugmentSettings, PrepareSettings, TrainSettings
from vqa_cli.training.finetune import finetune

REGULARISED = {"label_smoothing": 0.15, "warmup": 0.1}

CONCAT = {
    **REGULARISED,
    "fusion": "concat",
    "width": 1024,
    "dropout": 0.4,
    "weight_decay": 0.1,
    "learning_rate": 5e-4,
    "batch_size": 256,
    "epochs": 80,
}
ATTENTION = {"fusion": "attention", "width": 512, "dropout": 0.3, "learning_rate": 2e-3}
FROZEN: dict[str, dict[str, Any]] = {
    "concat": CONCAT,
    "concat, rate 1.5e-3": CONCAT | {"learning_rate": 1.5e-3},
    "concat, 40 epochs": CONCAT | {"epochs": 40},
    "attention": CONCAT | ATTENTION,
}
"""For DAQUAR's pretrained encoders, which stay as they are."""

SMALL_STEPS = {
    **REGULARISED,
    "weight_decay": 0.003,
    "learning_rate": 5e-4,
    "encoder_learning_rate": 2e-3,
    "batch_size": 32,
    "epochs": 90,
}
LARGE_STEPS = SMALL_STEPS | {
    "learning_rate": 1e-3,
    "encoder_learning_rate": 2.5e-3,
    "batch_size": 256,
}
SCRATCH: dict[str, dict[str, Any]] = {
    "smoothed, encoders at 2e-3": SMALL_STEPS,
    "smoothed, 256": LARGE_STEPS,
    "smoothed, 256, 120 epochs": LARGE_STEPS | {"epochs": 120},
    "smoothed, 128": LARGE_STEPS | {"batch_size": 128, "encoder_learning_rate": 2e-3},
    "smoothed, 120 epochs": SMALL_STEPS
    | {"epochs": 120, "learning_rate": 4e-4, "encoder_learning_rate": 8e-4},
}
"""For encoders from scratch; in batches of 32 where nothing else is said."""

MODEL = ("fusion", "width", "layers", "dropout")
COLUMNS = ("setup", "candidate", "seed", "val_accuracy", "best_epoch", "seconds")


def candidates(setup: Setup) -> dict[str, dict[str, Any]]:
    """Return the candidates for a set-up's kind of encoders."""
    return FROZEN if setup.dataset.startswith("daquar") else SCRATCH


def run(setup: Setup, name: str, seed: int, datasets: Datasets, out: Path) -> dict[str, Any]:
    """Train one candidate once."""
    folder = out / "candidate"
    shutil.rmtree(folder, ignore_errors=True)
    settings = candidates(setup)[name]
    model: dict[str, Any] = {k: v for k, v in settings.items() if k in MODEL}
    train = {k: v for k, v in settings.items() if k not in MODEL}
    began = time.monotonic()
    result = finetune(
        datasets.get(setup),
        model=replace(datasets.model(setup), **model),
        train=TrainSettings(seed=seed, **train),
        device=DEVICE,
        prepare=PrepareSettings(),
        augment=AugmentSettings(),
        out=folder,
    )
    seconds = round(time.monotonic() - began, 1)
    values = (setup.name, name, seed, round(result.val_accuracy, 4), result.best_epoch, seconds)
    return dict(zip(COLUMNS, values, strict=True))


def main() -> None:
    """Read the command line, run what is missing, print the means."""
    known = {setup.name: setup for setup in CHOOSING}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("setups", nargs="*", choices=known, metavar="SETUP")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--only", nargs="+", choices=[*FROZEN, *SCRATCH], metavar="CANDIDATE")
    parser.add_argument("--out", type=Path, default=Path("bench-results/defaults"))
    parser.add_argument("--daquar", type=Path, default=Path("../shared/data/daquar"))
    arguments = parser.parse_args()
    path = arguments.out / "candidates.csv"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
    datasets = Datasets(arguments.out / "data", arguments.daquar)
    for seed in arguments.seeds:
        for setup in arguments.setups:
            for name in arguments.only or candidates(known[setup]):
                there = pd.read_csv(path)[["setup", "candidate", "seed"]]
                if (setup, name, seed) not in set(there.itertuples(index=False, name=None)):
                    row = run(known[setup], name, seed, datasets, arguments.out)
                    with path.open("a", encoding="utf-8", newline="") as file:
                        csv.DictWriter(file, COLUMNS, lineterminator="\n").writerow(row)
                    print(row, file=sys.stderr, flush=True)
    runs = pd.read_csv(path)
    means = runs.pivot_table("val_accuracy", "candidate", "setup", aggfunc="mean")
    print(means.round(4).to_string())


if __name__ == "__main__":
    main()
