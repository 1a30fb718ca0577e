"""The lines of a stream as they come: a pipe whose writer waits is not waited for."""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Iterator
from io import UnsupportedOperation
from typing import Protocol

CHUNK = 1 << 16
"""Bytes that are read at once; more than a buffered reader keeps, so that it keeps none back."""
MAX_LINE = 1 << 26
"""Bytes; an image in a data: URI has millions. Longer lines are cut, so that no line without an
end fills the memory."""
LOOK_UP_SECONDS = 0.5
"""Python misses a Ctrl-C that comes just before it waits for a writer: so it never waits longer."""


class Readable(Protocol):
    """A binary stream: a buffered file, a pipe, or bytes in memory."""

    def read1(self, size: int, /) -> bytes: ...

    def fileno(self) -> int: ...


class LineStream:
    """Iterates over the lines, without their ends.

    After each line `waits` says whether reading on would wait for the writer.

    max_line: of a line with more bytes so many and one more are given.
    """

    def __init__(self, stream: Readable, max_line: int = MAX_LINE) -> None:
        self._stream = stream
        self._max_line = max_line
        self._lines: deque[bytes] = deque()
        self._parts: list[bytes] = []  # of the line that has not ended
        self._length = 0
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while not self._lines:
            if self._ended:
                raise StopIteration
            self._read()
        return self._lines.popleft()

    def waits(self) -> bool:
        """Whether no whole line is here, and none is sure to come at once."""
        return not (self._lines or self._ended or _is_ready(self._stream))

    def _read(self) -> None:
        while _is_ready(self._stream, LOOK_UP_SECONDS) is False:
            pass
        chunk = self._stream.read1(CHUNK)
        if not chunk:
            self._ended = True
            if self._parts:
                self._end_line()
            return
        first, *others = chunk.split(b"\n")
        self._add(first)
        if others:
            self._end_line()
            *whole, last = others
            self._lines.extend(whole)
            self._add(last)

    def _add(self, part: bytes) -> None:
        part = part[: self._max_line + 1 - self._length]
        if part:
            self._parts.append(part)
            self._length += len(part)

    def _end_line(self) -> None:
        self._lines.append(b"".join(self._parts))
        self._parts.clear()
        self._length = 0


def _is_ready(stream: Readable, seconds: float = 0) -> bool | None:
    """Whether there is something to read within so many seconds; None where nobody can tell."""
    try:
        number = stream.fileno()
    except UnsupportedOperation:
        return True  # bytes in memory
    try:
        return bool(select.select([number], [], [], seconds)[0])
    except (OSError, ValueError):  # a system that can only select sockets, or too large a number
        return None
