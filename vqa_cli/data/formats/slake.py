"""SLAKE: questions in English and Chinese about medical images, by split or beside each image."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from vqa_cli.data import json_stream
from vqa_cli.data.entries import Entry, answers, examples, folders_around, one_for_each, text
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.data.split_names import split_of
from vqa_cli.errors import DataError

NAME = "slake"
DESCRIPTION = (
    "train.json, validate.json and test.json, or imgs/xmlab1/question.json, a list of "
    '{"img_name", "question", "answer", "q_lang"}; imgs/xmlab1/source.jpg; see --language'
)

_OF_ONE_IMAGE = "question.json"
_NESTED_IMAGE = re.compile(r"xmlab\d+/\w+\.\w+")
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_FURTHER = ("location", "modality", "base_type")


def detect(source: Source) -> bool:
    """A JSON list whose first entry has img_name and q_lang, or questions of an xmlab image."""
    return bool(_files(source))


def read(source: Source) -> Reading:
    """Raises DataError where there is no such file, or a split is there twice.

    The lists beside the images are read where there is none of a split: they say no split.
    """
    files = _files(source)
    of_split: dict[str, str | None] = {
        file: split_of(PurePosixPath(file).name) for file in files if not _is_of_one_image(file)
    }
    if not files:
        raise DataError(
            f"{source.root}: holds no questions of SLAKE; needed is train.json, validate.json or "
            'test.json, a list of {"img_name", "question", "answer", "q_lang"}'
        )
    chosen = (
        [(file, split) for split, file in one_for_each(source, of_split).items()]
        if of_split
        else [(file, None) for file in files]
    )

    def rows(findings: Findings) -> Iterator[Example]:
        asked: Counter[str] = Counter()
        for file, split in chosen:
            entries = _flat(json_stream.entries(source.root / file))
            yield from examples(file, entries, partial(_example, findings, split, asked), findings)

    read_files = tuple(file for file, _ in chosen)
    return Reading(read_files, rows, _image_folders(read_files))


def _image_folders(files: tuple[str, ...]) -> tuple[str, ...]:
    """Where the images lie, which are named with their own folder: xmlab1/source.jpg."""
    if files == (_OF_ONE_IMAGE,):  # the source is the folder of one image
        return ("{name}",)
    beside = [str(PurePosixPath(file).parent) if _is_of_one_image(file) else file for file in files]
    return folders_around(beside, "imgs", "images", "")


def _files(source: Source) -> list[str]:
    return [file for file in source.files if _is_questions(source, file)]


def _is_questions(source: Source, file: str) -> bool:
    peek = source.peek(file)
    if peek is None or peek.kind != "list":
        return False
    if peek.has("img_name", "q_lang", "question"):
        return True
    if not peek.has("image_id", "questions"):
        return False
    image = peek.entry["image_id"]
    return isinstance(image, str) and _NESTED_IMAGE.fullmatch(image) is not None


def _is_of_one_image(file: str) -> bool:
    return PurePosixPath(file).name == _OF_ONE_IMAGE


def _flat(entries: Iterator[Any]) -> Iterator[Any]:
    """The questions one by one; some copies have them nested in their images."""
    for entry in entries:
        if isinstance(entry, dict) and isinstance(questions := entry.get("questions"), list):
            image = {"img_name": entry.get("image_id")}
            yield from ({**image, **q} if isinstance(q, dict) else q for q in questions)
        else:
            yield entry


def _example(findings: Findings, split: str | None, asked: Counter[str], entry: Entry) -> Example:
    image = text(entry, "img_name")
    asked[image] += 1
    question_id = text(entry, "qid") or f"{image.rsplit('/', 1)[0]}-{asked[image]}"
    known = {
        "language": text(entry, "q_lang").strip().lower() or _language_of(entry, findings),
        **{key: text(entry, key) for key in _FURTHER},
    }
    return Example(
        image=image,
        question=text(entry, "question"),
        answers=answers(entry),
        question_id=question_id,
        split=split,
        question_type=text(entry, "content_type") or None,
        answer_type=text(entry, "answer_type").strip().upper() or None,
        extra={key: value for key, value in known.items() if value},
    )


def _language_of(entry: Entry, findings: Findings) -> str:
    """SLAKE has two languages, told by their letters where a copy leaves out which it is."""
    question = text(entry, "question")
    findings.told("question without q_lang (its letters tell the language)", question)
    return "zh" if _CHINESE.search(question) else "en"
