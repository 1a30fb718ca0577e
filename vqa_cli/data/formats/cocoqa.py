"""COCO-QA: four text files a split, aligned by their lines."""

from __future__ import annotations

from collections.abc import Iterator

from vqa_cli.data import coco
from vqa_cli.data.entries import one_for_each
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.data.split_names import split_of
from vqa_cli.errors import DataError

NAME = "cocoqa"
DESCRIPTION = (
    "train/ and test/ with questions.txt, answers.txt, img_ids.txt and types.txt, line by line; "
    "COCO's images in train2014/ and val2014/"
)

_QUESTIONS, _ANSWERS, _IMAGES, _TYPES = "questions.txt", "answers.txt", "img_ids.txt", "types.txt"
_NEEDED = (_QUESTIONS, _ANSWERS, _IMAGES)
_TYPE_NAMES = {"0": "object", "1": "number", "2": "color", "3": "location"}


def detect(source: Source) -> bool:
    """A folder with questions, answers and a list of numbers, those of COCO's images."""
    return any(_is_number(source.head(f"{folder}{_IMAGES}")) for folder in _folders(source))


def read(source: Source) -> Reading:
    """Raises DataError where a file is missing, or has another number of lines."""
    folders = _folders(source)
    if not folders:
        raise DataError(f"{source.root}: holds no folder with {', '.join(_NEEDED)} of COCO-QA")
    splits = {folder: split_of(_last_name(source, folder)) for folder in folders}
    chosen = one_for_each(source, splits)
    files = tuple(
        file
        for folder in chosen.values()
        for name in (*_NEEDED, _TYPES)
        if (file := f"{folder}{name}") in source.files
    )

    def rows(findings: Findings) -> Iterator[Example]:
        for split, folder in chosen.items():
            yield from _examples(source, folder, split, findings)

    return Reading(files, rows, coco.folders_of_any_split())


def _folders(source: Source) -> list[str]:
    """The folders with all files that are needed, each as "" or "train/"."""
    folders = [file.removesuffix(_IMAGES) for file in source.named(_IMAGES)]
    return [
        folder for folder in folders if all(f"{folder}{name}" in source.files for name in _NEEDED)
    ]


def _last_name(source: Source, folder: str) -> str:
    return folder.rstrip("/").rsplit("/", 1)[-1] or source.root.name


def _is_number(text: str) -> bool:
    first = text.lstrip().split("\n", 1)[0].strip()
    return first.isascii() and first.isdecimal()


def _examples(
    source: Source, folder: str, split: str | None, findings: Findings
) -> Iterator[Example]:
    questions, answers, images, types = _columns(source, folder)
    prefix = split or "question"
    for number, (question, answer, image, kind) in enumerate(
        zip(questions, answers, images, types, strict=True), start=1
    ):
        where = f"{folder} line {number}"
        if not _is_number(image):
            findings.unusable(
                f"line of {_IMAGES} that is no number of an image", f"{image!r} ({where})"
            )
            continue
        if kind and kind not in _TYPE_NAMES:
            findings.told(f"line of {_TYPES} that is none of 0 to 3", f"{kind!r} ({where})")
        yield Example(
            image=coco.image_of_any_split(int(image)),
            question=question,
            answers=(answer,) if answer else (),
            question_id=f"{prefix}-{number}",
            split=split,
            question_type=_TYPE_NAMES.get(kind),
        )


def _columns(source: Source, folder: str) -> list[list[str]]:
    """The lines of the four files; without a file of types those are empty.

    Raises DataError where they are not equally many: nothing says then which belong together.
    """
    columns = [_lines(source, f"{folder}{name}") for name in _NEEDED]
    types = f"{folder}{_TYPES}"
    columns.append(_lines(source, types) if types in source.files else [""] * len(columns[0]))
    if len({len(column) for column in columns}) > 1:
        counts = ", ".join(
            f"{name} {len(column):,}"
            for name, column in zip((*_NEEDED, _TYPES), columns, strict=True)
        )
        raise DataError(
            f"{source.root / folder}: the files must have equally many lines, which belong "
            f"together; they have: {counts}"
        )
    return columns


def _lines(source: Source, file: str) -> list[str]:
    lines = source.lines(file)
    while lines and not lines[-1]:
        lines.pop()
    return lines
