"""Visual7W telling: images with their questions, each of four choices.

Pointing, the other task of Visual7W, is answered by one of four boxes; that is no answer of a
vocabulary, so its file is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vqa_cli.data import json_stream
from vqa_cli.data.cells import RowError
from vqa_cli.data.entries import Entry, answers, examples, folders_around, text, texts
from vqa_cli.data.example import SPLITS, Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.json_stream import JsonPeek
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.errors import DataError

NAME = "visual7w"
DESCRIPTION = (
    'dataset_v7w_telling.json with "images": [{"filename", "split", "qa_pairs": [...]}]; '
    "images/v7w_1.jpg (pointing is refused: boxes are no answers)"
)


def detect(source: Source) -> bool:
    """A JSON object with a list "images" whose first has qa_pairs, or one that points at boxes."""
    return bool(_telling(source) or _pointing(source))


def read(source: Source) -> Reading:
    """Raises DataError where there is not exactly one file of the telling task."""
    files = _telling(source)
    pointing = _pointing(source)
    if len(files) != 1:
        raise DataError(_not_one(source, files, pointing))
    file = files[0]

    def rows(findings: Findings) -> Iterator[Example]:
        if pointing:
            findings.note(f"not read: {', '.join(pointing)} (pointing is answered by boxes)")
        images = json_stream.entries(source.root / file, "images")
        yield from examples(file, _pairs(images), _example, findings)

    return Reading((file,), rows, folders_around((file,), "images", ""))


def _telling(source: Source) -> list[str]:
    pointing = _pointing(source)
    return [
        file
        for file in source.files
        if (peek := source.peek(file))
        and peek.list_has("images", "qa_pairs")
        and file not in pointing
    ]


def _pointing(source: Source) -> list[str]:
    return [file for file in source.files if (peek := source.peek(file)) and _points(peek)]


def _points(peek: JsonPeek) -> bool:
    """Whether the answers are boxes: so it says, or boxes come first, or answers are their ids."""
    said = peek.values.get("dataset")
    if said is not None:
        return bool(said == "v7w_pointing")
    if peek.list_has("boxes", "box_id"):
        return True
    pairs = peek.lists["images"].get("qa_pairs") if peek.list_has("images", "qa_pairs") else None
    first = pairs[0] if isinstance(pairs, list) and pairs else None
    return isinstance(first, dict) and isinstance(first.get("answer"), int)


def _not_one(source: Source, files: list[str], pointing: list[str]) -> str:
    if files:
        return (
            f"{source.root}: {' and '.join(files)} are both of the telling task; name one of them "
            f"(vqa prepare {source.root / files[0]})"
        )
    if pointing:
        return (
            f"{source.root / pointing[0]}: is of the pointing task, whose answers are boxes in the "
            "image; only the telling task has answers in words (dataset_v7w_telling.json)"
        )
    return f"{source.root}: holds no dataset_v7w_telling.json of Visual7W"


def _pairs(images: Iterator[Any]) -> Iterator[Any]:
    """The questions of each image, with what it says of itself."""
    for image in images:
        pairs = image.get("qa_pairs") if isinstance(image, dict) else None
        if not isinstance(pairs, list):
            yield None
            continue
        of_image = {key: image.get(key) for key in ("filename", "split")}
        yield from ({**pair, **of_image} if isinstance(pair, dict) else pair for pair in pairs)


def _example(entry: Entry) -> Example:
    split = text(entry, "split") or None
    if split not in (None, *SPLITS):
        raise RowError(f"split that is none of {', '.join(SPLITS)}", split)
    wrong, right = texts(entry, "multiple_choices"), answers(entry)
    # In the order of the letters, so that the place of a choice tells nothing about it.
    choices = tuple(sorted((*wrong, *right)))
    return Example(
        image=text(entry, "filename"),
        question=text(entry, "question"),
        answers=right,
        question_id=text(entry, "qa_id"),
        split=split,
        question_type=text(entry, "type") or None,
        choices=choices if wrong else None,
        extra={"correct_choice": choices.index(right[0])} if wrong and right else {},
    )
