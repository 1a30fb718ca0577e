"""One split as arrays, and batches of it as the model takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vqa_cli.data.feature_store import FeatureStore
from vqa_cli.data.images import MAX_PIXELS
from vqa_cli.data.preprocessor import Preprocessor
from vqa_cli.training.asked import Asked
from vqa_cli.training.augmentation import drawn_views
from vqa_cli.training.batches import Rows

Inputs = dict[str, Tensor]


class ImageInputs(Protocol):
    """Where a batch's images come from: pixels, or tokens of the feature store."""

    def __call__(self, images: Rows, /, draw: int | None = None) -> Inputs:
        """Give the model's arguments for `images` (B,)."""
        ...


class QuestionInputs(Protocol):
    """Where a batch's questions come from: token ids, or tokens of the feature store."""

    def __call__(self, questions: Rows, /, draw: int | None = None) -> Inputs:
        """Give the model's arguments for distinct questions `questions` (U,)."""
        ...


ShowView = Callable[[NDArray[np.uint8], int, int], NDArray[np.uint8]]
"""Pixels (H,W,3) of an image, its number, the draw -> a view of it (H,W,3)."""


class Pixels:
    """Decoded images as `pixel_values`, kept in memory as uint8 while they fit `limit` bytes.

    view: what a draw shows of an image; None: the image, always.
    """

    def __init__(
        self,
        files: Sequence[Path],
        preprocessor: Preprocessor,
        threads: int,
        max_pixels: int = MAX_PIXELS,
        limit: int = 1 << 30,
        view: ShowView | None = None,
    ) -> None:
        self._files = files
        self._view = view
        self._preprocessor = preprocessor
        self._max_pixels = max_pixels
        self._pool = ThreadPoolExecutor(threads)
        self._cache: dict[int, NDArray[np.uint8]] = {}
        self._room = limit

    def __call__(self, images: Rows, draw: int | None = None) -> Inputs:
        """Give `pixel_values` (B,3,H,W) of the images `images` (B,)."""
        shown = self._pool.map(lambda image: self._show(image, draw), images.tolist())
        pixels = np.stack(list(shown))
        values = torch.from_numpy(self._preprocessor.normalize(pixels))
        # Convolutions are a fifth faster so (docs/performance.md).
        return {"pixel_values": values.contiguous(memory_format=torch.channels_last)}

    def _show(self, image: int, draw: int | None) -> NDArray[np.uint8]:
        pixels = self._read(image)
        return pixels if self._view is None or draw is None else self._view(pixels, image, draw)

    def _read(self, image: int) -> NDArray[np.uint8]:
        cached = self._cache.get(image)
        if cached is not None:
            return cached
        pixels = self._preprocessor.pixels(self._files[image], max_pixels=self._max_pixels)
        if pixels.nbytes <= self._room:
            self._room -= pixels.nbytes
            self._cache[image] = pixels
        return pixels


Ask = Callable[[Rows, int], list[list[int]]]
"""Numbers of questions, the draw -> the token ids of each as the draw has it."""


class TokenIds:
    """Questions as `input_ids` and `attention_mask`, padded to the longest of a batch.

    ask: how a draw puts the questions; None: as they are, always.
    """

    def __init__(
        self,
        token_ids: Sequence[Sequence[int]],
        preprocessor: Preprocessor,
        ask: Ask | None = None,
    ) -> None:
        self._token_ids = token_ids
        self._preprocessor = preprocessor
        self._ask = ask

    def __call__(self, questions: Rows, draw: int | None = None) -> Inputs:
        """Give `input_ids` and `attention_mask` (U,L) of the questions `questions` (U,)."""
        input_ids, mask = self._preprocessor.pad(self._ids(questions, draw))
        return {"input_ids": torch.from_numpy(input_ids), "attention_mask": torch.from_numpy(mask)}

    def _ids(self, questions: Rows, draw: int | None) -> Sequence[Sequence[int]]:
        if self._ask is None or draw is None:
            return [self._token_ids[question] for question in questions]
        return self._ask(questions, draw)


