"""What people see: notices and progress on stderr, results alone on stdout."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from vqa_cli.live import LiveDisplay

PLAIN_INTERVAL = 10.0
"""Seconds between two progress lines where stderr is no terminal."""
LIVE_INTERVAL = 0.2
LIVE_AFTER = 0.4
"""Seconds between two drawings on a terminal, and before the first one of a stage."""


@dataclass(frozen=True)
class Stage:
    """How far something is: `done` of `total` after `seconds`, with `left` seconds to go.

    total: 0 where nobody knows, as of a stream.
    """

    name: str
    done: int
    total: int
    seconds: float
    left: float | None
    note: str

    @property
    def goes_on(self) -> bool:
        return self.done < self.total or not self.total

    def counts(self) -> str:
        return f"{self.done:,}/{self.total:,}" if self.total else f"{self.done:,}"

    def time_left(self) -> str:
        return "" if self.left is None else f"{duration(self.left)} left"

    def line(self) -> str:
        left = f", {self.time_left()}" if self.left is not None else ""
        text = f"{self.name}: {self.counts()} in {duration(self.seconds)}{left}"
        return f"{text}  {self.note}" if self.note else text


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

    Progress is a display redrawn in place on a terminal, and a plain line every `PLAIN_INTERVAL`
    seconds elsewhere, so that a CI log stays short. To be closed at the end, whatever it is.
    """

    def __init__(self, verbosity: int = 0) -> None:
        self.verbosity = verbosity
        self._stage = ""
        self._began = self._shown = 0.0
        self._first = 0
        self._display: LiveDisplay | None = None

    def notice(self, text: str) -> None:
        if self.verbosity >= 0:
            self._write(text)

    def detail(self, text: str) -> None:
        if self.verbosity >= 1:
            self._write(text)

    def warn(self, text: str) -> None:
        self._write(f"warning: {text}")

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Show that `done` of `total` are done; a new `stage` or `done == 0` starts the clock.

        total: 0 where nobody knows.
        note: what there is to say besides, in parts with a comma between them.
        """
        if self.verbosity < 0:
            return
        now = time.monotonic()
        if stage != self._stage or done == 0:
            self.close()
            self._stage, self._first, self._began, self._shown = stage, done, now, now
        state = Stage(stage, done, total, now - self._began, self._left(done, total, now), note)
        if _on_terminal():
            self._redraw(state, now)
        elif (
            self._is_due(now, PLAIN_INTERVAL) if state.goes_on else state.seconds >= PLAIN_INTERVAL
        ):
            print(state.line(), file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the display off the terminal."""
        if self._display is not None:
            self._display.close()
            self._display = None

    def _left(self, done: int, total: int, now: float) -> float | None:
        """Seconds to go, at the speed of this stage; a resumed one does not begin at 0."""
        here = done - self._first
        return (now - self._began) / here * (total - done) if here > 0 and done < total else None

    def _is_due(self, now: float, interval: float) -> bool:
        if now - self._shown < interval:
            return False
        self._shown = now
        return True

    def _redraw(self, stage: Stage, now: float) -> None:
        if not stage.goes_on:
            if self._display is not None:
                self.close()
                self._write(stage.line())
        elif self._is_due(now, LIVE_INTERVAL if self._display else LIVE_AFTER):
            if self._display is None:
                from vqa_cli.live import LiveDisplay  # rich: only who waits pays for it

                self._display = LiveDisplay()
            self._display.show(stage)

    def _write(self, text: str) -> None:
        if self._display is not None:
            self._display.print(text)
        else:
            print(text, file=sys.stderr, flush=True)


def _on_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def duration(seconds: float) -> str:
    """A time for people, in two units at most."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
