"""VQA-RAD: one list of questions about radiology images, or MEVF's trainset and testset."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from vqa_cli.data import json_stream
from vqa_cli.data.cells import RowError
from vqa_cli.data.entries import Entry, examples, folders_around, one_for_each, text
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.errors import DataError

NAME = "vqa-rad"
DESCRIPTION = (
    '"VQA_RAD Dataset Public.json", or trainset.json and testset.json, a list of {"qid", '
    '"phrase_type", "image_name", ...}; images in "VQA_RAD Image Folder/" or images/'
)

_IMAGE_FOLDERS = ("VQA_RAD Image Folder", "VQA_RAD_Image_Folder", "images", "")
_MEVF = re.compile(r"(train|val|test)set\.json")
_MISSING = "NULL"
_SPELLED = {"ATRIB": "ATTRIB"}
_OF_VQA_RAD = {"phrase_type", "image_organ", "qid_linked_id", "image_case_url"}


def detect(source: Source) -> bool:
    """A JSON list whose first entry has an image_name and other members of VQA-RAD alone."""
    return bool(_files(source))


def read(source: Source) -> Reading:
    """Raises DataError where there is no such file, or several that could be meant.

    The one list has a test split of its own, by its phrase types: the official one. It shares
    images with train.
    """
    files = _files(source)
    if not files:
        raise DataError(
            f'{source.root}: holds no questions of VQA-RAD; needed is "VQA_RAD Dataset Public.json"'
            ", or trainset.json and testset.json"
        )
    of_mevf = {file: split for file in files if (split := _split_of_file(file))}
    whole: dict[str, str | None] = {file: None for file in files if file not in of_mevf}
    chosen = one_for_each(source, whole or dict(of_mevf))

    def rows(findings: Findings) -> Iterator[Example]:
        if whole and of_mevf:
            findings.note(f"not read: {', '.join(of_mevf)} ({chosen[None]} holds all questions)")
        for split, file in chosen.items():
            entries = json_stream.entries(source.root / file)
            make = partial(_example, findings, split, _has_phrase_types(source, file))
            yield from examples(file, entries, make, findings)

    read_files = tuple(chosen.values())
    return Reading(read_files, rows, folders_around(read_files, *_IMAGE_FOLDERS))


def _files(source: Source) -> list[str]:
    return [
        file
        for file in source.files
        if (peek := source.peek(file))
        and peek.kind == "list"
        and peek.has("image_name", "question")
        and peek.entry.keys() & _OF_VQA_RAD
    ]


def _split_of_file(file: str) -> str | None:
    match = _MEVF.fullmatch(PurePosixPath(file).name)
    return match[1] if match else None


def _has_phrase_types(source: Source, file: str) -> bool:
    peek = source.peek(file)
    return peek is not None and peek.has("phrase_type")


def _example(
    findings: Findings, split: str | None, has_phrase_types: bool, entry: Entry
) -> Example:
    question_id = text(entry, "qid")
    phrase = _cleaned(entry, "phrase_type", findings)
    if split is None and has_phrase_types:
        split = _split_of_phrase(phrase)
    answer = _cleaned(entry, "answer", findings)
    if not isinstance(entry.get("answer"), str | None):
        findings.told("answer that is a number (read as text)", f"qid {question_id}: {answer}")
    known = {"phrase_type": phrase, "image_organ": _cleaned(entry, "image_organ", findings)}
    answer_type = _cleaned(entry, "answer_type", findings)
    return Example(
        image=_cleaned(entry, "image_name", findings) or "",
        question=_cleaned(entry, "question", findings) or "",
        answers=(answer,) if answer else (),
        question_id=question_id,
        split=split,
        question_type=_question_type(entry, findings),
        answer_type=answer_type and answer_type.upper(),
        extra={key: value for key, value in known.items() if value},
    )


def _split_of_phrase(phrase: str | None) -> str:
    if phrase is None:
        raise RowError("phrase_type that is missing (it says the split)", phrase)
    return "test" if phrase.startswith("test") else "train"


def _cleaned(entry: Entry, key: str, findings: Findings) -> str | None:
    """A value without outer blanks; what is missing is spelled NULL."""
    value = text(entry, key)
    cleaned = value.strip()
    if cleaned != value:
        findings.told("value with blanks around it (removed)", f"qid {entry.get('qid')}: {value!r}")
    return cleaned if cleaned and cleaned != _MISSING else None


def _question_type(entry: Entry, findings: Findings) -> str | None:
    """The types, several with a comma between them ("POS, PRES"), in the official spelling."""
    value = _cleaned(entry, "question_type", findings)
    if value is None:
        return None
    types = [part.strip().upper() for part in value.split(",")]
    spelled = ", ".join(_SPELLED.get(part, part) for part in types if part)
    if spelled.replace(" ", "") != value.replace(" ", ""):
        findings.told("question_type that is misspelt", f"{value} (read as {spelled})")
    return spelled
