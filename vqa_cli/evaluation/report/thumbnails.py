"""Small pictures of a dataset's images, made in parallel."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

from PIL import Image

from vqa_cli.console import Reporter
from vqa_cli.data.images import MAX_PIXELS, read_image
from vqa_cli.device import usable_cpus
from vqa_cli.errors import DataError

SIDE = 160
"""Pixels of the longer side."""

FORMAT, QUALITY = "WEBP", 60
"""About 2.5 KB a photo at this size; JPEG needs half as much again."""


def make_thumbnails(
    paths: Sequence[Path], report: Reporter, *, max_pixels: int = MAX_PIXELS
) -> list[str | None]:
    """The thumbnail of each image as Base64 text; None where the image cannot be read."""

    def thumbnail(path: Path) -> str | None:
        return _thumbnail(path, max_pixels)

    made: list[str | None] = []
    # Pillow decodes, scales and encodes without holding Python's lock: threads are enough.
    with ThreadPoolExecutor(usable_cpus()) as pool:
        for done, found in enumerate(pool.map(thumbnail, paths)):
            report.progress("thumbnails", done, len(paths))
            made.append(found)
    if paths:
        report.progress("thumbnails", len(paths), len(paths))
    return made


def _thumbnail(path: Path, max_pixels: int) -> str | None:
    try:
        image = read_image(path, max_pixels=max_pixels, enough=SIDE)
    except DataError:
        return None  # the page shows that it is missing, and the report says how many are
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    encoded = BytesIO()
    image.save(encoded, FORMAT, quality=QUALITY)
    return b64encode(encoded.getvalue()).decode("ascii")
