"""The questions of a split, as far as scoring needs them, and the answers to watch there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import repeat
from sys import intern
from typing import TYPE_CHECKING, Any

from vqa_cli.data.example import Example
from vqa_cli.evaluation.classes import most_frequent_answers
from vqa_cli.evaluation.tasks import UNANSWERABLE
from vqa_cli.memory import without_garbage_collection

if TYPE_CHECKING:
    import pandas as pd

WATCHED = 20
"""The probabilities of so many of the most frequent answers are looked at."""


@without_garbage_collection()
def examples_of(rows: pd.DataFrame) -> list[Example]:
    """The questions of a split's table (see `PreparedDataset.rows`), in its order."""

    def column(name: str) -> list[Any]:
        return rows[name].tolist()

    # Column by column, in the order of `Example`'s fields: a frame's own rows take several times
    # as long.
    nothing: Iterator[None] = repeat(None)
    return list(
        map(
            Example,
            column("image"),
            column("question"),
            # The same few answers again and again: kept once, they take a fifth less memory in all.
            (tuple(map(intern, answers)) for answers in column("answers")),
            column("question_id"),
            column("answer_kind"),
            nothing,  # the split
            column("question_type"),
            column("answer_type"),
            column("answerable"),
            (tuple(choices) if choices else None for choices in column("choices")),
            column("group"),
            nothing,  # the image's bytes
            nothing,  # a second image
            (json.loads(extra) if extra != "{}" else {} for extra in column("extra")),
        )
    )


def watched_in(questions: Sequence[Example]) -> tuple[str, ...]:
    """The answers whose probabilities are kept for a split; "unanswerable" is always among them.

    A split without answers says of no question whether it can be answered, but a leaderboard
    may ask that.
    """
    watched = most_frequent_answers(questions, WATCHED)
    return watched if UNANSWERABLE in watched else (*watched, UNANSWERABLE)
