"""Reading images beside the work on those before them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from vqa_cli.data.images import ImageSource
from vqa_cli.inference.image_sources import LazyImage

Item = tuple[ImageSource | LazyImage, Sequence[str]]
"""An image and the questions about it."""

Image = TypeVar("Image")

CHUNKS_AHEAD = 2
"""Chunks of images that are read while the model works on the one before them."""


def read_ahead(
    items: Iterable[Item],
    read: Callable[[Sequence[ImageSource | LazyImage]], Sequence[Image]],
    size: int,
    threads: int,
    together: int = 1,
) -> Generator[tuple[list[Image], list[Sequence[str]]], None, None]:
    """Yield chunks of up to `size` items, read, while `threads` read the chunks after them.

    together: so many images of a chunk one thread reads at a time, where each has as many.
    """
    stream = iter(items)
    waiting: deque[tuple[list[Future[Sequence[Image]]], list[Sequence[str]]]] = deque()
    pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="read")
    try:
        while True:
            while len(waiting) <= CHUNKS_AHEAD and (chunk := list(islice(stream, size))):
                images = [image for image, _ in chunk]
                step = min(together, -(-len(images) // threads))
                parts = [images[start : start + step] for start in range(0, len(images), step)]
                waiting.append(
                    ([pool.submit(read, part) for part in parts], [asked for _, asked in chunk])
                )
            if not waiting:
                return
            reading, questions = waiting.popleft()
            yield [image for part in reading for image in part.result()], questions
    finally:  # also when the caller stops early, or one image is bad
        pool.shutdown(cancel_futures=True)
