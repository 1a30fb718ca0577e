"""The image that a row is about: a file of the source, or one that preparing writes itself.

Preparing writes an image where a table holds it, and where a question is about two images: they
are joined into one, side by side. Both lie in `images/` of the prepared dataset.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image

from vqa_cli.console import Reporter
from vqa_cli.data.example import Example
from vqa_cli.data.folder import IMAGES_FOLDER
from vqa_cli.data.image_files import ImageFinder, UnusableImageError, inside
from vqa_cli.data.images import read_image
from vqa_cli.data.parallel import in_order
from vqa_cli.errors import DataError

_SUFFIXES = ((b"\xff\xd8", "jpg"), (b"\x89PNG", "png"), (b"GIF8", "gif"), (b"BM", "bmp"))
_JOINED_QUALITY = 95
_PAIRS_A_TASK = 16


class SourceImages:
    """Images that lie in the source as files.

    makes: whether preparing writes them instead.
    """

    makes = False

    def __init__(self, finder: ImageFinder) -> None:
        self.root = finder.root
        self._finder = finder

    def of(self, example: Example) -> str:
        """The path of a row's image below `root`.

        Raises UnusableImageError where it cannot be used.
        """
        return self._finder.find(example.image)

    def write(self, max_pixels: int, report: Reporter) -> dict[str, str]:
        """Write what is still to be written; returns what is wrong with which image."""
        return {}


class UnseenImages(SourceImages):
    """Images that are not looked at; a row's image is what the source calls it."""

    def of(self, example: Example) -> str:
        if example.image_bytes is not None:
            return name_of_bytes(example.image_bytes)
        if example.beside is not None:
            return name_of_pair(inside(example.image), inside(example.beside))
        return inside(example.image)


class MadeImages(SourceImages):
    """Images that are written into `folder`, which becomes the prepared dataset."""

    makes = True

    def __init__(self, finder: ImageFinder, folder: Path) -> None:
        super().__init__(finder)
        self.root = folder
        self._source = finder.root
        self._written: set[str] = set()
        self._pairs: dict[str, tuple[str, str]] = {}

    def of(self, example: Example) -> str:
        if example.image_bytes is not None:
            return self._embedded(example.image_bytes)
        if example.beside is None:
            raise UnusableImageError("row without its image, though others hold it", example.image)
        pair = (self._finder.find(example.image), self._finder.find(example.beside))
        name = name_of_pair(*pair)
        self._pairs[name] = pair
        return name

    def _embedded(self, data: bytes) -> str:
        name = name_of_bytes(data)
        if name not in self._written:
            (self.root / IMAGES_FOLDER).mkdir(exist_ok=True)
            (self.root / name).write_bytes(data)
            self._written.add(name)
        return name

    def write(self, max_pixels: int, report: Reporter) -> dict[str, str]:
        """Join the pairs, in parallel."""
        if not self._pairs:
            return {}
        names = list(self._pairs)
        tasks = [names[i : i + _PAIRS_A_TASK] for i in range(0, len(names), _PAIRS_A_TASK)]
        (self.root / IMAGES_FOLDER).mkdir(exist_ok=True)

        def join(task: list[str]) -> list[tuple[str, str]]:
            return [(name, problem) for name in task if (problem := self._join(name, max_pixels))]

        problems: dict[str, str] = {}
        for done, found in enumerate(in_order(join, tasks), start=1):
            problems.update(found)
            report.progress("joining images", min(done * _PAIRS_A_TASK, len(names)), len(names))
        return problems

    def _join(self, name: str, max_pixels: int) -> str:
        """Write a joined image; returns why it cannot be, or nothing."""
        try:
            left, right = (
                read_image(self._source / part, max_pixels=max_pixels, name=part)
                for part in self._pairs[name]
            )
        except DataError as error:
            return str(error)
        data = BytesIO()
        joined(left, right).save(data, "JPEG", quality=_JOINED_QUALITY, subsampling=0)
        (self.root / name).write_bytes(data.getvalue())
        return ""


def joined(left: Image.Image, right: Image.Image) -> Image.Image:
    """Two RGB images side by side; the lower one is enlarged to the height of the other."""
    height = max(left.height, right.height)
    parts = [
        image
        if image.height == height
        else image.resize((max(1, round(image.width * height / image.height)), height))
        for image in (left, right)
    ]
    canvas = Image.new("RGB", (parts[0].width + parts[1].width, height))
    canvas.paste(parts[0], (0, 0))
    canvas.paste(parts[1], (parts[0].width, 0))
    return canvas


def name_of_bytes(data: bytes) -> str:
    """Where an image that a table holds is written: equal content has an equal name."""
    suffix = next((suffix for magic, suffix in _SUFFIXES if data.startswith(magic)), "img")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        suffix = "webp"
    return f"{IMAGES_FOLDER}/{hashlib.sha256(data).hexdigest()[:24]}.{suffix}"


def name_of_pair(left: str, right: str) -> str:
    """Where two joined images are written."""
    digest = hashlib.sha256(f"{left}\n{right}".encode()).hexdigest()
    return f"{IMAGES_FOLDER}/{digest[:24]}.jpg"


def of_language(examples: Iterator[Example], language: str, source: Path) -> Iterator[Example]:
    """The rows of one language, as the source names it ("en").

    Raises DataError where there is none.
    """
    found: set[str] = set()
    for example in examples:
        said = example.extra.get("language")
        if said:
            found.add(str(said))
        if said == language:
            yield example
    if language not in found:
        present = f"there are {', '.join(sorted(found))}" if found else "no row says its language"
        raise DataError(f"{source}: --language {language}: {present}")
