"""One question about one image: the row that every dataset format is read into."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

AnswerKind = Literal["annotators", "alternatives", "set"]
"""`annotators`: several people answered the same question, as in VQA v2; `alternatives`: any of
the answers is right; `set`: all of them together are the answer, as DAQUAR's "table, chair"."""

SPLITS = ("train", "val", "test")


@dataclass
class Example:
    """One question about one image; never changed once it is made.

    Not frozen all the same: preparing makes millions, and a frozen one takes three times as long.

    image: path relative to the dataset's image root, with forward slashes.
    answers: as they were given; empty in a test split without answers.
    split: `train`, `val` or `test`; None where the dataset brings no splits.
    group: what must never be split apart; None means the image.
    image_bytes: the image itself, where a table holds it; `image` is then no more than a name.
    beside: a second image, which belongs to the right of the first.
    extra: what a format knows besides; JSON-serialisable.
    """

    image: str
    question: str
    answers: tuple[str, ...]
    question_id: str
    answer_kind: AnswerKind = "alternatives"
    split: str | None = None
    question_type: str | None = None
    answer_type: str | None = None
    answerable: bool | None = None
    choices: tuple[str, ...] | None = None
    group: str | None = None
    image_bytes: bytes | None = None
    beside: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
