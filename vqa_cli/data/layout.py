"""What a dataset layout is: the contract of the modules in `vqa_cli.data.formats`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.source import Source


@dataclass(frozen=True)
class Reading:
    """How one source is read.

    files: the data files that are read, relative to the source's root.
    examples: yields the rows one by one; rows that are no rows go to the findings. An image is
    given as the source names it; `ImageFinder` looks it up in `image_folders` below the source's
    root, and completes a missing ending.
    makes_images: rows hold their image or are about two images; those are written by preparing.
    """

    files: tuple[str, ...]
    examples: Callable[[Findings], Iterator[Example]]
    image_folders: tuple[str, ...] = ("", "images")
    makes_images: bool = False


class Layout(Protocol):
    """A module in `vqa_cli.data.formats`."""

    NAME: str
    DESCRIPTION: str

    def detect(self, source: Source) -> bool:
        """Whether the source has this layout: by content, not by its names alone."""

    def read(self, source: Source) -> Reading:
        """Raises DataError where a file lacks what the layout needs."""
