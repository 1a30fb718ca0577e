"""ViVQA and csv files like it: questions in Vietnamese about COCO's images, named by number."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vqa_cli.data import tables
from vqa_cli.data.coco import folders_of_any_split, image_of_any_split
from vqa_cli.data.example import SPLITS, Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.data.split_names import split_of
from vqa_cli.errors import DataError

NAME = "vivqa"
DESCRIPTION = (
    "train.csv and test.csv with question, answer, img_id (a COCO number) and type; images in "
    "train2014/ and val2014/, train2017/, or images/"
)

_COLUMNS = ("question", "answer", "img_id", "type")
_HEADER = re.compile(r"((Unnamed: 0)?,)?question,answer,img_id,type\s*\n.*,\d+,[0-3]\s*(\n|$)")
_TYPES = ("object", "number", "color", "location")


def owns(source: Source, file: str) -> bool:
    """Whether `file` is such a table, by its header and its first row."""
    return file.lower().endswith(".csv") and _HEADER.match(source.head(file)) is not None


def detect(source: Source) -> bool:
    """At least one such table."""
    return any(owns(source, file) for file in source.files)


def read(source: Source) -> Reading:
    """Raises DataError where there is no such table, or two of one split."""
    files = [file for file in source.files if file.lower().endswith(".csv")]
    files = [file for file in files if set(_COLUMNS) <= set(tables.columns(source.root / file))]
    if not files:
        raise DataError(f"{source.root}: holds no csv with the columns {', '.join(_COLUMNS)}")
    splits = {file: split_of(file.rsplit("/", 1)[-1]) for file in files}
    if len(set(splits.values())) < len(files):
        raise DataError(
            f"{source.root}: several tables could be meant: {', '.join(files)}; call them "
            "train.csv, val.csv and test.csv, or name one of them"
        )
    files.sort(key=lambda file: SPLITS.index(splits[file] or SPLITS[0]))

    def examples(findings: Findings) -> Iterator[Example]:
        for file in files:
            yield from _examples(source, file, splits[file], findings)

    return Reading(tuple(files), examples, folders_of_any_split())


def _examples(
    source: Source, file: str, split: str | None, findings: Findings
) -> Iterator[Example]:
    stem = file.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    for number, row in tables.rows(source.root / file, findings):
        image, kind = row["img_id"].strip(), row["type"].strip()
        if not image.isdecimal():
            findings.unusable("img_id that is no COCO number", f"{image!r} ({file} row {number})")
            continue
        answer = row["answer"].strip()
        known = kind.isdecimal() and int(kind) < len(_TYPES)
        yield Example(
            image=image_of_any_split(int(image)),
            question=row["question"],
            answers=(answer,) if answer else (),
            question_id=f"{stem}-{row.get('') or number}",
            split=split,
            question_type=_TYPES[int(kind)] if known else kind or None,
            extra={"language": "vi"},
        )
