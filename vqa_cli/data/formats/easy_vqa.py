"""easy-VQA as its package carries it: triples of question, answer and image number."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.errors import DataError

NAME = "easy-vqa"
DESCRIPTION = 'train/questions.json and test/questions.json of ["question", "answer", 0], images/'

_FILES = {f"{split}/questions.json": split for split in ("train", "val", "test")}
_TRIPLE = re.compile(r'\s*\[\s*\[\s*"(?:[^"\\]|\\.)*"\s*,\s*"(?:[^"\\]|\\.)*"\s*,\s*\d+\s*\]')


def detect(source: Source) -> bool:
    """A questions.json whose first entry is such a triple."""
    return any(_TRIPLE.match(source.head(file)) for file in source.files if file in _FILES)


def read(source: Source) -> Reading:
    """Raises DataError where there is no such file."""
    files = tuple(file for file in _FILES if file in source.files)
    if not files:
        raise DataError(f"{source.root}: holds none of {', '.join(_FILES)}")

    def examples(findings: Findings) -> Iterator[Example]:
        for file in files:
            yield from _examples(source, file, findings)

    return Reading(files, examples)


def _examples(source: Source, file: str, findings: Findings) -> Iterator[Example]:
    split = _FILES[file]
    entries = source.json(file)
    if not isinstance(entries, list):
        raise DataError(f"{source.root / file}: must be a list, it is a {type(entries).__name__}")
    for number, entry in enumerate(entries):
        if not _is_triple(entry):
            findings.unusable(
                f'entry of {file} that is no ["question", "answer", 0]', f"entry {number}"
            )
            continue
        question, answer, image = entry
        yield Example(
            image=f"{split}/images/{image}.png",
            question=question,
            answers=(answer,),
            question_id=f"{split}-{number}",
            split=split,
        )


def _is_triple(entry: object) -> bool:
    return (
        isinstance(entry, list)
        and [type(value) for value in entry] == [str, str, int]
        and entry[2] >= 0
    )
