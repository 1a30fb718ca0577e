"""The training curves of a run, from its history.csv."""

from __future__ import annotations

import csv
from math import isfinite
from pathlib import Path

from vqa_cli.errors import ModelError
from vqa_cli.model_folder import FINISHED, is_finished, read_json

HISTORY_FILE = "history.csv"
UNTRAINED = "val_accuracy_untrained"

Epochs = list[dict[str, float]]
"""The columns of each epoch that hold a number: epoch, loss, val_loss, val_accuracy, seconds."""


def read_history(run: Path) -> Epochs:
    """The epochs of a run, in order; empty where the folder has no history.

    Where the run's metrics tell the accuracy of the untrained model, that is epoch 0.

    Raises ModelError where a file is damaged.
    """
    path = run / HISTORY_FILE
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            epochs = [_numbers(row) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ModelError(f"{path}: cannot be read: {error}; restore it, or delete it") from error
    if not all("epoch" in epoch for epoch in epochs):
        raise ModelError(f"{path}: damaged: a row has no number as its epoch; delete the file")
    return [*_untrained(run), *epochs] if epochs else []


def _untrained(run: Path) -> Epochs:
    accuracy = read_json(run / FINISHED).get(UNTRAINED) if is_finished(run) else None
    if not isinstance(accuracy, int | float) or not 0 <= accuracy <= 1:
        return []
    return [{"epoch": 0.0, "val_accuracy": float(accuracy)}]


def _numbers(row: dict[str, str | None]) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for column, text in row.items():
        try:
            value = float(text or "")
        except (TypeError, ValueError):
            continue
        if isfinite(value):
            numbers[column] = value
    return numbers
