"""Stopping and saving between two steps, on all processes alike: Ctrl-C, no time left, a state due.

Several processes must agree, since a process that stopped or saved alone would leave the others
waiting. Asking costs a round trip, so they do it about once a second, not after each step.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import torch
from accelerate import Accelerator

ASK_SECONDS = 1.0
SAME_PRESS = 1.0
"""Seconds. A launcher hands a Ctrl-C on that the terminal has sent to its processes already."""

ASKED, TIME_IS_UP, SAVE = "asked", "time is up", "save"


class Stop:
    """Whether to stop now, or to save. A second Ctrl-C stops at once, without saving.

    deadline: on the monotonic clock; None: there is time. save_seconds: how often to save.
    """

    def __init__(
        self, accelerator: Accelerator, deadline: float | None, save_seconds: float
    ) -> None:
        self._accelerator = accelerator
        self._deadline = deadline
        self._save_seconds = save_seconds
        self._asked = 0.0
        self._saved = self._voted = time.monotonic()
        self._steps, self._next = 0, 1

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        now = time.monotonic()
        if self._asked and not (self._several and now - self._asked < SAME_PRESS):
            raise KeyboardInterrupt
        self._asked = self._asked or now

    def saved(self) -> None:
        """Take note that the state was saved just now."""
        self._saved = time.monotonic()

    def agreed(self) -> str:
        """Why all processes stop or save now, or ""; called after each step by each of them."""
        now = time.monotonic()
        late = self._deadline is not None and now > self._deadline
        votes = [bool(self._asked), late, now - self._saved > self._save_seconds]
        if self._several:
            self._steps += 1
            if self._steps < self._next:
                return ""
            votes = self._vote(votes, now)
        return next(
            (why for why, vote in zip((ASKED, TIME_IS_UP, SAVE), votes, strict=True) if vote), ""
        )

    @property
    def _several(self) -> bool:
        return self._accelerator.num_processes > 1

    def _vote(self, votes: list[bool], now: float) -> list[bool]:
        """What any of the processes says; they also agree on the step of the next vote."""
        own = [*map(float, votes), (now - self._voted) / self._steps]
        sums = torch.tensor(own, device=self._accelerator.device)
        *found, seconds = self._accelerator.reduce(sums, "sum").tolist()
        step = seconds / self._accelerator.num_processes
        self._next = max(1, min(100, int(ASK_SECONDS / max(step, 1e-6))))
        self._steps, self._voted = 0, now
        return [vote > 0 for vote in found]


@contextmanager
def asked_to_stop(
    accelerator: Accelerator, deadline: float | None = None, save_seconds: float = float("inf")
) -> Iterator[Stop]:
    """Catch SIGINT and SIGTERM inside the block."""
    stop = Stop(accelerator, deadline, save_seconds)
    if threading.current_thread() is not threading.main_thread():
        yield stop  # signals arrive in the main thread alone, and only it may set handlers
        return
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
