"""Putting the questions of several images together: of like length, and each of them once.

Shapes: Q questions, L question tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Asked = tuple[int, tuple[int, ...]]
"""The number of an image, and the token ids of a question about it."""


class QuestionBatch(NamedTuple):
    """Questions that are answered together.

    places: which of the distinct questions they are (Q,). images: the numbers of the images that
    they are about, ascending, each once. image_index: whose image among those each is about (Q,).
    token_ids: not padded yet.
    """

    places: list[int]
    images: NDArray[np.int64]
    image_index: NDArray[np.int64]
    token_ids: list[tuple[int, ...]]


def distinct_questions(
    owners: Sequence[int], token_ids: Sequence[Sequence[int]]
) -> tuple[list[Asked], NDArray[np.int64]]:
    """Give each question about an image once, and for every question its place among those."""
    places: dict[Asked, int] = {}
    rows = [
        places.setdefault((owner, tuple(ids)), len(places))
        for owner, ids in zip(owners, token_ids, strict=True)
    ]
    return list(places), np.asarray(rows, dtype=np.int64)


def question_batches(asked: Sequence[Asked], size: int) -> Iterator[QuestionBatch]:
    """Batches of up to `size` questions, the shortest first: padding costs as much as words."""
    order = sorted(range(len(asked)), key=lambda place: len(asked[place][1]))
    for start in range(0, len(order), size):
        places = order[start : start + size]
        owners = np.asarray([asked[place][0] for place in places], dtype=np.int64)
        images, image_index = np.unique(owners, return_inverse=True)
        yield QuestionBatch(places, images, image_index, [asked[place][1] for place in places])
