"""Images of two datasets, as one."""

from __future__ import annotations

import numpy as np
import torch

from vqa_cli.training.batches import Rows
from vqa_cli.training.split_data import ImageInputs, Inputs


class JoinedImages:
    """Numbers the images of two datasets through: `first` has those below `count`."""

    def __init__(self, first: ImageInputs, count: int, second: ImageInputs) -> None:
        self._first, self._count, self._second = first, count, second

    def __call__(self, images: Rows, draw: int | None = None) -> Inputs:
        """Give the model's arguments for `images` (B,), which ascend."""
        place = int(np.searchsorted(images, self._count))
        if place == len(images):
            return self._first(images, draw)
        second = self._second(images[place:] - self._count, draw)
        if place == 0:
            return second
        first = self._first(images[:place], draw)
        return {name: torch.cat([first[name], second[name]]) for name in first}
