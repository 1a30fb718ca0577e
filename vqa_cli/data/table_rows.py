"""From a table's rows to examples, by the columns that the table has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from vqa_cli.data import tables
from vqa_cli.data.cells import RowError, answers_of, image_of, is_nan, text_of
from vqa_cli.data.columns import CONVERSATION, is_conversation, needed_columns
from vqa_cli.data.conversations import conversation_examples
from vqa_cli.data.example import AnswerKind, Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.split_names import split_of

_KINDS: Mapping[object, AnswerKind] = {kind: kind for kind in get_args(AnswerKind)}


class Table:
    """A table of questions: one file, or several that follow one another as one.

    files: absolute paths. name: what rows without an id are called after. split: the split of
    all rows; None where a column says it, or nothing.
    """

    def __init__(self, files: tuple[Path, ...], name: str, split: str | None) -> None:
        """Raises DataError where a needed column is missing."""
        self._files, self._name, self._split = files, name, split
        self._columns: dict[str, str] = {}
        names = tables.columns(files[0])
        self._conversation = is_conversation(names)
        if not self._conversation:
            for file in reversed(files):  # the first one's columns are those that are used
                self._columns = needed_columns(file, tables.columns(file), answered=split != "test")

    @cached_property
    def holds_images(self) -> bool:
        """Whether the first row holds its image, and does not name a file."""
        _, row = next(tables.rows(self._files[0], Findings()), (0, {}))
        given = row.get(CONVERSATION[0] if self._conversation else self._columns["image"])
        try:
            return image_of(given, "")[1] is not None
        except RowError:
            return False

    def examples(self, findings: Findings) -> Iterator[Example]:
        """Yield the rows; those that cannot be used go to the findings."""
        read = RowReader(self._columns, self._split)
        start = 0
        for file in self._files:
            number = 0
            for number, row in tables.rows(file, findings):
                question_id = f"{self._name}-{start + number}"
                try:
                    if self._conversation:
                        yield from conversation_examples(row, question_id, self._split, findings)
                        continue
                    example = read(row, question_id)
                except RowError as error:
                    findings.unusable(error.problem, f"{error.value!r} ({file.name} row {number})")
                    continue
                if example.answers == ("nan",):
                    findings.told(
                        "answer that is the text nan (an empty cell, written by a program?)",
                        f"{file.name} row {number}",
                    )
                yield example
            start += number


class RowReader:
    """Turns the row of a table with these columns (name by field) into an example."""

    def __init__(self, columns: Mapping[str, str], split: str | None) -> None:
        self._split = split
        self._taken = frozenset(columns.values())
        self._image = columns.get("image", "image")
        self._question = columns.get("question", "question")
        self._answer = columns.get("answer", "answer")
        self._by_people = self._answer == "direct_answers"  # A-OKVQA
        self._id = columns.get("question_id")
        self._question_type = columns.get("question_type")
        self._answer_type = columns.get("answer_type")
        self._group = columns.get("group")
        self._kind = columns.get("answer_kind")
        rarely = ("answerable", "choices", "correct_choice")
        self._rarely = {field: columns[field] for field in rarely if field in columns}
        self._split_column = columns.get("split") if split is None else None

    def __call__(self, row: Mapping[str, Any], default_id: str) -> Example:
        """Raises RowError where the row cannot be used."""
        get = row.get
        image, question, given = get(self._image), get(self._question), get(self._answer)
        content = None
        if type(image) is not str or image[:1] == "/":
            image, content = image_of(image, default_id)
        if type(question) is not str:
            question = text_of(question, "question")
        if given is None:
            given = get("answer")  # in a .jsonl some rows may have `answers`, others `answer`
        answers, kind = answers_of(given)
        if self._by_people:
            kind = "annotators"
        if self._kind is not None:
            kind = _kind_said(get(self._kind)) or kind
        split = self._split
        if self._split_column is not None:
            split = _split_said(get(self._split_column))
        if is_nan(given) and split != "test":
            raise RowError("answer that is NaN (an empty cell)", question)
        extra = {} if row.keys() <= self._taken else self._extra(row)
        if content is not None:
            extra = {k: v for k, v in extra.items() if not _holds_bytes(v)}
        example = Example(
            image=image,
            question=question,
            answers=answers,
            question_id=_text(row, self._id, "question_id") or default_id,
            answer_kind=kind,
            split=split,
            question_type=_text(row, self._question_type, "question_type"),
            answer_type=_text(row, self._answer_type, "answer_type"),
            group=_text(row, self._group, "group"),
            image_bytes=content,
            extra=extra,
        )
        return _with_rare_fields(example, row, self._rarely) if self._rarely else example

    def _extra(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """What no field takes, of the cells that are not empty."""
        return {
            k: v
            for k, v in row.items()
            if k not in self._taken and v is not None and v != "" and not is_nan(v)
        }


def _text(row: Mapping[str, Any], column: str | None, field: str) -> str | None:
    if column is None:
        return None
    value = row.get(column)
    return (value if type(value) is str else text_of(value, field)) or None


def _kind_said(value: Any) -> AnswerKind | None:
    said = value if type(value) is str else text_of(value, "answer_kind")
    if said and said not in _KINDS:
        raise RowError(f"answer_kind that is none of {', '.join(get_args(AnswerKind))}", said)
    return _KINDS.get(said)


def _split_said(value: Any) -> str | None:
    said = text_of(value, "split")
    if said and not (split := split_of(said)):
        raise RowError("row with an unknown split", said)
    return split if said else None


def _with_rare_fields(
    example: Example, row: Mapping[str, Any], columns: Mapping[str, str]
) -> Example:
    values = {field: row.get(column) for field, column in columns.items()}
    given = values.get("choices")
    choices = answers_of(given)[0] if given else None
    extra = example.extra
    if (correct := _correct_choice(values.get("correct_choice"), choices or ())) is not None:
        extra = {**extra, "correct_choice": correct}
    return replace(
        example,
        answerable=_yes_or_no(values.get("answerable")),
        choices=choices,
        extra=extra,
    )


def _correct_choice(value: Any, choices: tuple[str, ...]) -> int | None:
    """Which of the choices is right, given as a place from 0 or as the choice's text."""
    said = text_of(value, "correct_choice").strip()
    if not said:
        return None
    if said.isdecimal() and int(said) < len(choices):
        return int(said)
    if said in choices:
        return choices.index(said)
    raise RowError("correct_choice that is none of the choices", said)


def _yes_or_no(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    known = {"": None, "1": True, "true": True, "yes": True, "0": False, "false": False}
    said = text_of(value, "answerable").strip().lower()
    if said not in {*known, "no"}:
        raise RowError("answerable that is neither 0 nor 1", said)
    return known.get(said, False)


def _holds_bytes(value: Any) -> bool:
    """Whether a cell is an image besides the row's own."""
    if isinstance(value, dict):
        return any(map(_holds_bytes, value.values()))
    if isinstance(value, list):
        return any(map(_holds_bytes, value))
    return isinstance(value, bytes)
