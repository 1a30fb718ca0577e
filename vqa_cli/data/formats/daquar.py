"""DAQUAR's raw text: question and answer on alternating lines, the image named in the question."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from vqa_cli.data.cells import RowError
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.formats.daquar_csv import IMAGE_FOLDERS, split_answers
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.errors import DataError

NAME = "daquar"
DESCRIPTION = (
    "qa.894.raw.train.txt and qa.894.raw.test.txt (or qa.37...), or all_qa_pairs.txt with "
    "train_images_list.txt and test_images_list.txt"
)

_ALL = "all_qa_pairs.txt"
_LISTS = {"train": "train_images_list.txt", "test": "test_images_list.txt"}
_RAW = re.compile(r"(?:.*/)?qa\.(894|37)\.raw\.(train|test)\.txt")
_IMAGE = re.compile(r"\s*(?:\b(?:in|on|of)\s+)?(?:\b(?:the|this)\s+)?\b(image\d+)\s*\?\s*$")

SplitOf = Callable[[str, str, Findings], str | None]
"""Given an image, where it is asked about, and the findings."""


def detect(source: Source) -> bool:
    """Such a file whose first question ends with the image that it is about."""
    return any(
        _IMAGE.search(source.head(file).lstrip().split("\n", 1)[0])
        for file in source.files
        if file == _ALL or _RAW.fullmatch(file)
    )


def read(source: Source) -> Reading:
    """Raises DataError where there is no such file, or both the full and the reduced set."""
    raw = {file: match for file in source.files if (match := _RAW.fullmatch(file))}
    if len({match[1] for match in raw.values()}) > 1:
        raise DataError(
            f"{source.root}: holds the full and the reduced DAQUAR ({', '.join(raw)}); "
            "put them into folders of their own"
        )
    if raw:
        return _reading(source, tuple(raw), {f: partial(_same, m[2]) for f, m in raw.items()})
    if _ALL not in source.files:
        raise DataError(f"{source.root}: holds neither {_ALL} nor qa.894.raw.train.txt")
    lists = {split: file for split, file in _LISTS.items() if file in source.files}
    return _reading(source, (_ALL, *lists.values()), {_ALL: _by_lists(source, lists)})


def _by_lists(source: Source, lists: dict[str, str]) -> SplitOf:
    """Which split an image is of, by the lists of images; without any list it is None."""
    named = {split: set(filter(None, source.lines(file))) for split, file in lists.items()}

    def split_of(image: str, where: str, findings: Findings) -> str | None:
        splits = [split for split, images in named.items() if image in images]
        if len(splits) > 1:
            problem = f"image in both {' and '.join(lists.values())} (taken as {splits[-1]})"
            findings.told(problem, image)
        elif not splits and named:
            raise RowError("image in no list of images", f"{image} ({where})")
        return splits[-1] if splits else None

    return split_of


def _same(split: str, *_: object) -> str:
    """The split of every image of a file that is of one split."""
    return split


def _reading(source: Source, files: tuple[str, ...], splits: dict[str, SplitOf]) -> Reading:
    def examples(findings: Findings) -> Iterator[Example]:
        for file, split_of in splits.items():
            yield from _examples(source, file, split_of, findings)

    return Reading(files, examples, IMAGE_FOLDERS)


def _examples(
    source: Source, file: str, split_of: SplitOf, findings: Findings
) -> Iterator[Example]:
    """The image's name is cut off the question: it tells a model nothing but which image it is."""
    name = file.rsplit("/", 1)[-1].removesuffix(".txt")
    pairs = _pairs([line for line in source.lines(file) if line])
    for number, (question, answer) in enumerate(pairs, start=1):
        where = f"question {number}"
        if not (match := _IMAGE.search(question)):
            problem = f"question of {file} that does not end with its image"
            findings.unusable(problem, f"{where}: {question!r}")
            continue
        if answer is None:
            findings.unusable(f"question of {file} without an answer", f"{where}: {question!r}")
            continue
        try:
            split = split_of(match[1], where, findings)
        except RowError as error:
            findings.unusable(error.problem, str(error.value))
            continue
        yield Example(
            image=match[1],
            question=question[: match.start()],
            answers=split_answers(answer),
            answer_kind="set",
            question_id=f"{name}-{number}",
            split=split,
        )


def _pairs(lines: list[str]) -> Iterator[tuple[str, str | None]]:
    """Question and answer; None where the next line is a question, too, or there is none."""
    place = 0
    while place < len(lines):
        answer = lines[place + 1] if place + 1 < len(lines) else None
        if answer is not None and _IMAGE.search(answer) and _IMAGE.search(lines[place]):
            answer = None
        yield lines[place], answer
        place += 1 if answer is None else 2
