"""The live display on a terminal; imported only where one is drawn, since rich takes its time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vqa_cli.console import Stage, duration

BAR = 12
"""A bar of fewer characters is not worth its place."""
GAP = "   "


class LiveDisplay:
    """A bar with the time left, and below it what else there is to say; at the bottom of stderr.

    What others write to stderr meanwhile appears above it. stdout is left alone.
    """

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False
        )
        self._live.start()
        self._console.show_cursor(True)  # hidden, it would stay so after a kill

    def show(self, stage: Stage) -> None:
        self._live.update(_drawn(stage, self._console.width), refresh=True)

    def print(self, text: str) -> None:
        """Write a text above the display, as it is."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._live.stop()


def _drawn(stage: Stage, width: int) -> Group:
    before, after = f"{stage.name}{GAP}", f"{GAP}{stage.counts()}{GAP}{stage.time_left()}"
    passed = f", {duration(stage.seconds)} so far" if stage.left is not None else ""
    room = width - len(before) - len(after)
    if room >= BAR + len(passed):
        after, room = after + passed, room - len(passed)
    head = Table.grid()
    if room >= BAR:
        bar = ProgressBar(total=stage.total or None, completed=stage.done, width=room)
        head.add_row(Text(before, style="bold"), bar, Text(after))
    else:
        head.add_row(Text(before, style="bold"), Text(after.strip()))
    lines = [Text(line, no_wrap=True, overflow="ellipsis") for line in _wrapped(stage.note, width)]
    return Group(head, *lines)


def _wrapped(note: str, width: int) -> list[str]:
    """Its parts in as few lines as they need, none of them broken."""
    return list(_lines([part for part in note.split(", ") if part], width))


def _lines(parts: Sequence[str], width: int) -> Iterator[str]:
    line = ""
    for part in parts:
        if line and len(line) + len(GAP) + len(part) > width:
            yield line
            line = ""
        line = f"{line}{GAP}{part}" if line else part
    if line:
        yield line
