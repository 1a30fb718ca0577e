"""Choose the defaults: 40 trials on each of nine set-ups, then compare on three put aside.

    python benchmarks/defaults.py run [--only NAME ...] [--out FOLDER] [--daquar FOLDER]
    python benchmarks/defaults.py export [--out FOLDER] [--logs docs/defaults]

`run` goes on where it was stopped, one set-up after the other, in one process with one thread.
Each set-up is searched as `vqa finetune --trials 40` would: trial 0 has the defaults, trials are
compared on val and pruned. Then the defaults and the best trial are scored on test. `export`
writes all trials as csv and prints the table.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.defaults_data import CHOOSING, HELD_OUT, Datasets, Setup
from vqa_cli.config import AugmentSettings, DeviceSettings, TrainSettings
from vqa_cli.console import Console
from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.evaluation.evaluate import evaluate
from vqa_cli.files import write_json
from vqa_cli.inference.loading import load_answerer
from vqa_cli.training.search import write_trials
from vqa_cli.training.trials import (
    STUDY,
    Tried,
    best_trial,
    finished,
    open_study,
    run_of,
    run_trials,
)

TRIALS = 40
DEVICE = DeviceSettings(device="cpu", precision="float32", threads=1, offline=True)
DEFAULTS, RESULT = "defaults", "result.json"


def study(setup: Setup, datasets: Datasets, out: Path) -> None:
    """Run what is left of a set-up's trials, then score the defaults and the best on test."""
    folder = out / setup.name
    if (folder / RESULT).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    data = PreparedDataset.open(datasets.get(setup))
    tried = Tried(
        data=data,
        fixed=(),
        model=datasets.model(setup),
        train=TrainSettings(),
        augment=AugmentSettings(),
        device=DEVICE,
    )
    console = Console()
    console.notice(f"{time.strftime('%H:%M:%S')} {setup.name}")

    def keep_defaults(run: Path) -> None:
        if run == run_of(folder, 0):
            shutil.copytree(run, folder / DEFAULTS, dirs_exist_ok=True)

    run_trials(folder, tried, TRIALS, on_run=keep_defaults, report=console)
    best = best_trial(open_study(folder))
    assert best is not None
    defaults = json.loads((folder / DEFAULTS / "metrics.json").read_text())["val_accuracy"]
    result = {
        "defaults": {"val": defaults, "test": test_score(data, folder / DEFAULTS)},
        "best": {"val": best.value, "test": test_score(data, run_of(folder, best.number))},
    }
    write_json(folder / RESULT, result)
    console.notice(f"{setup.name}: {result}")


def test_score(data: PreparedDataset, run: Path) -> float:
    """Score a run on test."""
    return evaluate(data, "test", load_answerer(run, device=DEVICE)).overall.accuracy


def export(out: Path, logs: Path) -> None:
    """Write the trials of each set-up as csv, and print the table of those that are done."""
    logs.mkdir(parents=True, exist_ok=True)
    print("| set-up | trials | defaults: val | best: val | defaults: test | best: test |")
    print("| --- | --- | --- | --- | --- | --- |")
    for setup in (*CHOOSING, *HELD_OUT):
        folder = out / setup.name
        if not (folder / STUDY).exists():
            print(f"| {setup.name} | 0 | | | | |")
            continue
        trials = finished(open_study(folder))
        write_trials(logs / f"{setup.name}.csv", trials)
        cells = [""] * 4
        if (folder / RESULT).exists():
            found = json.loads((folder / RESULT).read_text())
            cells = [
                f"{found[run][split]:.4f}"
                for split in ("val", "test")
                for run in ("defaults", "best")
            ]
        print(f"| {setup.name} | {len(trials)} | {' | '.join(cells)} |")


def main() -> None:
    """Read the command line, then run or export."""
    known = {setup.name: setup for setup in (*CHOOSING, *HELD_OUT)}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "export"))
    parser.add_argument("--only", nargs="+", choices=known, default=list(known), metavar="NAME")
    parser.add_argument("--out", type=Path, default=Path("bench-results/defaults"))
    parser.add_argument("--logs", type=Path, default=Path("docs/defaults"))
    parser.add_argument("--daquar", type=Path, default=Path("../shared/data/daquar"))
    arguments = parser.parse_args()
    if arguments.what == "export":
        export(arguments.out, arguments.logs)
        return
    datasets = Datasets(arguments.out / "data", arguments.daquar)
    for name in arguments.only:
        study(known[name], datasets, arguments.out)


if __name__ == "__main__":
    main()
