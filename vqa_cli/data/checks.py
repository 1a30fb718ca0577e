"""What can be wrong with rows, images and splits, found before a model is trained on them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vqa_cli.console import Reporter
from vqa_cli.data.example import SPLITS, Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.image_files import UnusableImageError
from vqa_cli.data.images import read_image
from vqa_cli.data.parallel import in_order
from vqa_cli.data.row_images import SourceImages
from vqa_cli.data.rows import Rows
from vqa_cli.errors import DataError

_IMAGES_A_TASK = 32


@dataclass(frozen=True)
class ImageFacts:
    """One image file; width and height as people see it, after its EXIF orientation.

    problem: why it cannot be read; the sizes are 0 then.
    """

    image: str
    sha256: str
    bytes: int
    width: int
    height: int
    problem: str = ""


def collect(examples: Iterable[Example], images: SourceImages, findings: Findings) -> Rows:
    """Take the rows that can be used; the others go to the findings.

    A test row without an answer is taken: a test split may have none.
    """
    rows = Rows()
    ids: dict[str | None, set[str]] = {split: set() for split in (None, *SPLITS)}
    for example in examples:
        try:
            image = images.of(example)
        except UnusableImageError as error:
            findings.unusable(error.problem, f"{error.value} ({example.question_id})")
            continue
        if problem := row_problem(example):
            findings.unusable(problem, example.question_id)
            continue
        question_id = example.question_id
        if question_id in (known := ids[example.split]):
            findings.told("question_id used before (a number was added)", question_id)
            question_id = _made_unique(question_id, known)
        known.add(question_id)
        rows.add(example, image, question_id)
    return rows


def row_problem(example: Example) -> str | None:
    """Why a row cannot be used, its image aside.

    Empty answers are taken where the source says that the question cannot be answered (VizWiz).
    """
    if not example.question or example.question.isspace():
        return "question that is empty"
    said = "".join(example.answers)
    if not said or said.isspace():
        unanswerable = example.answerable is False and example.answers
        if not unanswerable and (example.answers or example.split != "test"):
            return "answer that is empty"
    return None if _is_whole(example, said) else "text with half a character (a lone surrogate)"


def _is_whole(example: Example, answers: str) -> bool:
    """Whether all texts can be written as UTF-8; JSON's escapes can spell some that cannot."""
    text = (
        f"{example.image}{example.question}{answers}{example.question_id}{example.question_type}"
        f"{example.answer_type}{example.group}{''.join(example.choices or ())}"
    )
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _made_unique(question_id: str, known: set[str]) -> str:
    number = 2
    while f"{question_id}-{number}" in known:
        number += 1
    return f"{question_id}-{number}"


def check_images(
    root: Path, images: Sequence[str], max_pixels: int, report: Reporter
) -> list[ImageFacts]:
    """Decode every image once, in parallel: its content's hash, its size or its problem."""
    tasks = [images[i : i + _IMAGES_A_TASK] for i in range(0, len(images), _IMAGES_A_TASK)]

    def check(task: Sequence[str]) -> list[ImageFacts]:
        return [image_facts(root, image, max_pixels) for image in task]

    facts: list[ImageFacts] = []
    for checked in in_order(check, tasks):
        facts += checked
        report.progress("checking images", len(facts), len(images))
    return facts


def image_facts(root: Path, image: str, max_pixels: int) -> ImageFacts:
    """Read and decode one image."""
    try:
        data = (root / image).read_bytes()
    except OSError as error:
        return ImageFacts(image, "", 0, 0, 0, f"{image}: {error.strerror or error}")
    digest = hashlib.sha256(data).hexdigest()
    try:
        width, height = read_image(data, max_pixels=max_pixels, name=image).size
    except DataError as error:
        return ImageFacts(image, digest, len(data), 0, 0, str(error))
    return ImageFacts(image, digest, len(data), width, height)
