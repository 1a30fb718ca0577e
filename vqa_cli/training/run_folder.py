"""Run folders: named, found again, marked as finished."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from vqa_cli.errors import ModelError
from vqa_cli.files import write_text
from vqa_cli.model_folder import LATEST, RUN, is_finished, read_config, resolve_model

RUNS = LATEST.parent
STATE = "state"


def create_run(dataset: str, out: Path | None = None, runs: Path = RUNS) -> Path:
    """Make a new run folder: `out`, else runs/<date>-<dataset>-<n>.

    Raises ModelError where `out` already holds something, or where it cannot be made.
    """
    with _told(out or runs):
        if out is None:
            return _make_numbered(dataset, runs)
        check_free(out)
        out.mkdir(parents=True, exist_ok=True)
        return out


def check_free(out: Path) -> None:
    """Raise ModelError where `out` is a file, or a folder that already holds something."""
    with _told(out):
        if out.is_file():
            raise ModelError(f"--out {out}: is a file, and nothing is overwritten; name a folder")
        if out.is_dir() and any(out.iterdir()):
            unfinished = (out / "config.json").is_file() and not is_finished(out)
            hint = f", or go on with that run: vqa finetune --resume {out}" if unfinished else ""
            raise ModelError(
                f"--out {out}: is not empty, and nothing is overwritten; name a new folder{hint}"
            )


@contextmanager
def _told(place: Path) -> Iterator[None]:
    """Turn what the system refuses into a ModelError."""
    try:
        yield
    except OSError as error:
        raise ModelError(
            f"no run can be written to {place}: {error.strerror or error}; name another place "
            "with --out DIR"
        ) from error


def _make_numbered(dataset: str, runs: Path) -> Path:
    name = re.sub(r"[^\w.-]+", "-", dataset).strip("-.") or "data"
    number = 1
    while True:
        folder = runs / f"{date.today().isoformat()}-{name}-{number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1  # an earlier run, or another process that was faster
        else:
            return folder


def mark_latest(run: Path) -> None:
    """Name `run` in the text file `latest` beside it."""
    write_text(run.parent / LATEST.name, f"{run.name}\n")


def find_unfinished(chosen: Path | None, runs: Path = RUNS) -> tuple[Path, dict[str, Any]]:
    """Return the run to resume and its config: `chosen`, else the newest unfinished in `runs`.

    Raises ModelError where there is none, or where `chosen` is finished or no run folder.
    """
    if chosen is not None:
        chosen = resolve_model(chosen)
        config = read_config(chosen)
        if config["kind"] != RUN:
            raise ModelError(f"{chosen}: an exported folder; only a run can be resumed")
        if is_finished(chosen) and not (chosen / STATE).is_dir():
            raise ModelError(f"{chosen}: this run is finished; there is nothing to resume")
        return chosen, config
    unfinished = [
        path.parent
        for path in runs.glob("*/config.json")
        if (path.parent / STATE).is_dir() or not is_finished(path.parent)
    ]
    if not unfinished:
        raise ModelError(
            f"there is no unfinished run in {runs.resolve()}; name one: vqa finetune --resume RUN"
        )
    newest = max(unfinished, key=lambda run: ((run / "config.json").stat().st_mtime_ns, run.name))
    return newest, read_config(newest)
