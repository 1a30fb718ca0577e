"""Which questions make up which step: a function of seed, epoch, step and nothing else.

So a run can be resumed anywhere, and several processes agree on their shares without a word.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]

TOGETHER = 16
"""At most so many questions of an image follow one another where its encoder learns, and runs once
for them. A batch must not be about one image."""


def plan_epoch(
    images: Rows, batch_size: int, seed: int, epoch: int, *, together: int
) -> list[Rows]:
    """Cut the questions of an epoch into batches of row numbers, each row exactly once.

    images (Q,): which image each question is about. Questions of an image stay together, at most
    `together` of them, so that whatever is computed of an image alone, or read, is so once and not
    once a question.
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(images))
    order = order[np.argsort(images[order], kind="stable")]
    begins = np.flatnonzero(np.diff(images[order], prepend=-1))  # each image's first question
    counts = np.diff(begins, append=len(order))
    place = np.arange(len(order)) - np.repeat(begins, counts)
    block = np.cumsum(place % together == 0) - 1
    rank = random.permutation(block[-1] + 1)
    order = order[np.argsort(rank[block], kind="stable")]
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def share_of(batch: Rows, images: Rows, rank: int, world_size: int) -> Rows:
    """Return the rows of `batch` that process `rank` of `world_size` computes; possibly none.

    Cut after sorting by image, so that no image is encoded by more processes than necessary.
    """
    together = batch[np.argsort(images[batch], kind="stable")]
    return np.array_split(together, world_size)[rank]


def parts_of(rows: Rows, images: Rows, parts: int) -> list[Rows]:
    """Cut `rows` into at most `parts` of about one size, none of them empty.

    Cut after sorting by image, so that few images are encoded for two parts.
    """
    together = rows[np.argsort(images[rows], kind="stable")]
    return np.array_split(together, max(1, min(parts, len(rows))))


def step_seed(seed: int, step: int, rank: int) -> int:
    """Return the seed of a step's dropout: 63 bits, another for each step and each rank."""
    words = np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))
