"""`--batch-size auto`: the largest power of two that fits the memory, and that train is worth.

Whatever the memory, a batch is at most `MOST` questions and a twentieth of train, so that an epoch
has steps enough to learn by; but `LEAST` at least. On a GPU the questions of train that are
longest are learned from, twice as many each time, until memory runs out. On a CPU, where running
out would end the process or make the machine swap, memory is measured with a few of them, and
taken to grow with their number.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from accelerate import Accelerator
from torch import Tensor

from vqa_cli.config import TrainSettings
from vqa_cli.console import Reporter
from vqa_cli.device import free_memory
from vqa_cli.files import write_json
from vqa_cli.memory import return_freed_memory
from vqa_cli.training.batches import Rows
from vqa_cli.training.learner import Learner
from vqa_cli.training.split_data import SplitData
from vqa_cli.training.state import Learning
from vqa_cli.training.step import Task

LEAST, MOST = 8, 1024
STEPS_AN_EPOCH = 20
UNMEASURED = 128
"""Where memory cannot be asked for: the default of --batch-size."""
MEASURED = 32
"""So many questions show how memory grows on a CPU; more would take long."""
LOOKED_AT = 4096
"""The longest questions are looked for among so many, spread over train."""
SPARE = 0.8
"""Of the memory that is free (CPU) or there (GPU) so much is used; the rest is for what grows."""


@dataclass(frozen=True)
class BatchSize:
    """How many questions a step takes, over all processes, and why, for people."""

    questions: int
    reason: str


def find_batch_size(
    learner: Learner,
    learning: Learning,
    task: Task,
    settings: TrainSettings,
    accelerator: Accelerator,
    report: Reporter,
) -> BatchSize:
    """Find the batch size by real forward and backward passes, which change nothing.

    All processes find the same one. One that does not fit even with a question at a time is left
    to the training to report.
    """
    limit = power_of_two(max(LEAST, min(MOST, len(task.rows) // STEPS_AN_EPOCH)))
    share = accelerator.num_processes * settings.accumulation
    rehearsal = Rehearsal(learner, task, settings, accelerator, -(-limit // share))
    if accelerator.device.type == "mps":
        return BatchSize(min(limit, UNMEASURED), "this GPU's memory cannot be asked for")
    report.notice("batch size: looking for the largest that fits")
    # What the optimiser will keep of each parameter lies in memory while the sizes are tried.
    moments = [torch.zeros_like(p) for p in learning.learned.values() for _ in range(2)]
    most = -(-limit // share)
    if accelerator.device.type == "cpu":
        fitting = fitting_cpu(rehearsal, most)
    else:
        fitting = doubled(most, partial(_fits_gpu, rehearsal, accelerator.device))
    del moments
    lowest = accelerator.gather(torch.tensor([fitting], device=accelerator.device)).min()
    found = power_of_two(min(limit, int(lowest) * share))
    if found < limit:
        return BatchSize(found, "the largest power of two that fits the memory")
    return BatchSize(found, f"memory has room; {STEPS_AN_EPOCH} steps an epoch, at most {MOST:,}")


def keep_batch_size(run: Path, config: dict[str, Any], questions: int) -> None:
    """Write what was found into a run's config, so that it is never found anew."""
    config["settings"]["train"]["batch_size"] = questions
    write_json(run / "config.json", config)


def power_of_two(number: int) -> int:
    """Give the largest power of two that is not above `number` (at least 1)."""
    return 1 << (max(1, number).bit_length() - 1)


class Rehearsal:
    """Forward and backward passes over the longest questions, each about another image."""

    def __init__(
        self,
        learner: Learner,
        task: Task,
        settings: TrainSettings,
        accelerator: Accelerator,
        most: int,
    ) -> None:
        self.learner, self.task, self.accelerator = learner, task, accelerator
        self._perturb = None if settings.adversarial == "none" else _unchanged
        self._rows = longest(task.train, task.rows, most)

    def __call__(self, questions: int) -> None:
        """Compute the gradients of so many questions and forget them.

        Raises torch.OutOfMemoryError.
        """
        rows = np.resize(self._rows, questions)
        device = self.accelerator.device
        inputs = {n: t.to(device) for n, t in self.task.train.inputs(rows, 0).items()}
        targets = self.task.targets.dense(rows, self.learner.model.config.answers).to(device)
        self.learner.train()
        try:
            with self.accelerator.autocast():
                losses = self.learner(inputs, targets, self._perturb)
            (losses.total.sum() / questions).backward()
        finally:
            self.learner.zero_grad(set_to_none=True)


def longest(data: SplitData, rows: Rows, count: int) -> Rows:
    """Give up to `count` of `rows`: the longest questions first, each image once if possible."""
    looked_at = rows[np.linspace(0, len(rows) - 1, min(len(rows), LOOKED_AT)).astype(np.int64)]
    questions, question_of = np.unique(data.question[looked_at], return_inverse=True)
    lengths = np.concatenate(
        [
            data.questions(part)["attention_mask"].sum(-1).numpy()
            for part in np.array_split(questions, -(-len(questions) // 256))
        ]
    )
    by_length = looked_at[np.argsort(-lengths[question_of], kind="stable")]
    first = np.sort(np.unique(data.image[by_length], return_index=True)[1])
    further = np.setdiff1d(np.arange(len(by_length)), first)
    return by_length[np.concatenate([first, further])[:count]]


def _unchanged(embeddings: Tensor) -> Tensor:
    return embeddings


def doubled(limit: int, fits: Callable[[int], bool]) -> int:
    """Give the last of 1, 2, 4, ... that fits, up to the first that is not below `limit`."""
    size = 1
    while size < limit and fits(2 * size):
        size *= 2
    return size


def _fits_gpu(rehearse: Callable[[int], None], device: torch.device, questions: int) -> bool:
    """Whether so many questions fit the memory of a GPU, and leave some of it."""
    torch.cuda.reset_peak_memory_stats(device)
    try:
        rehearse(questions)
        peak = torch.cuda.max_memory_reserved(device)
        fits = peak <= SPARE * torch.cuda.get_device_properties(device).total_memory
    except torch.OutOfMemoryError:
        fits = False
    torch.cuda.empty_cache()  # what did not fit is free only now
    return fits


def fitting_cpu(rehearse: Callable[[int], None], limit: int) -> int:
    """Give how many questions fit, by how this process grew with the first few."""
    return_freed_memory()  # what a step can take from there is no growth
    room, before = SPARE * free_memory(), psutil.Process().memory_info().rss
    size = 1
    while True:
        with _peak() as peak:
            rehearse(size)
        growth = peak() - before
        if size >= min(limit, MEASURED):
            return max(size, int(size * room / max(growth, 1)))
        if 2 * growth > room:  # twice as many questions need at most twice as much
            return size
        size *= 2


@contextmanager
def _peak() -> Iterator[Callable[[], int]]:
    """Watch this process's memory; what is given tells its highest size in bytes inside."""
    process, ended = psutil.Process(), threading.Event()
    highest = [process.memory_info().rss]

    def watch() -> None:
        while not ended.wait(0.002):
            highest[0] = max(highest[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield lambda: highest[0]
    finally:
        ended.set()
        watcher.join()
        highest[0] = max(highest[0], process.memory_info().rss)