class ImageTokens:
    """Image tokens of the feature store; `rows` has the store's row of each image."""

    def __init__(self, store: FeatureStore, rows: Rows) -> None:
        self._store, self._rows = store, rows

    def __call__(self, images: Rows, draw: int | None = None) -> Inputs:
        """Give `image_tokens` (B,N,D) of the images `images` (B,)."""
        tokens = self._store.gather(self._rows[images])
        return {"image_tokens": torch.from_numpy(tokens).float()}


class ViewTokens:
    """Tokens of several views of each item; a draw shows one of them, no draw the plain one.

    tokens: those of all views, an item's side by side, the plain one first; for images or for
    questions. hashes (items,): 64 bits of each item and the seed.
    """

    def __init__(
        self, tokens: ImageInputs | QuestionInputs, views: int, hashes: NDArray[np.uint64]
    ) -> None:
        self._tokens, self._views, self._hashes = tokens, views, hashes

    def __call__(self, items: Rows, draw: int | None = None) -> Inputs:
        """Give the tokens of the items `items` (B,) or (U,)."""
        plain = items * self._views
        if draw is None:
            return self._tokens(plain)
        return self._tokens(plain + drawn_views(self._hashes[items], draw, self._views))


class QuestionTokens:
    """Question tokens of the feature store; `rows` has the store's row of each question."""

    def __init__(self, store: FeatureStore, rows: Rows) -> None:
        self._store, self._rows = store, rows

    def __call__(self, questions: Rows, draw: int | None = None) -> Inputs:
        """Give `question_tokens` (U,L,D) and `attention_mask` (U,L) of `questions` (U,)."""
        tokens, mask = self._store.gather_padded(self._rows[questions])
        return {
            "question_tokens": torch.from_numpy(tokens).float(),
            "attention_mask": torch.from_numpy(mask),
        }


@dataclass(frozen=True)
class SplitData:
    """The questions of one split.

    image (Q,): which image each is about. question (Q,): which distinct question it is.
    ids: the names of the Q questions. second: whether a draw comes with a second view of each
    image, for what compares the two. asked: where a draw comes with which questions fit which
    images, for what sets them against each other.
    """

    image: Rows
    question: Rows
    images: ImageInputs
    questions: QuestionInputs
    ids: Sequence[str]
    second: bool = False
    asked: Asked | None = None

    def __len__(self) -> int:
        return len(self.image)

    def inputs(self, rows: Rows, draw: int | None = None) -> Inputs:
        """Give the model's keyword arguments for the questions `rows`.

        Each image and each question comes once, however often it is in the batch. draw: which of
        an item's random variants; None: the item as it is. The variant is a function of the item
        and this number, never of the batch. Draws come in pairs 2k and 2k + 1: where `second` is
        set, `second_pixel_values` or `second_image_tokens` are those of the other one. Where
        `asked` is set, `fits` (U,B) says which questions are asked of which images.
        """
        images, image_index = np.unique(self.image[rows], return_inverse=True)
        questions, question_index = np.unique(self.question[rows], return_inverse=True)
        return {
            "image_index": torch.from_numpy(image_index),
            "question_index": torch.from_numpy(question_index),
            **self.images(images, draw),
            **self._second(images, draw),
            **self._fits(questions, images, draw),
            **self.questions(questions, draw),
        }

    def _second(self, images: Rows, draw: int | None) -> Inputs:
        if not self.second or draw is None:
            return {}
        return {f"second_{name}": tensor for name, tensor in self.images(images, draw ^ 1).items()}

    def _fits(self, questions: Rows, images: Rows, draw: int | None) -> Inputs:
        if self.asked is None or draw is None:
            return {}
        return {"fits": torch.from_numpy(self.asked(questions, images))}


def prefetched(load: Callable[[Rows], Inputs], batches: Sequence[Rows]) -> Iterator[Inputs]:
    """Load each batch while the one before it is being worked on."""
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(load, batches[0]) if batches else None
        for following in [*batches[1:], None]:
            if ahead is None:
                return
            current = ahead.result()
            ahead = pool.submit(load, following) if following is not None else None
            yield current
