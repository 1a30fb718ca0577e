"""What a run folder tells of its training: history.csv, and the curves as a picture."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path

from vqa_cli.evaluation.report.history import HISTORY_FILE
from vqa_cli.evaluation.report.picture import picture
from vqa_cli.evaluation.report.training_charts import training_drawings
from vqa_cli.files import replacing, write_text

CURVES_FILE = "curves.svg"


def write_history(run: Path, history: Sequence[Mapping[str, float]], untrained: float) -> None:
    """Write history.csv, one line an epoch, and draw curves.svg.

    untrained: the accuracy on val before the first step, in [0, 1]: epoch 0 of the picture.
    """
    path = run / HISTORY_FILE
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)
    finite = [{name: x for name, x in epoch.items() if isfinite(x)} for epoch in history]
    drawn = training_drawings([{"epoch": 0.0, "val_accuracy": untrained}, *finite])
    write_text(run / CURVES_FILE, picture(f"Training of {run.name}", drawn))
