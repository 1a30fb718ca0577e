"""The user's own tables: csv, tsv, jsonl or parquet with image, question and answer columns."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any, cast

from vqa_cli.data import tables
from vqa_cli.data.example import SPLITS, AnswerKind, Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.formats import daquar_csv
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.errors import DataError

NAME = "generic"
DESCRIPTION = (
    "questions.csv (.tsv, .jsonl, .parquet), or train/val/test files, with the columns image, "
    "question and answer (or answers); images in the folder or in images/"
)

NEEDED = ("image", "question", "answer")
ALIASES: Mapping[str, tuple[str, ...]] = {
    "image": (
        *("image", "image_path", "image_file", "image_filename", "file_name", "filename"),
        *("image_name", "img_path", "img_name", "img", "picture", "image_id", "img_id"),
    ),
    "question": ("question", "query"),
    "answer": ("answers", "answer", "label"),
    "question_id": ("question_id", "questionid", "qid"),
    "question_type": ("question_type",),
    "answer_type": ("answer_type",),
    "answer_kind": ("answer_kind",),
    "choices": ("choices", "multiple_choices"),
    "group": ("group",),
    "split": ("split", "set"),
}
_SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_KINDS = ("annotators", "alternatives", "set")


class RowError(Exception):
    """A row cannot be used; `problem` is the kind."""

    def __init__(self, problem: str, value: object) -> None:
        super().__init__(f"{problem}: {value!r}")
        self.problem = problem
        self.value = value


def detect(source: Source) -> bool:
    """A table with an image and a question column, or a table where nothing else could be meant."""
    files = _tables(source)
    if any(_is_questions(source, file) for file in files):
        return True
    return bool(files) and len(files) == len(source.files)


def read(source: Source) -> Reading:
    """Raises DataError where columns are missing or where several tables could be meant."""
    files = _chosen(source)
    columns = {file: _columns_of(source, file, split) for file, split in files.items()}

    def examples(findings: Findings) -> Iterator[Example]:
        for file, split in files.items():
            yield from _examples(source, file, split, columns[file], findings)

    return Reading(tuple(files), examples)


def _tables(source: Source) -> list[str]:
    return [
        file
        for file in source.files
        if "/" not in file
        and file.lower().endswith(tables.SUFFIXES)
        and not daquar_csv.owns(source, file)
    ]


def _is_questions(source: Source, file: str) -> bool:
    try:
        names = tables.columns(source.root / file)
    except DataError:  # what cannot be read is complained about by the layout that needs it
        return False
    return {"image", "question"} <= _matched(names).keys()


def _chosen(source: Source) -> dict[str, str | None]:
    """The tables to read and the split that each is, by its name."""
    files = _tables(source)
    files = [file for file in files if _is_questions(source, file)] or files
    splits = {file: split_of(file) for file in files}
    if named := {file: split for file, split in splits.items() if split}:
        if len(set(named.values())) < len(named):
            raise DataError(_several(source, list(named)))
        return {
            file: split for wanted in SPLITS for file, split in named.items() if split == wanted
        }
    if len(files) > 1:
        files = [file for file in files if file.lower().startswith("questions.")] or files
    if len(files) != 1:
        raise DataError(_several(source, files))
    return {files[0]: None}


def _several(source: Source, files: list[str]) -> str:
    if not files:
        return f"{source.root}: holds no .csv, .tsv, .jsonl or .parquet file"
    return (
        f"{source.root}: several tables could be meant: {', '.join(files)}; name one of them "
        f"(vqa prepare {source.root / files[0]}), or call them train, val and test"
    )


def split_of(file: str) -> str | None:
    """The split that a file's name or a split column's value says: `my_train.csv` -> `train`."""
    words = re.split(r"[^a-z]+", file.rsplit(".", 1)[0].lower())
    found = {_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS}
    return found.pop() if len(found) == 1 else None


def _matched(names: Sequence[str]) -> dict[str, str]:
    """Which column of a table is meant by each of ours."""
    plain = {re.sub(r"[\s-]+", "_", name.strip().lower()): name for name in reversed(names)}
    matched: dict[str, str] = {}
    for ours, aliases in ALIASES.items():
        if found := next((plain[alias] for alias in aliases if alias in plain), None):
            matched[ours] = found
    return matched


def _columns_of(source: Source, file: str, split: str | None) -> dict[str, str]:
    names = tables.columns(source.root / file)
    matched = _matched(names)
    needed = NEEDED[:2] if split == "test" else NEEDED
    if missing := [name for name in needed if name not in matched]:
        hints = [hint for name in missing if (hint := _hint(name, names, set(matched.values())))]
        raise DataError(
            f"{source.root / file}: lacks the column{'s' if len(missing) > 1 else ''} "
            f"{', '.join(missing)}; needed are {', '.join(NEEDED)} (or answers), present are "
            f"{', '.join(names) or 'none'}{''.join(hints)}"
        )
    return matched


def _hint(missing: str, names: Sequence[str], taken: set[str]) -> str:
    free = [name for name in names if name not in taken]
    lowered = {name.lower(): name for name in free}
    for alias in ALIASES[missing]:
        if close := get_close_matches(alias, list(lowered), n=1, cutoff=0.7):
            return f"; is {lowered[close[0]]} the {missing}? Then rename it"
    return ""


def _examples(
    source: Source, file: str, split: str | None, columns: dict[str, str], findings: Findings
) -> Iterator[Example]:
    build = partial(_example, columns, frozenset(columns.values()), split)
    stem = file.rsplit(".", 1)[0]
    for number, row in tables.rows(source.root / file, findings):
        try:
            yield build(f"{stem}-{number}", row)
        except RowError as error:
            findings.unusable(error.problem, f"{error.value!r} ({file} row {number})")


def _example(
    columns: dict[str, str],
    taken: frozenset[str],
    split: str | None,
    default_id: str,
    row: Mapping[str, Any],
) -> Example:
    def value(name: str) -> Any:
        return row.get(columns[name]) if name in columns else None

    given = value("answer")
    # In a .jsonl some rows may have `answers` and others `answer`.
    answers, kind = _answers(row.get("answer") if given is None else given)
    kind = cast(AnswerKind, _one_of(_KINDS, value("answer_kind"), "answer_kind") or kind)
    if split is None and (said := text_of(value("split"), "split")):
        split = split_of(said)
        if split is None:
            raise RowError("row with an unknown split", said)
    choices = value("choices")
    return Example(
        image=text_of(value("image"), "image"),
        question=text_of(value("question"), "question"),
        answers=answers,
        question_id=text_of(value("question_id"), "question_id") or default_id,
        answer_kind=kind,
        split=split,
        question_type=text_of(value("question_type"), "question_type") or None,
        answer_type=text_of(value("answer_type"), "answer_type") or None,
        choices=tuple(_answers(choices)[0]) if choices else None,
        group=text_of(value("group"), "group") or None,
        extra={k: v for k, v in row.items() if k not in taken and v is not None and v != ""},
    )


def text_of(value: Any, what: str) -> str:
    """The text of a table's value; numbers as people write them, nothing as "".

    Raises RowError where it is neither.
    """
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise RowError(f"{what} that is no text", value if isinstance(value, bool) else type(value))


def _one_of(known: Sequence[str], value: Any, what: str) -> str | None:
    text = text_of(value, what)
    if text and text not in known:
        raise RowError(f"{what} that is none of {', '.join(known)}", text)
    return text or None


def _answers(value: Any) -> tuple[tuple[str, ...], AnswerKind]:
    """The answers of a cell: one text, or a list of texts or of {"answer": text} by annotators."""
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        value = _list_in(value)
    if not isinstance(value, list | tuple):
        value = [value]
    elif value and isinstance(value[0], dict):
        given = [item.get("answer") if isinstance(item, dict) else item for item in value]
        return tuple(text_of(item, "answer") for item in given), "annotators"
    texts = [text_of(item, "answer") for item in value]
    return tuple(text for text in texts if text and not text.isspace()), "alternatives"


def _list_in(text: str) -> Any:
    """The list that a csv cell spells, as JSON or as Python does; the text itself otherwise."""
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, list):
            return value
    return text
