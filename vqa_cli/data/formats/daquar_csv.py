"""DAQUAR as the widely used csv files: a random split by question, which shares images."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vqa_cli.data import tables
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.errors import DataError

NAME = "daquar-csv"
DESCRIPTION = "data_train.csv and data_eval.csv (read as test) with question, answer, image_id"

IMAGE_FOLDERS = ("images", "nyu_depth_images", "")
_SPLITS = {"data_train.csv": "train", "data_eval.csv": "test"}
_COLUMNS = ["question", "answer", "image_id"]
_HEADER = re.compile(r"question,answer,image_id\s*\n.*,image\d+\s*(\n|$)")


def owns(source: Source, file: str) -> bool:
    """Whether `file` is one of DAQUAR's csv files, by its name and its first rows."""
    return file in _SPLITS and _HEADER.match(source.head(file)) is not None


def detect(source: Source) -> bool:
    """At least one of the two files, with images that are called image1 and so on."""
    return any(owns(source, file) for file in source.files)


def read(source: Source) -> Reading:
    """Raises DataError where there is no such file or a column is missing."""
    files = tuple(file for file in _SPLITS if file in source.files)
    if not files:
        raise DataError(f"{source.root}: holds none of {', '.join(_SPLITS)}")
    for file in files:
        if missing := [c for c in _COLUMNS if c not in tables.columns(source.root / file)]:
            raise DataError(
                f"{source.root / file}: lacks the column {missing[0]}; "
                f"needed are {', '.join(_COLUMNS)}"
            )

    def examples(findings: Findings) -> Iterator[Example]:
        for file in files:
            for number, row in tables.rows(source.root / file, findings):
                yield Example(
                    image=row["image_id"],
                    question=row["question"],
                    answers=split_answers(row["answer"]),
                    answer_kind="set",
                    question_id=f"{file.removesuffix('.csv')}-{number}",
                    split=_SPLITS[file],
                )

    return Reading(files, examples, IMAGE_FOLDERS)


def split_answers(text: str) -> tuple[str, ...]:
    """The answers between the commas, in the order as written; underscores stay."""
    return tuple(part for answer in text.split(",") if (part := answer.strip()))
