"""CLEVR: questions with the programs that answer them, of the release or freshly generated."""

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

NAME = "clevr"
DESCRIPTION = (
    'CLEVR_v1.0: questions/CLEVR_train_questions.json (val, test) of {"questions": '
    '[{"image_filename", "question", "answer", "program"}]}; images/train/ and so on'
)

# CoGenT has two conditions, A and B; one trains on A.
_VARIANT = re.compile(r"(train|val|test)([AB]?)")
_VARIANT_IN_NAME = re.compile(r"CLEVR_(train|val|test)([AB]?)_questions\.json")


def detect(source: Source) -> bool:
    """A JSON object with a list "questions" whose first has an image_filename and its number."""
    return bool(_files(source))


def read(source: Source) -> Reading:
    """Raises DataError where there is no such file, or several are of one split."""
    variants = {file: _variant(source, file) for file in _files(source)}
    if not variants:
        raise DataError(
            f"{source.root}: holds no questions of CLEVR; needed is CLEVR_train_questions.json or "
            'the like, with a list "questions" of {"image_filename", "question", "answer"}'
        )
    left = _other_condition(variants)
    files = one_for_each(
        source, {file: variant[0] or None for file, variant in variants.items() if file not in left}
    )

    def rows(findings: Findings) -> Iterator[Example]:
        if left:
            findings.note(
                f"not read: {', '.join(left)} (condition B of CoGenT); to evaluate on it, prepare "
                "it by itself"
            )
        for split, file in files.items():
            entries = json_stream.entries(source.root / file, "questions")
            yield from examples(file, entries, partial(_example, split), findings)

    names = dict.fromkeys("".join(variants[file]) for file in files.values())
    folders = (*(f"images/{name}" for name in names if name), "images", *filter(None, names), "")
    read_files = tuple(files.values())
    return Reading(read_files, rows, folders_around(read_files, *folders))


def _files(source: Source) -> list[str]:
    return [
        file
        for file in source.files
        if (peek := source.peek(file))
        and peek.list_has("questions", "image_filename", "question")
        and peek.lists["questions"].keys() & {"image_index", "question_index"}
    ]


def _variant(source: Source, file: str) -> tuple[str, str]:
    """The split that a file is of and its condition; "" where it says none of ours."""
    peek = source.peek(file)
    assert peek is not None  # it was looked at before
    info = peek.values.get("info")
    said = (
        peek.lists["questions"].get("split"),
        info.get("split") if isinstance(info, dict) else None,
    )
    found = [_VARIANT.fullmatch(name) for name in said if isinstance(name, str)]
    match = next(filter(None, found), _VARIANT_IN_NAME.fullmatch(PurePosixPath(file).name))
    return (match[1], match[2]) if match else ("", "")


def _other_condition(variants: dict[str, tuple[str, str]]) -> list[str]:
    """The files of condition B whose split is there in condition A too."""
    of_a = {split for split, condition in variants.values() if condition == "A"}
    return [
        file for file, (split, condition) in variants.items() if condition == "B" and split in of_a
    ]


def _example(split: str | None, entry: Entry) -> Example:
    return Example(
        image=text(entry, "image_filename"),
        question=text(entry, "question"),
        answers=_answers(entry),
        question_id=text(entry, "question_index"),
        split=split,
        question_type=_last_function(entry),
    )


def _answers(entry: Entry) -> tuple[str, ...]:
    """The release spells all answers as texts; the generator writes true, false and numbers."""
    answer = entry.get("answer")
    if isinstance(answer, bool):
        return ("yes" if answer else "no",)
    return (said,) if (said := text(entry, "answer")) else ()


def _last_function(entry: Entry) -> str | None:
    """What the program's last step does; `type` is the generator's word for `function`."""
    program = entry.get("program")
    if not program:
        return None
    last = program[-1] if isinstance(program, list) else None
    name = (last.get("function") or last.get("type")) if isinstance(last, dict) else None
    if not isinstance(name, str):
        raise RowError("program that is no list of functions", program)
    return name
