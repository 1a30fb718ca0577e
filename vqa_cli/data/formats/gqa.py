"""GQA: objects of questions by their ids, also as a folder of the parts of train_all."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

from vqa_cli.data import json_stream
from vqa_cli.data.entries import Entry, answers, examples, folders_around, text, texts
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.errors import DataError

NAME = "gqa"
DESCRIPTION = (
    "train_balanced_questions.json (also val, testdev, test; _all_; the folder "
    'train_all_questions/) of {"id": {"question", "imageId", "answer"}}; images/2354786.jpg'
)

_NAME = re.compile(
    r"(train|val|testdev|test|challenge|submission)_(balanced|all)_questions(?:_(\d+))?\.json"
)
# Balanced is what people train on and report; of the tests testdev alone has answers.
_PREFERRED = {
    "train": ("train",),
    "val": ("val",),
    "test": ("testdev", "test", "challenge", "submission"),
}
_PARTS = 10


def detect(source: Source) -> bool:
    """A JSON object whose first member is a question with an imageId."""
    return bool(_files(source))


def read(source: Source) -> Reading:
    """Raises DataError where there is no such file, or more than one that could be meant."""
    files = _files(source)
    if not files:
        raise DataError(
            f"{source.root}: holds no questions of GQA; needed is train_balanced_questions.json "
            'or the like, an object of {"question", "imageId", "answer"} by question id'
        )
    chosen = _chosen(source, files)
    read_files = tuple(file for parts in chosen.values() for file in parts)

    def rows(findings: Findings) -> Iterator[Example]:
        if left := [file for file in files if file not in read_files]:
            findings.note(
                f"not read: {', '.join(left)} ({_names(read_files)} instead); to use one of them, "
                "prepare it by itself, or move the others elsewhere"
            )
        for split, parts in chosen.items():
            _note_missing_parts(parts, findings)
            make = partial(_example, split)
            for file in parts:
                entries = json_stream.members(source.root / file)
                yield from examples(file, _with_ids(entries), make, findings)

    return Reading(read_files, rows, folders_around(read_files, "images", ""))


def _files(source: Source) -> list[str]:
    return [file for file in source.files if _is_questions(source, file)]


def _is_questions(source: Source, file: str) -> bool:
    peek = source.peek(file)
    first = next(iter(peek.values.values()), None) if peek and peek.kind == "object" else None
    return isinstance(first, dict) and first.keys() >= {"question", "imageId"}


def _chosen(source: Source, files: list[str]) -> dict[str | None, list[str]]:
    """The files of each split; those of train_all may be several."""
    variants: defaultdict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for file in files:
        if match := _NAME.fullmatch(PurePosixPath(file).name):
            variants[match[1], match[2]].append((int(match[3] or 0), file))
    if not variants:
        if len(files) > 1:
            raise DataError(
                f"{source.root}: which split is each of {', '.join(files)}? Name them as the "
                "official files, e.g. train_balanced_questions.json"
            )
        return {None: files}
    chosen: dict[str | None, list[str]] = {}
    for split, names in _PREFERRED.items():
        found = [
            variants[name, size]
            for name in names
            for size in ("balanced", "all")
            if (name, size) in variants
        ]
        if found:
            chosen[split] = _parts(source, found[0])
    return chosen


def _parts(source: Source, numbered: list[tuple[int, str]]) -> list[str]:
    """The parts in their order. Raises DataError where one of them is there twice."""
    ordered = sorted(numbered)
    for (number, file), (following, other) in pairwise(ordered):
        if number == following:
            raise DataError(
                f"{source.root}: {file} and {other} are the same questions; put one elsewhere"
            )
    return [file for _, file in ordered]


def _note_missing_parts(files: list[str], findings: Findings) -> None:
    numbers = {
        int(match[3])
        for file in files
        if (match := _NAME.fullmatch(PurePosixPath(file).name)) and match[3]
    }
    missing = [str(number) for number in range(_PARTS) if number not in numbers]
    if len(numbers) > 1 and missing:
        findings.note(
            f"{PurePosixPath(files[0]).name} and so on: {len(numbers)} parts of {_PARTS}; missing "
            f"are those numbered {', '.join(missing)}"
        )


def _names(files: tuple[str, ...]) -> str:
    return ", ".join(PurePosixPath(file).name for file in files)


def _with_ids(members: Iterator[tuple[str, Any]]) -> Iterator[Any]:
    for question_id, entry in members:
        yield {**entry, "questionId": question_id} if isinstance(entry, dict) else entry


def _example(split: str | None, entry: Entry) -> Example:
    types = _types(entry)
    structural = types.get("structural")
    image = text(entry, "imageId")
    kept = {
        "types": types,
        "entailed": texts(entry, "entailed"),
        "equivalent": texts(entry, "equivalent"),
    }
    return Example(
        image=f"{image}.jpg" if image else "",
        question=text(entry, "question"),
        answers=answers(entry),
        question_id=entry["questionId"],
        split=split,
        question_type=structural,
        # As the official evaluation calls them: what is not queried is answered by yes or no, or
        # by one of two things.
        answer_type=structural and ("open" if structural == "query" else "binary"),
        extra={key: value for key, value in kept.items() if value},
    )


def _types(entry: Entry) -> dict[str, str]:
    """The question's types by their kind; the balanced test has none."""
    types = entry.get("types")
    if not isinstance(types, dict):
        return {}
    return {kind: value for kind, value in types.items() if isinstance(value, str) and value}
