"""Run folders: named, found again, marked as finished."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from vqa_cli.console import SILENT
from vqa_cli.data.writer_lock import LOCK_FILE, locked
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
        if out.is_dir() and any(out.iterdir()) and not is_abandoned(out):
            unfinished = (out / "config.json").is_file() and not is_finished(out)
            hint = f", or go on with that run: vqa finetune --resume {out}" if unfinished else ""
            raise ModelError(
                f"--out {out}: is not empty, and nothing is overwritten; name a new folder{hint}"
            )


def is_abandoned(run: Path) -> bool:
    """Whether a run was stopped while its folder was made: what it holds is no run, and no loss."""
    held = [path.name for path in run.iterdir()]
    state = run / STATE
    begun = (state / LOCK_FILE).is_file() or (held == [STATE] and not any(state.iterdir()))
    return begun and "config.json" not in held


@contextmanager
def writing(run: Path) -> Iterator[None]:
    """Be the only process that writes a run, and remove what one that was killed left half done.

    Raises DataError where another process is at it.
    """
    lock = locked(run / STATE, SILENT, wait=False)
    try:
        os.truncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        for path in (*run.glob(".*.tmp"), *(run / STATE).glob(".*")):
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK_FILE:
                path.unlink()
        yield
    finally:
        os.close(lock)  # which also unlocks


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
        if is_abandoned(chosen):
            raise ModelError(
                f"{chosen}: this run was stopped before it had begun, so there is nothing to go on "
                f"from; start it again: vqa finetune DATA --out {chosen}"
            )
        config = read_config(chosen)
        if config["kind"] != RUN:
            raise ModelError(f"{chosen}: an exported folder; only a run can be resumed")
        if is_finished(chosen) and not (chosen / STATE).is_dir():
            raise ModelError(f"{chosen}: this run is finished; there is nothing to resume")
        return chosen, config
    unfinished = unfinished_runs(runs)
    if not unfinished:
        raise ModelError(
            f"there is no unfinished run in {runs.resolve()}; name one: vqa finetune --resume RUN"
        )
    newest = max(unfinished, key=lambda run: ((run / "config.json").stat().st_mtime_ns, run.name))
    return newest, read_config(newest)


def unfinished_runs(runs: Path = RUNS) -> list[Path]:
    """Return the runs in `runs` that were begun and not finished."""
    return [
        path.parent
        for path in runs.glob("*/config.json")
        if (path.parent / STATE).is_dir() or not is_finished(path.parent)
    ]
