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
from vqa_cli.config import AugmentSettings, ModelSettings, PrepareSettings, TrainSettings
from vqa_cli.training.finetune import finetune

CANDIDATES: dict[str, dict[str, Any]] = {
    "30 epochs of 128": {"epochs": 30, "batch_size": 128},
    "100 epochs of 128": {"epochs": 100, "batch_size": 128},
    "30 epochs of 32": {"epochs": 30, "batch_size": 32},
    "100 epochs of 32": {"epochs": 100, "batch_size": 32},
    "100 epochs of 32, smoothing 0.1": {"epochs": 100, "batch_size": 32, "label_smoothing": 0.1},
    "100 epochs of 32, half the encoders' rate": {
        "epochs": 100,
        "batch_size": 32,
        "encoder_learning_rate": 5e-4,
    },
    "100 epochs of 32, half the head's rate": {
        "epochs": 100,
        "batch_size": 32,
        "learning_rate": 5e-4,
    },
}
"""For few questions and encoders from scratch; everything else is as it was."""

COLUMNS = ("setup", "candidate", "seed", "val_accuracy", "best_epoch", "seconds")


def run(setup: Setup, name: str, seed: int, datasets: Datasets, out: Path) -> dict[str, Any]:
    """Train one candidate once."""
    folder = out / "candidate"
    shutil.rmtree(folder, ignore_errors=True)
    model: ModelSettings = datasets.model(setup)
    began = time.monotonic()
    result = finetune(
        datasets.get(setup),
        model=model,
        train=replace(TrainSettings(seed=seed), **CANDIDATES[name]),
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
    parser.add_argument("--only", nargs="+", choices=CANDIDATES, default=list(CANDIDATES))
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
            for name in arguments.only:
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
