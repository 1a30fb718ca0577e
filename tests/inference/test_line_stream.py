from __future__ import annotations

import os
import signal
import threading
from io import BytesIO, UnsupportedOperation
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa_cli.inference.line_stream import CHUNK, LineStream


@given(st.lists(st.binary(max_size=20), max_size=20), st.integers(1, 9), st.booleans())
def test_lines_are_those_of_the_stream(pieces: list[bytes], step: int, ended: bool) -> None:
    text = b"\n".join(pieces) + b"\n" * ended
    wanted = text.split(b"\n")
    if not wanted[-1]:
        wanted.pop()

    class Dripping(BytesIO):
        def read1(self, size: int = -1, /) -> bytes:
            return super().read1(min(size, step))

    assert list(LineStream(Dripping(text))) == wanted


def test_a_line_that_is_too_long_is_cut_and_the_next_one_is_whole() -> None:
    text = b"x" * 1000 + b"\nshort\n" + b"y" * 11
    assert list(LineStream(BytesIO(text), max_line=10)) == [b"x" * 11, b"short", b"y" * 11]


def test_a_line_without_an_end_fills_no_memory() -> None:
    class Endless:
        left = 2000

        def read1(self, size: int, /) -> bytes:
            self.left -= 1
            return b"x" * size if self.left else b""

        def fileno(self) -> int:
            raise UnsupportedOperation

    (line,) = LineStream(Endless(), max_line=CHUNK)
    assert len(line) == CHUNK + 1


def test_a_pipe_whose_writer_waits_is_told_from_one_with_more() -> None:
    reader, writer = os.pipe()
    with open(reader, "rb") as stream, open(writer, "wb", buffering=0) as out:
        lines = LineStream(stream)
        out.write(b"one\ntwo\nthr")
        assert (next(lines), lines.waits()) == (b"one", False)
        assert (next(lines), lines.waits()) == (b"two", True)
        out.write(b"ee\n")
        assert lines.waits() is False
        assert (next(lines), lines.waits()) == (b"three", True)
        out.close()
        assert lines.waits() is False  # its end comes at once
        with pytest.raises(StopIteration):
            next(lines)


def test_ctrl_c_that_does_not_wake_a_waiting_read_is_seen_all_the_same() -> None:
    reader, writer = os.pipe()
    # A signal that another thread takes wakes no call of this one, as one that comes too early.
    signals = threading.Timer(0.05, signal.raise_signal, [signal.SIGINT])
    hopeless = threading.Timer(20, os.write, [writer, b"\n"])
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        signals.start()
        hopeless.start()
        with open(reader, "rb") as stream, pytest.raises(KeyboardInterrupt):
            next(LineStream(stream))
    finally:
        signal.signal(signal.SIGINT, before)
        hopeless.cancel()
    os.close(writer)


def test_files_and_memory_never_wait(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"one\ntwo\n")
    with path.open("rb") as file:
        for lines in (LineStream(file), LineStream(BytesIO(b"one\ntwo\n"))):
            assert [(line, lines.waits()) for line in lines] == [(b"one", False), (b"two", False)]
