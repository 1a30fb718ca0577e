"""Reading images beside the work on those before them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    read: Callable[[ImageSource | LazyImage], Image],
    size: int,
    threads: int,
) -> Iterator[tuple[list[Image], list[Sequence[str]]]]:
    """Yield chunks of up to `size` items, read, while `threads` read the chunks after them."""
    stream = iter(items)
    waiting: deque[list[tuple[Future[Image], Sequence[str]]]] = deque()
    pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="read")
    try:
        while True:
            while len(waiting) <= CHUNKS_AHEAD and (chunk := list(islice(stream, size))):
                waiting.append([(pool.submit(read, image), asked) for image, asked in chunk])
            if not waiting:
                return
            chunk_read = waiting.popleft()
            yield [image.result() for image, _ in chunk_read], [asked for _, asked in chunk_read]
    finally:  # also when the caller stops early, or one image is bad
        pool.shutdown(cancel_futures=True)
