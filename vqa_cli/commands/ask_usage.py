"""What can be wrong with the command line of `vqa ask`, told before anything is loaded."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from vqa_cli.errors import SettingsError

WAYS = "vqa ask IMAGE QUESTION..., vqa ask -i IMAGE, or vqa ask --batch FILE"


def check_usage(
    words: Sequence[str],
    batch: str | None,
    images: str | None,
    *,
    interactive: bool,
    explain: bool,
) -> None:
    """Raise SettingsError where the words do not go with the way of asking.

    words: what stands on the command line besides options.
    """
    ways = {"--batch": batch is not None, "--images": images is not None, "-i": interactive}
    chosen = [way for way, given in ways.items() if given]
    if len(chosen) > 1:
        raise SettingsError(f"{' and '.join(chosen)} cannot go together: they are ways to ask")
    if explain and chosen:
        raise SettingsError(
            f"--explain draws the answers about one image, and does not go with {chosen[0]}: vqa"
            " ask IMAGE QUESTION... --explain PICTURE"
        )
    if batch is not None and words:
        raise SettingsError(f"--batch brings its images and questions; {words[0]!r} is too much")
    if images is not None:
        _check_images(words)
    elif interactive:
        _check_interactive(words)
    elif batch is None:
        _check_once(words)


def _check_images(words: Sequence[str]) -> None:
    if not words:
        raise SettingsError("--images needs a question: vqa ask --images FOLDER QUESTION...")
    if file := next(filter(_is_image, words), None):
        raise SettingsError(
            f"{file} is an image, not a question; put the pattern after --images in quotes, so that"
            " the shell leaves it alone"
        )


def _check_interactive(words: Sequence[str]) -> None:
    if len(words) > 1:
        raise SettingsError(
            f"-i takes the image alone, and {words[1]!r} is more; ask at its prompt"
        )
    if words == ["-"]:
        raise SettingsError("-i reads questions on stdin, so that no image can come there")


def _check_once(words: Sequence[str]) -> None:
    if not words:
        raise SettingsError(f"nothing to ask: {WAYS}")
    image, questions = words[0], words[1:]
    if not questions:
        raise SettingsError(f"no question about {image}: {WAYS}")
    file = next(filter(_is_image, questions), None)
    if file is None:
        return
    if not _is_image(image) and not os.path.exists(image):
        asked = " ".join(shlex.quote(word) for word in words if word != file)
        raise SettingsError(f"the image comes first: vqa ask {shlex.quote(file)} {asked}")
    raise SettingsError(
        f"{file} is an image, not a question; to ask about several: vqa ask --images FOLDER"
        " QUESTION..., or a pattern in quotes for FOLDER"
    )


def _is_image(word: str) -> bool:
    """Whether a word can only mean an image."""
    from vqa_cli.data.image_files import IMAGE_SUFFIXES

    if word == "-" or word.lower().startswith(("data:", "http://", "https://")):
        return True
    return word.lower().endswith(IMAGE_SUFFIXES) and (" " not in word or os.path.isfile(word))


def read_choice(allow: str | None, block: Path | None) -> tuple[list[str] | None, list[str]]:
    """What `choose_answers` takes. Raises SettingsError where an option cannot be used."""
    if allow is None and block is None:
        return None, []
    from vqa_cli.inference.answer_choice import read_answers, split_answers

    return split_answers(allow) if allow is not None else None, read_answers(block) if block else []
