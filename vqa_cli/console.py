"""What people see: notices and progress on stderr, results alone on stdout."""

from __future__ import annotations

import sys
import time
from typing import Protocol

PLAIN_INTERVAL = 10.0
"""Seconds between two progress lines where stderr is no terminal."""


class Reporter(Protocol):
    """How a core function tells its caller what it does; it never prints itself."""

    def notice(self, text: str) -> None: ...

    def detail(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None: ...


class Silent:
    """A reporter that says nothing: for library use, and for ranks other than 0."""

    def notice(self, text: str) -> None: ...

    def detail(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None: ...


SILENT = Silent()


class Console:
    """Reports on stderr. `verbosity`: -1 warnings only, 0 notices, 1 details as well.

    Progress is one line redrawn in place on a terminal, and a plain line every
    `PLAIN_INTERVAL` seconds elsewhere, so that a CI log stays short.
    """

    def __init__(self, verbosity: int = 0) -> None:
        self.verbosity = verbosity
        self._stage = ""
        self._started = 0.0
        self._shown = 0.0
        self._line_open = False

    def notice(self, text: str) -> None:
        if self.verbosity >= 0:
            self._write(text)

    def detail(self, text: str) -> None:
        if self.verbosity >= 1:
            self._write(text)

    def warn(self, text: str) -> None:
        self._write(f"warning: {text}")

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Show that `done` of `total` are done; a new `stage` or `done == 0` starts the clock."""
        if self.verbosity < 0:
            return
        now = time.monotonic()
        if stage != self._stage or done == 0:
            self._stage, self._started, self._shown = stage, now, now
        terminal = sys.stderr.isatty()
        finished = done >= total
        if not finished and now - self._shown < (0.1 if terminal else PLAIN_INTERVAL):
            return
        if finished and not terminal and now - self._started < PLAIN_INTERVAL:
            return  # too short for a line of its own
        self._shown = now
        elapsed = now - self._started
        left = f", {elapsed / done * (total - done):.0f} s left" if 0 < done < total else ""
        text = f"{stage}: {done:,}/{total:,} in {elapsed:.0f} s{left}{'  ' + note if note else ''}"
        if not terminal:
            print(text, file=sys.stderr, flush=True)
            return
        print(f"\r\x1b[2K{text}", end="\n" if finished else "", file=sys.stderr, flush=True)
        self._line_open = not finished

    def _write(self, text: str) -> None:
        if self._line_open:
            print("\r\x1b[2K", end="", file=sys.stderr)
            self._line_open = False
        print(text, file=sys.stderr, flush=True)
