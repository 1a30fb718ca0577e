"""Rows that ask the same about the same image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from vqa_cli.data.answers import answer_key
from vqa_cli.data.encoding import Places, encode
from vqa_cli.data.example import SPLITS
from vqa_cli.data.findings import Findings
from vqa_cli.data.rows import Mask, Rows

Pairs = npt.NDArray[np.int64]
_REPEATED = "row that stands there before (same image, question and answer)"
_CONFLICTING = "row that has another's image and question, but not its answer"


def asked_pairs(rows: Rows, content_of: Places) -> Pairs:
    """A number (N,) for each row, from 0 on: equal for the same question about the same image.

    content_of (images): equal for images of equal content.
    """
    batches = rows.batches(np.ones(len(rows), dtype=bool), "question")
    question_of, questions = encode(batch.column("question") for batch in batches)
    pairs = content_of[rows.image_of] * np.int64(len(questions)) + question_of
    numbers: Pairs = np.unique(pairs, return_inverse=True)[1]
    return numbers


def check_duplicates(
    rows: Rows, usable: Mask, codes: npt.NDArray[np.uint8], pairs: Pairs, findings: Findings
) -> None:
    """Tell rows that stand twice in a split, and those that differ in nothing but the answer.

    Several people's answers (`annotators`) may differ.
    """
    doubled = _doubled(usable, codes, pairs)
    contents = _contents(rows, doubled)
    for group in _groups(codes, pairs, doubled):
        first_of: dict[tuple[str, ...], str] = {}
        for place in group:
            question_id, kind, answers = contents[place]
            if (first := first_of.setdefault(answers, question_id)) != question_id:
                findings.told(_REPEATED, f"{question_id} = {first}")
        if len(first_of) > 1 and kind != "annotators":
            one, other, *_ = first_of.values()
            findings.told(_CONFLICTING, f"{one} and {other}", count=len(group))


def _doubled(usable: Mask, codes: npt.NDArray[np.uint8], pairs: Pairs) -> npt.NDArray[np.intp]:
    """The places of the usable rows that share split and pair with another, pairs together."""
    in_split = pairs * (len(SPLITS) + 1) + codes
    rows_of = np.bincount(in_split[usable], minlength=int(in_split.max()) + 1)
    places = np.flatnonzero(usable & (rows_of[in_split] > 1))
    return places[np.argsort(in_split[places], kind="stable")]


def _groups(
    codes: npt.NDArray[np.uint8], pairs: Pairs, doubled: npt.NDArray[np.intp]
) -> Iterator[list[int]]:
    """The rows of each pair, in the order in which the source has their first ones."""
    if not len(doubled):
        return
    new = (np.diff(pairs[doubled]) != 0) | (np.diff(codes[doubled].astype(np.int16)) != 0)
    groups = np.split(doubled, np.flatnonzero(new) + 1)
    for group in sorted(groups, key=lambda group: int(group[0])):
        yield group.tolist()


def _contents(
    rows: Rows, doubled: npt.NDArray[np.intp]
) -> dict[int, tuple[str, str, tuple[str, ...]]]:
    """The id, kind and compared answers of a few rows by their places."""
    chosen = np.zeros(len(rows), dtype=bool)
    chosen[doubled] = True
    places = iter(np.flatnonzero(chosen).tolist())
    contents: dict[int, tuple[str, str, tuple[str, ...]]] = {}
    names = ("question_id", "answer_kind", "answers")
    for batch in rows.batches(chosen, *names):
        columns: list[Any] = [batch.column(name).to_pylist() for name in names]
        for question_id, kind, answers in zip(*columns, strict=True):
            keys = tuple(sorted({answer_key(answer) for answer in answers}))
            contents[next(places)] = (question_id, kind, keys)
    return contents
