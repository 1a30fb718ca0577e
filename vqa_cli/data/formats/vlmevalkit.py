"""VLMEvalKit's TSV files: the image in base64 in each row, or in another row that is named."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from vqa_cli.data import tables
from vqa_cli.data.cells import answers_of
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.data.split_names import split_of
from vqa_cli.errors import DataError

NAME = "vlmevalkit"
DESCRIPTION = (
    "one .tsv with index, image (base64, or the index of the row that has it), question and "
    "answer, and A, B, ... where answers are chosen"
)

_COLUMNS = ("index", "image", "question")
_KNOWN = {*_COLUMNS, "answer", "category", "split", *ascii_uppercase}
_REFERENCE = 64
"""Shorter values of `image` are the index of another row, as VLMEvalKit has it."""
_BASE64 = re.compile(r"[A-Za-z0-9+/]{64}")


def owns(source: Source, file: str) -> bool:
    """Whether `file` is such a table, by its columns and the first row's image."""
    if not file.lower().endswith(".tsv"):
        return False
    header, _, rest = source.head(file).partition("\n")
    names = [name.strip().strip('"') for name in header.split("\t")]
    return set(_COLUMNS) <= set(names) and _BASE64.search(rest) is not None


def detect(source: Source) -> bool:
    """At least one such table."""
    return any(owns(source, file) for file in source.files)


def read(source: Source) -> Reading:
    """Raises DataError where there is no such table, or a column is missing."""
    files = tuple(file for file in source.files if file.lower().endswith(".tsv"))
    if len(files) != 1:
        raise DataError(
            f"{source.root}: {'holds several .tsv files' if files else 'holds no .tsv file'}; name "
            "the one to read"
        )
    path = source.root / files[0]
    if missing := [name for name in _COLUMNS if name not in tables.columns(path)]:
        raise DataError(
            f"{path}: lacks the column {missing[0]}; needed are {', '.join(_COLUMNS)}, answer"
        )
    return Reading(files, lambda findings: _examples(path, findings), makes_images=True)


def _examples(path: Path, findings: Findings) -> Iterator[Example]:
    lent = _lent_images(path)
    for number, row in tables.rows(path, findings):
        where = f"{path.name} row {number}"
        value = row["image"].strip()
        image = row["index"] if len(value) > _REFERENCE else value
        if len(value) <= _REFERENCE and value not in lent:
            findings.unusable("image that is neither base64 nor another row's index", where)
        elif (content := _decoded(lent.get(value, value))) is None:
            findings.unusable("image that is no base64", where)
        else:
            yield _example(row, image, content, split_of(f"{path.stem}."))


def _lent_images(path: Path) -> dict[str, str]:
    """The images, in base64, of the rows that others name, by index."""
    wanted = {
        row["image"].strip()
        for _, row in tables.rows(path, Findings())
        if len(row["image"].strip()) <= _REFERENCE
    }
    if not wanted:
        return {}
    return {
        row["index"]: row["image"].strip()
        for _, row in tables.rows(path, Findings())
        if row["index"] in wanted and len(row["image"].strip()) > _REFERENCE
    }


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _example(row: Mapping[str, Any], image: str, content: bytes, split: str | None) -> Example:
    answer = row.get("answer", "")
    letters = [letter for letter in ascii_uppercase if row.get(letter)]
    choices = tuple(row[letter] for letter in letters)
    extra: dict[str, Any] = {k: v for k, v in row.items() if k not in _KNOWN and v}
    answers = answers_of(answer)[0]
    if answer in letters:
        extra["correct_choice"] = letters.index(answer)
        answers = (row[answer],)
    return Example(
        image=image,
        question=row["question"],
        answers=answers,
        question_id=row["index"],
        split=split_of(f"{row.get('split', '')}.") or split,
        question_type=row.get("category") or None,
        choices=choices or None,
        image_bytes=content,
        extra=extra,
    )
