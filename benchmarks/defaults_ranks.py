"""Which values of a setting stand high, averaged over set-ups: what the defaults are chosen by.

    python benchmarks/defaults_ranks.py docs/defaults/shapes-500.csv docs/defaults/easy-vqa-500.csv

The trials of each set-up (a csv of `benchmarks/defaults.py export`) are ranked by val accuracy,
those that were pruned below all others, from 0 (the worst) to 1 (the best), so that set-ups of any
difficulty weigh the same. For each setting, cut where its space is cut into thirds, it prints the
mean rank of the trials there, and how many there are.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

CATEGORIES = ("fusion", "batch_size", "width", "layers")
LOGARITHMIC = ("learning_rate", "encoder_learning_rate", "weight_decay", "epochs")
NUMBERS = (*LOGARITHMIC, "dropout", "label_smoothing", "warmup")
PIECES = 3


def ranked(path: Path) -> pd.DataFrame:
    """Read the trials of a set-up and give each its rank, from 0 to 1, in a column `rank`."""
    trials = pd.read_csv(path)
    tenths = [column for column in trials if column.startswith("val_") and column[4:].isdigit()]
    reached = trials[tenths].max(axis=1)
    score = trials["val_accuracy"].fillna(reached - 1).fillna(-1)  # pruned ones below the others
    rank = score.rank(method="average")
    return trials.assign(rank=(rank - 1) / max(1, len(trials) - 1), setup=path.stem)


def pieces(values: pd.Series, name: str) -> pd.Series:
    """Name the piece of the setting's range that each value lies in."""
    if name in CATEGORIES:
        return values.astype(str)
    known = values.dropna()
    spread = np.geomspace if name in LOGARITHMIC and known.min() > 0 else np.linspace
    edges = spread(known.min(), known.max(), PIECES + 1)
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, PIECES - 1)
    names = [f"{edges[i]:.2g} to {edges[i + 1]:.2g}" for i in range(PIECES)]
    return pd.Series([names[i] for i in place], index=values.index).where(values.notna())


def main() -> None:
    """Read the command line and print a line for each piece of each setting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", type=Path, nargs="+")
    trials = pd.concat([ranked(path) for path in parser.parse_args().csv], ignore_index=True)
    for name in (*CATEGORIES, *NUMBERS):
        if name not in trials or trials[name].nunique() < 2:
            continue
        grouped = trials.groupby(pieces(trials[name], name))["rank"]
        for piece, ranks in sorted(grouped, key=lambda pair: -pair[1].mean()):
            print(f"{name:24}{piece:20}mean rank {ranks.mean():.2f} of {len(ranks)} trials")


if __name__ == "__main__":
    main()
