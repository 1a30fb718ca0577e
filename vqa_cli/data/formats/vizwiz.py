"""VizWiz: questions that blind people asked about their own photos; some can't be answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from vqa_cli.data import json_stream
from vqa_cli.data.cells import RowError
from vqa_cli.data.entries import Entry, examples, folders_around, one_for_each, text
from vqa_cli.data.example import SPLITS, Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.data.split_names import split_of
from vqa_cli.data.vqa_json import annotators
from vqa_cli.errors import DataError

NAME = "vizwiz"
DESCRIPTION = (
    "annotations/train.json (val, test likewise), each a list of questions with image, answers, "
    "answer_type and answerable; images in train/ and so on"
)
_IMAGE = re.compile(r"VizWiz_(?:v\d+_)?(train|val|test)_\d+\.\w+")


def detect(source: Source) -> bool:
    """A JSON list of questions with `answerable`, or about images that are called VizWiz_..."""
    return bool(_files(source))


def read(source: Source) -> Reading:
    """Raises DataError where there is no such file, or where two are of the same split."""
    found = {file: _split(source, file) for file in _files(source)}
    if not found:
        raise DataError(f"{source.path}: holds no questions of VizWiz (annotations/train.json)")
    files = one_for_each(source, found)

    def rows(findings: Findings) -> Iterator[Example]:
        for split, file in files.items():
            entries = json_stream.entries(source.root / file)
            yield from examples(file, entries, partial(_example, split), findings)

    folders = (*SPLITS, *(f"images/{split}" for split in SPLITS), "images", "")
    return Reading(tuple(files.values()), rows, folders_around(files.values(), *folders))


def _files(source: Source) -> list[str]:
    return [
        file
        for file in source.files
        if (peek := source.peek(file))
        and peek.kind == "list"
        and peek.has("image", "question")
        and (peek.has("answerable", "answers") or _IMAGE.fullmatch(str(peek.entry["image"])))
    ]


def _split(source: Source, file: str) -> str | None:
    """By the file's name; else by that of its first image."""
    peek = source.peek(file)
    match = _IMAGE.fullmatch(str(peek.entry["image"])) if peek else None
    return split_of(file.rpartition("/")[2]) or (match[1] if match else None)


def _example(split: str | None, entry: Entry) -> Example:
    """A question has no id, but its image is about this question alone."""
    image, answerable = text(entry, "image"), entry.get("answerable")
    if answerable not in (None, 0, 1):
        raise RowError("answerable that is neither 0 nor 1", answerable)
    return Example(
        image=image,
        question=text(entry, "question"),
        answers=annotators(entry),
        answer_kind="annotators",
        question_id=image,
        split=split,
        answer_type=text(entry, "answer_type").strip() or None,
        answerable=None if answerable is None else bool(answerable),
    )
