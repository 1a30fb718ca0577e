"""The answers of all rows as numbers, so that a million rows are counted in a moment."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from vqa_cli.data.answers import answer_key
from vqa_cli.data.encoding import Places, encode
from vqa_cli.data.rows import Mask, Rows

_ROWS = 1 << 16


class RowAnswers:
    """The M answers of N rows that count; of a `set` that is the first one alone.

    row_of (M,): whose answer each is, ascending. text_of (M,): which of `texts` it is.
    key_of (texts): which of `keys` each text is; `answer_key` makes texts equal. The keys are in
    the order of the alphabet, so that their numbers do not depend on the order of the rows.
    """

    def __init__(self, rows: int, row_of: Places, text_of: Places, texts: list[str]) -> None:
        self.rows = rows
        self.row_of = row_of
        self.text_of = text_of
        self.texts = texts
        keys = [answer_key(text) for text in texts]
        self.keys = sorted(set(keys))
        places = {key: place for place, key in enumerate(self.keys)}
        self.key_of: Places = np.array([places[key] for key in keys], dtype=np.int32)

    @classmethod
    def of(cls, rows: Rows) -> Self:
        """Read the answers of all rows, by whole columns."""
        owners, parts = array("i"), []
        start = 0
        for batch in rows.batches(np.ones(len(rows), dtype=bool), "answers", "answer_kind"):
            row_of, answers = _counted(batch)
            owners.frombytes((row_of + start).astype(np.int32).tobytes())
            parts.append(answers)
            start += batch.num_rows
        text_of, texts = encode(parts)
        return cls(len(rows), np.frombuffer(owners, dtype=np.int32), text_of, texts.to_pylist())

    def counts(self, chosen: Mask) -> Counter[str]:
        """How often the chosen (N,) rows give each answer, as it is spelt."""
        given = np.bincount(self.text_of[chosen[self.row_of]], minlength=len(self.texts))
        pairs = zip(self.texts, given.tolist(), strict=True)
        return Counter({text: count for text, count in pairs if count})

    def any_of(self, keys: Mask) -> Mask:
        """For each row (N,), whether at least one of its answers is among the `keys` (K,)."""
        found = np.zeros(self.rows, dtype=bool)
        found[self.row_of[keys[self.key_of][self.text_of]]] = True
        return found

    def keys_that(self, known: Callable[[str], bool]) -> Mask:
        """The mask (K,) of the keys that are `known`."""
        return np.fromiter((known(key) for key in self.keys), dtype=bool, count=len(self.keys))

    def keys_given(self, chosen: Mask) -> Mask:
        """The mask (K,) of the keys that the chosen (N,) rows give; never that of no answer."""
        given = np.zeros(len(self.keys), dtype=bool)
        given[self.key_of[self.text_of[chosen[self.row_of]]]] = True
        return given & self.keys_that(bool)

    def main(self) -> Places:
        """The answer that most of a row's people gave: for each row (N,) a place in `keys`, or -1.

        The first in the alphabet among equals.
        """
        main = np.full(self.rows, -1, dtype=np.int32)
        starts = _starts(self.row_of)
        for first in range(0, len(starts), _ROWS):
            # In blocks, since sorting ten million numbers needs room for as many more.
            last = first + _ROWS
            end = starts[last] if last < len(starts) else len(self.row_of)
            block = slice(starts[first], end)
            rows, keys = _most_frequent(self.row_of[block], self.key_of[self.text_of[block]])
            main[rows] = keys
        return main


def _starts(row_of: Places) -> npt.NDArray[np.int64]:
    """Where the answers of each row begin, without a copy of all."""
    return np.append(
        np.zeros(min(len(row_of), 1), int), np.flatnonzero(row_of[1:] != row_of[:-1]) + 1
    )


def _most_frequent(row_of: Places, key_of: Places) -> tuple[Places, Places]:
    """The rows of some answers, ascending, and the key that each gives most often."""
    width = int(key_of.max()) + 1
    pairs = row_of.astype(np.int64) * width + key_of
    pairs.sort()
    new = np.flatnonzero(np.diff(pairs, prepend=-1))
    votes = np.diff(new, append=len(pairs))
    rows, keys = pairs[new] // width, pairs[new] % width
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    best = np.maximum.reduceat(votes, starts)
    winners = np.flatnonzero(votes == np.repeat(best, np.diff(starts, append=len(rows))))
    first = winners[np.flatnonzero(np.diff(rows[winners], prepend=-1))]
    return rows[first].astype(np.int32), keys[first].astype(np.int32)


def _counted(batch: Any) -> tuple[npt.NDArray[np.int64], Any]:
    """The row within the batch of each answer that counts, and the answers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lists = batch.column("answers")
    row_of = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    answers = pc.list_flatten(lists)
    is_set = pc.equal(batch.column("answer_kind"), "set").to_numpy(zero_copy_only=False)
    if not is_set.any():
        return row_of, answers
    counted = (np.diff(row_of, prepend=-1) > 0) | ~is_set[row_of]
    return row_of[counted], answers.filter(pa.array(counted))
