"""What people see of a run while it trains."""

from __future__ import annotations

import time

import psutil
import torch

from vqa_cli.console import Reporter
from vqa_cli.training.state import Progress

STAGE = "training"
MEMORY_INTERVAL = 1.0
"""Memory is looked at once in so many seconds: to ask the system at each step costs time."""


class Display:
    """Reports where a run stands: epoch, loss, val accuracy, questions/s, memory.

    epochs, steps: of the whole run.
    """

    def __init__(self, report: Reporter, device: torch.device, epochs: int, steps: int) -> None:
        self._report, self._device, self._epochs, self._steps = report, device, epochs, steps
        self._process = psutil.Process()
        self._memory, self._looked = "", -MEMORY_INTERVAL

    def show(self, progress: Progress, epoch: int, loss: float, rate: float) -> None:
        """Tell the step. epoch: from 1. loss: the epoch's so far. rate: in questions/s."""
        facts = [f"epoch {epoch}/{self._epochs}", f"loss {loss:.3f}", *_scores(progress)]
        facts += [f"{rate:,.0f} questions/s", self._memory_in_use()]
        self._report.progress(STAGE, progress.step, self._steps, ", ".join(facts))

    def end(self, progress: Progress) -> None:
        """Tell that no further step comes, though not all were taken."""
        self._report.progress(STAGE, progress.step, progress.step, "stopped")

    def _memory_in_use(self) -> str:
        now = time.monotonic()
        if now - self._looked >= MEMORY_INTERVAL:
            self._looked = now
            self._memory = f"memory {_size(self._process.memory_info().rss)}"
            if self._device.type == "cuda":
                peak = torch.cuda.max_memory_allocated(self._device)
                self._memory += f", GPU peak {_size(peak)}"
        return self._memory


def _scores(progress: Progress) -> list[str]:
    """The last val accuracy, and the best where it is another one."""
    if not progress.history:
        return [f"val {progress.untrained_accuracy:.3f} untrained"]
    last, best = progress.history[-1]["val_accuracy"], progress.best_accuracy
    best_one = f"best {best:.3f} (epoch {progress.best_epoch})"
    return [f"val {last:.3f}"] if last == best else [f"val {last:.3f}", best_one]


def _size(count: float) -> str:
    """A number of bytes for people: 612 MB, 3.4 GB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
