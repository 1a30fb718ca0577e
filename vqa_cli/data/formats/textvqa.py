"""TextVQA: questions about what is written in a photo."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from vqa_cli.data import json_stream
from vqa_cli.data.entries import Entry, examples, folders_around, one_for_each, text
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.data.split_names import split_of
from vqa_cli.data.vqa_json import annotators
from vqa_cli.errors import DataError

NAME = "textvqa"
DESCRIPTION = (
    'TextVQA_0.5.1_train.json (val, test likewise) of {"data": [...]}; images of train and val '
    "in train_images/, of test in test_images/"
)
_FOLDERS = ("train_images", "test_images", "images", "")


def detect(source: Source) -> bool:
    """A JSON file with a list "data" of questions about an image_id."""
    return bool(_files(source))


def read(source: Source) -> Reading:
    """Raises DataError where there is no such file, or where two are of the same split."""
    found = {file: _split(source, file) for file in _files(source)}
    if not found:
        raise DataError(f"{source.path}: holds no questions of TextVQA (TextVQA_0.5.1_train.json)")
    files = one_for_each(source, found)

    def rows(findings: Findings) -> Iterator[Example]:
        for split, file in files.items():
            entries = json_stream.entries(source.root / file, "data")
            yield from examples(file, entries, partial(_example, split), findings)

    return Reading(tuple(files.values()), rows, folders_around(files.values(), *_FOLDERS))


def _files(source: Source) -> list[str]:
    return [
        file
        for file in source.files
        if (peek := source.peek(file)) and peek.list_has("data", "image_id", "question")
    ]


def _split(source: Source, file: str) -> str | None:
    """As the file says it; else by its name."""
    peek = source.peek(file)
    said = peek.values.get("dataset_type") if peek else None
    return split_of(str(said)) or split_of(file.rpartition("/")[2])


def _example(split: str | None, entry: Entry) -> Example:
    image = text(entry, "image_id")
    return Example(
        image=f"{image}.jpg" if image else "",
        question=text(entry, "question"),
        answers=annotators(entry),
        answer_kind="annotators",
        question_id=text(entry, "question_id"),
        split=split_of(text(entry, "set_name")) or split,
    )
