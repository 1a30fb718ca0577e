"""Ctrl-C between two steps: the step is finished and the state saved, on all processes alike."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import torch
from accelerate import Accelerator

ASK_EVERY = 10
"""Several processes compare notes after so many steps: asking costs a round trip."""


class Stop:
    """Whether the user asked to stop. A second Ctrl-C stops at once, without saving."""

    def __init__(self, accelerator: Accelerator) -> None:
        self._accelerator = accelerator
        self._asked = False
        self._steps = 0

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True

    def agreed(self) -> bool:
        """Whether all processes stop now; called once after each step by each of them."""
        self._steps += 1
        if self._accelerator.num_processes == 1:
            return self._asked
        if self._steps % ASK_EVERY:
            return False
        asked = torch.tensor(float(self._asked), device=self._accelerator.device)
        return bool(self._accelerator.reduce(asked, "sum") > 0)


@contextmanager
def asked_to_stop(accelerator: Accelerator) -> Iterator[Stop]:
    """Catch SIGINT and SIGTERM inside the block."""
    stop = Stop(accelerator)
    if threading.current_thread() is not threading.main_thread():
        yield stop  # signals arrive in the main thread alone, and only it may set handlers
        return
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
