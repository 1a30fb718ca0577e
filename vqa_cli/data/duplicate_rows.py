"""Rows that ask the same about the same image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from vqa_cli.data.answers import answer_key
from vqa_cli.data.encoding import Places, encode
from vqa_cli.data.findings import MAX_EXAMPLES, Findings
from vqa_cli.data.rows import Mask, Rows

Pairs = npt.NDArray[np.int64]


def asked_pairs(rows: Rows, content_of: Places) -> Pairs:
    """A number (N,) for each row that is equal for the same question about the same image.

    content_of (images): equal for images of equal content. Upper and lower case and outer spaces
    make no difference between questions.
    """
    import pyarrow.compute as pc

    texts = [
        pc.utf8_lower(pc.utf8_trim_whitespace(batch.column("question")))
        for batch in rows.batches(np.ones(len(rows), dtype=bool))
    ]
    question_of, questions = encode(texts)
    return content_of[rows.image_of] * np.int64(len(questions)) + question_of


def check_duplicates(
    rows: Rows, usable: Mask, codes: npt.NDArray[np.uint8], pairs: Pairs, findings: Findings
) -> None:
    """Tell rows that stand twice in a split, and those that differ in nothing but the answer.

    Several people's answers (`annotators`) may differ.
    """
    doubled = _doubled(usable, codes, pairs)
    repeated, conflicting = [], []
    contents = _contents(rows, doubled)
    for group in _groups(codes, pairs, doubled):
        ids, kinds, answers = zip(*(contents[place] for place in group), strict=True)
        different = len(set(answers)) > 1
        if different and "annotators" not in kinds:
            conflicting.append((f"{ids[0]} and {ids[1]}", len(group)))
        superfluous = len(group) - len(set(answers))
        if superfluous:
            repeated.append((ids[-1], superfluous))
    for problem, found in (
        ("row that stands there before (same image, question and answer)", repeated),
        ("row that has another's image and question, but not its answer", conflicting),
    ):
        if found:
            examples = [example for example, _ in found[:MAX_EXAMPLES]]
            findings.told(problem, *examples, count=sum(count for _, count in found))


def _doubled(usable: Mask, codes: npt.NDArray[np.uint8], pairs: Pairs) -> npt.NDArray[np.intp]:
    """The places of the usable rows that share split and pair with another, pairs together."""
    places = np.flatnonzero(usable)
    order = places[np.lexsort((places, pairs[places], codes[places]))]
    same = (pairs[order[1:]] == pairs[order[:-1]]) & (codes[order[1:]] == codes[order[:-1]])
    with_another = np.zeros(len(order), dtype=bool)
    with_another[1:] |= same
    with_another[:-1] |= same
    return order[with_another]


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
    for batch in rows.batches(chosen):
        columns: list[Any] = [
            batch.column(name).to_pylist() for name in ("question_id", "answer_kind", "answers")
        ]
        for question_id, kind, answers in zip(*columns, strict=True):
            keys = tuple(sorted({answer_key(answer) for answer in answers}))
            contents[next(places)] = (question_id, kind, keys)
    return contents
