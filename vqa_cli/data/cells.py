"""What a table's cells say: texts, answers in their many spellings, images."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from vqa_cli.data.example import AnswerKind

_PEOPLE = 10
_CACHED = re.compile(r".*/downloads/extracted/[0-9a-f]{16,}/")


class RowError(Exception):
    """A row cannot be used; `problem` is the kind."""

    def __init__(self, problem: str, value: object) -> None:
        super().__init__(f"{problem}: {value!r}")
        self.problem = problem
        self.value = value


def is_nan(value: Any) -> bool:
    """Whether a cell holds not-a-number, as tables write an empty one."""
    return isinstance(value, float) and math.isnan(value)


def text_of(value: Any, what: str) -> str:
    """The text of a cell; numbers as people write them, nothing as "".

    Raises RowError where it is neither.
    """
    if isinstance(value, str):
        return value
    if value is None or is_nan(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise RowError(f"{what} that is no text", value if isinstance(value, bool) else type(value))


def answers_of(value: Any) -> tuple[tuple[str, ...], AnswerKind]:
    """The answers of a cell.

    A cell is one text; a list of texts, or what a csv spells so; a list of {"answer": text} by
    annotators, also as {"answer": [text, ...]}, which is how datasets of Hugging Face keep it; or
    {"ids": [text, ...], "weights": [...]}, the soft scores that ViLT is trained on.
    Raises RowError where it is none of them.
    """
    if type(value) is list:
        try:
            if all(map(str.strip, value)):  # nearly always, and checked in C
                return tuple(value), "alternatives"
        except TypeError:  # not texts alone
            pass
    elif type(value) is str:
        if not (value[:1] == "[" and value[-1:] == "]"):
            return ((value,) if value and not value.isspace() else ()), "alternatives"
        value = list_in(value)
    if isinstance(value, dict):
        return _answers_of_mapping(value), "annotators"
    if not isinstance(value, list | tuple):
        value = (value,)
    elif value and isinstance(value[0], dict):
        given = [item.get("answer") if isinstance(item, dict) else item for item in value]
        return tuple([text_of(item, "answer") for item in given]), "annotators"
    texts = [item if type(item) is str else text_of(item, "answer") for item in value]
    return tuple([text for text in texts if text and not text.isspace()]), "alternatives"


def _answers_of_mapping(value: Mapping[str, Any]) -> tuple[str, ...]:
    if isinstance(answers := value.get("answer"), list):
        return tuple([text_of(item, "answer") for item in answers])
    ids, weights = value.get("ids"), value.get("weights")
    if not (isinstance(ids, list) and isinstance(weights, list) and len(ids) == len(weights)):
        raise RowError("answer that is no text", dict)
    if not all(isinstance(item, str) for item in ids):
        raise RowError("label with numbers for answers (give the answers' texts as ids)", ids)
    return _people_behind(ids, [_weight(weight) for weight in weights])


def _weight(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise RowError("label with a weight that is not from 0 to 1", value)
    return float(value)


def _people_behind(answers: Sequence[str], weights: Sequence[float]) -> tuple[str, ...]:
    """The answers of ten people that earn these soft scores by the official VQA accuracy.

    One of ten is worth 0.3, two 0.6, three 0.9, and more 1 (some files round three up to 1, and
    count thirds); whoever is left has said what is worth 1, or else something not in the file.
    """
    people = [4 if weight > 0.95 else min(math.ceil(weight * 3 - 0.1), 3) for weight in weights]
    left = max(_PEOPLE - sum(people), 0)
    if 4 in people:
        people[people.index(4)] += left
        left = 0
    said = [answer for answer, count in zip(answers, people, strict=True) for _ in range(count)]
    return (*said, *[""] * left) if said else ()


def list_in(text: str) -> Any:
    """The list that a csv cell spells, as JSON or as Python does; the text itself otherwise."""
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, list):
            return value
    return text


def image_of(value: Any, name: str) -> tuple[str, bytes | None]:
    """What a cell says of an image: its path, and its content where the cell holds it.

    A cell is a path; the content; or {"bytes": content, "path": path} with either of them, as
    datasets of Hugging Face keep it. `name` stands for the path where there is none.
    Raises RowError where it is none of them.
    """
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, bytes):
        return name, value
    if isinstance(value, dict) and value.keys() <= {"bytes", "path"}:
        path = text_of(value.get("path"), "image path")
        if isinstance(content := value.get("bytes"), bytes):
            return path or name, content
        return path, None
    if isinstance(value, list | tuple):
        raise RowError("row with several images, or none", f"{len(value)} images")
    return _CACHED.sub("", text_of(value, "image")), None
