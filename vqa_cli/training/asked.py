"""Which questions are asked of which images: what is no wrong pair, though not in the batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vqa_cli.training.batches import Rows


class Asked:
    """The pairs of image and words of a split.

    "What is on the table?", asked of two images, fits both. So where a question is set against
    other images than its own, these are to be such as nobody asks its words of, in the whole split:
    a batch may well hold another question about an image, and not this one.
    """

    def __init__(self, image: Rows, question: Rows) -> None:
        """Take which image each question is about (Q,), and which words it has (Q,)."""
        self._questions = int(question.max()) + 1
        self._pairs = np.unique(image * self._questions + question)

    def __call__(self, questions: Rows, images: Rows) -> NDArray[np.bool_]:
        """Whether words (U,) are asked of images (B,): (U,B)."""
        pairs = images[None, :] * self._questions + questions[:, None]
        place = np.searchsorted(self._pairs, pairs).clip(max=len(self._pairs) - 1)
        return self._pairs[place] == pairs
