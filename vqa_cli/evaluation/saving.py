"""Predictions saved as a file, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vqa_cli.errors import DataError, SettingsError
from vqa_cli.evaluation.predictions import Record
from vqa_cli.files import write_text

SAVE = "--save-predictions"
SUFFIXES = (".json", ".jsonl", ".csv")


def check_target(
    path: Path, *, force: bool = False, option: str = SAVE, suffixes: Sequence[str] = SUFFIXES
) -> None:
    """Find out before the work is done whether a file can be written at `path`.

    Raises SettingsError for an unknown ending, DataError where the folder does not exist or where
    there is something already; `force` allows to replace a file.
    """
    if path.suffix.lower() not in suffixes:
        raise SettingsError(
            f"{option} {path}: the ending says the format and must be "
            f"{'one of ' if len(suffixes) > 1 else ''}{', '.join(suffixes)}"
        )
    if not path.parent.is_dir():
        raise DataError(f"{option} {path}: there is no folder {path.parent}; make it")
    if path.is_dir() or (path.exists() and not force):
        hint = "is a folder" if path.is_dir() else "exists; --force replaces it"
        raise DataError(f"{option} {path}: {hint}")


def save_predictions(path: Path, records: Iterable[Record], *, force: bool = False) -> None:
    """Save every question with its answers, as .json, .jsonl or .csv; whole or not at all.

    `vqa_cli.evaluation.prediction_files.read_predictions` reads it again. In a .csv the lists are
    JSON texts.

    Raises what `check_target` raises.
    """
    check_target(path, force=force)
    rows = [record.to_json() for record in records]
    suffix = path.suffix.lower()
    if suffix == ".csv":
        write_text(path, _csv(rows))
    elif suffix == ".jsonl":
        write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    else:
        write_text(path, json_list(rows))


def json_list(rows: Iterable[Any]) -> str:
    """A JSON list with one element a line."""
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return f"[\n{lines}\n]\n"


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    names = list(rows[0]) if rows else []
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        lists = {k: json.dumps(v, ensure_ascii=False) for k, v in row.items() if type(v) is list}
        writer.writerow(row | lists)
    return text.getvalue()
