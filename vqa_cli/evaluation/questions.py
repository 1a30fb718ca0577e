"""The questions of a split, as far as scoring needs them, and the answers to watch there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vqa_cli.data.example import Example
from vqa_cli.evaluation.ranking import UNANSWERABLE, watched_answers

if TYPE_CHECKING:
    import pandas as pd

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
    examples = []
    for row in rows[list(_SCORED_COLUMNS)].to_dict("records"):
        values: dict[str, Any] = {str(name): value for name, value in row.items()}
        values["answers"] = tuple(values["answers"])
        values["choices"] = tuple(values["choices"]) if values["choices"] else None
        values["extra"] = json.loads(values["extra"])
        examples.append(Example(**values))
    return examples


def watched_in(questions: Sequence[Example]) -> tuple[str, ...]:
    """The answers whose probabilities are kept for a split; "unanswerable" is always among them.

    A split without answers says of no question whether it can be answered, but a leaderboard
    may ask that.
    """
    watched = watched_answers(questions)
    return watched if UNANSWERABLE in watched else (*watched, UNANSWERABLE)
