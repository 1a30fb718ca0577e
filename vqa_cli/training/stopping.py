"""Stopping between two steps, on all processes alike: Ctrl-C, or no time left."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import torch
from accelerate import Accelerator

ASK_EVERY = 10
"""Several processes compare notes after so many steps: asking costs a round trip."""

ASKED, TIME_IS_UP = "asked", "time is up"


class Stop:
    """Whether to stop now. A second Ctrl-C stops at once, without saving.

    deadline: on the monotonic clock; None: there is time.
    """

    def __init__(self, accelerator: Accelerator, deadline: float | None = None) -> None:
        self._accelerator = accelerator
        self._deadline = deadline
        self._asked = False
        self._steps = 0

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True

    def agreed(self) -> str:
        """Why all processes stop now, or ""; called once after each step by each of them."""
        self._steps += 1
        late = self._deadline is not None and time.monotonic() > self._deadline
        asked = self._asked
        if self._accelerator.num_processes > 1:
            if self._steps % ASK_EVERY:
                return ""
            votes = torch.tensor([float(asked), float(late)], device=self._accelerator.device)
            asked, late = (bool(vote) for vote in self._accelerator.reduce(votes, "sum"))
        return ASKED if asked else TIME_IS_UP if late else ""


@contextmanager
def asked_to_stop(accelerator: Accelerator, deadline: float | None = None) -> Iterator[Stop]:
    """Catch SIGINT and SIGTERM inside the block."""
    stop = Stop(accelerator, deadline)
    if threading.current_thread() is not threading.main_thread():
        yield stop  # signals arrive in the main thread alone, and only it may set handlers
        return
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
