"""Explanations as files: where they go, and that nothing else is lost there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.images import read_image
from vqa_cli.errors import DataError, SettingsError
from vqa_cli.files import replacing
from vqa_cli.inference.answerer import Answerer
from vqa_cli.inference.explanation import Explanation, explain_all
from vqa_cli.inference.explanation_picture import draw
from vqa_cli.inference.image_sources import LazyImage

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
SOFTWARE_TAG = 0x0131
SOFTWARE = "vqa ask --explain"
"""What the EXIF data of our pictures says: one of them may be replaced."""


def picture_paths(out: Path, questions: int) -> list[Path]:
    """Where the pictures go: `out` for one question, else out-1.png, out-2.png and so on.

    Raises SettingsError for a suffix that is no picture's, DataError where nothing can be written
    or something else is there.
    """
    if out.suffix.lower() not in FORMATS:
        known = ", ".join(FORMATS)
        raise SettingsError(f"--explain {out}: the file's name must end in one of {known}")
    if not out.parent.is_dir():
        raise DataError(f"--explain {out}: there is no folder {out.parent}; make it first")
    if not os.access(out.parent, os.W_OK):
        raise DataError(f"--explain {out}: the folder {out.parent} cannot be written to")
    numbered = [out.with_stem(f"{out.stem}-{number + 1}") for number in range(questions)]
    paths = [out] if questions == 1 else numbered
    if taken := [str(path) for path in paths if path.exists() and not _is_ours(path)]:
        raise DataError(
            "--explain replaces its own pictures alone, and something else is there; name another"
            " file:",
            taken,
        )
    return paths


def _is_ours(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            return image.getexif().get(SOFTWARE_TAG) == SOFTWARE
    except (OSError, ValueError, SyntaxError):  # a folder, no image, or a damaged one
        return False


def read_source(source: str | LazyImage, answerer: Answerer) -> Image.Image:
    """Read an image once, to be both asked about and explained."""
    if isinstance(source, LazyImage):
        return read_image(source.load(), max_pixels=answerer.max_pixels, name=source.name)
    return read_image(source, max_pixels=answerer.max_pixels)


def explain_to_files(
    answerer: Answerer,
    image: Image.Image,
    questions: Sequence[str],
    paths: Sequence[Path],
    report: Reporter = SILENT,
) -> list[Explanation]:
    """Explain the best answer to each question about an RGB image, and draw it into its file."""
    explanations = explain_all(answerer, image, questions, report=report)
    for path, explanation in zip(paths, explanations, strict=True):
        exif = Image.Exif()
        exif[SOFTWARE_TAG] = SOFTWARE
        picture = draw(image, explanation)
        with replacing(path) as temporary:
            picture.save(temporary, FORMATS[path.suffix.lower()], exif=exif, quality=90)
    return explanations
