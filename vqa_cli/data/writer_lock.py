"""The lock that makes a process the only writer of a folder."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from vqa_cli.console import Reporter
from vqa_cli.errors import DataError

LOCK_FILE = ".lock"


def locked(folder: Path, report: Reporter, wait: bool) -> int:
    """Make the folder and give its lock file, open and locked: closing it unlocks.

    The lock goes with the process, however that ends. Waits for another process that holds it;
    with `wait` false, and where the folder cannot be written, raises DataError.
    """
    path, told = folder / LOCK_FILE, False
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise DataError(f"{folder}: cannot be written: {error}") from error
        # Whoever clears a store removes the lock file too; a lock on a removed file is none.
        if (free := _try_lock(lock)) and _is_at(lock, path):
            return lock
        holder = os.read(lock, 32).decode(errors="replace") or "unknown"
        os.close(lock)
        if free:
            continue
        if not wait:
            raise DataError(
                f"{folder}: is being written by process {holder}; try again when it is done"
            )
        if not told:
            report.notice(f"waiting for process {holder}, which is writing features: {folder}")
            told = True
        time.sleep(0.2)


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _try_lock(lock: int) -> bool:
    if sys.platform == "win32":
        return True  # no flock there; as shards are written at once, two writers only waste time
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
