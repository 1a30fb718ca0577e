"""The questions of a split, as far as scoring needs them, and the answers to watch there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vqa_cli.data.example import Example
from vqa_cli.evaluation.classes import most_frequent_answers
from vqa_cli.evaluation.tasks import UNANSWERABLE

if TYPE_CHECKING:
    import pandas as pd

WATCHED = 20
"""The probabilities of so many of the most frequent answers are looked at."""

_SCORED_COLUMNS = (
    "image",
    "question",
    "answers",
    "question_id",
    "answer_kind",
    "answer_type",
    "question_type",
    "answerable",
    "choices",
    "group",
    "extra",
)


def examples_of(rows: pd.DataFrame) -> list[Example]:
    """The questions of a split's table (see `PreparedDataset.rows`), in its order."""
    # Column by column: a frame's own rows take several times as long.
    columns: dict[str, list[Any]] = {name: rows[name].tolist() for name in _SCORED_COLUMNS}
    columns["answers"] = [tuple(answers) for answers in columns["answers"]]
    columns["choices"] = [tuple(choices) if choices else None for choices in columns["choices"]]
    columns["extra"] = [json.loads(extra) if extra != "{}" else {} for extra in columns["extra"]]
    values = zip(*columns.values(), strict=True)
    return [Example(**dict(zip(columns, row, strict=True))) for row in values]


def watched_in(questions: Sequence[Example]) -> tuple[str, ...]:
    """The answers whose probabilities are kept for a split; "unanswerable" is always among them.

    A split without answers says of no question whether it can be answered, but a leaderboard
    may ask that.
    """
    watched = most_frequent_answers(questions, WATCHED)
    return watched if UNANSWERABLE in watched else (*watched, UNANSWERABLE)
