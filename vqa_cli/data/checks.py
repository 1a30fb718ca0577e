"""Taking the rows of a source that can be used."""

from __future__ import annotations

from collections.abc import Iterable

from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.image_files import UnusableImageError
from vqa_cli.data.row_ids import make_ids_unique
from vqa_cli.data.row_images import SourceImages
from vqa_cli.data.rows import Rows
from vqa_cli.memory import without_garbage_collection


def collect(examples: Iterable[Example], images: SourceImages, findings: Findings) -> Rows:
    """Take the rows that can be used; the others go to the findings.

    A test row without an answer is taken: a test split may have none.
    """
    rows = Rows()
    with without_garbage_collection():
        for example in examples:
            try:
                image = images.of(example)
            except UnusableImageError as error:
                findings.unusable(error.problem, f"{error.value} ({example.question_id})")
                continue
            if problem := row_problem(example):
                findings.unusable(problem, example.question_id)
                continue
            rows.add(example, image)
    make_ids_unique(rows, findings)
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
    if (
        example.question.isascii()
        and answers.isascii()
        and example.image.isascii()
        and example.question_id.isascii()
        and (example.question_type or "").isascii()
        and (example.answer_type or "").isascii()
        and not example.group
        and not example.choices
    ):
        return True
    text = (
        f"{example.image}{example.question}{answers}{example.question_id}{example.question_type}"
        f"{example.answer_type}{example.group}{''.join(example.choices or ())}"
    )
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
