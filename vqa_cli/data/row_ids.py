"""Question ids that are used once only within a split."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vqa_cli.data.encoding import encode
from vqa_cli.data.findings import MAX_EXAMPLES, Findings
from vqa_cli.data.rows import Rows


def make_ids_unique(rows: Rows, findings: Findings) -> None:
    """Add a number to each id that an earlier row of the same split has, and tell of it.

    By whole columns, so that a million ids are not kept as a million texts once more.
    """
    repeated = _repeated(rows)
    if not len(repeated):
        return
    used = rows.texts("question_id", repeated)
    problem = "question_id used before (a number was added)"
    findings.told(problem, *used[:MAX_EXAMPLES], count=len(repeated))
    splits = rows.split_of
    known = set(zip(splits.tolist(), rows.texts("question_id", np.arange(len(rows))), strict=True))
    renamed: dict[int, str] = {}
    for place, question_id in zip(repeated.tolist(), used, strict=True):
        split, number = int(splits[place]), 2
        while (split, f"{question_id}-{number}") in known:
            number += 1
        renamed[place] = f"{question_id}-{number}"
        known.add((split, renamed[place]))
    rows.rename(renamed)


def _repeated(rows: Rows) -> npt.NDArray[np.intp]:
    """The places of the rows whose split and id an earlier row has, ascending."""
    everything = np.ones(len(rows), dtype=bool)
    batches = rows.batches(everything, "question_id")
    id_of, ids = encode(batch.column("question_id") for batch in batches)
    first = np.zeros(len(rows), dtype=bool)
    keys = rows.split_of * np.int64(len(ids)) + id_of
    first[np.unique(keys, return_index=True)[1]] = True
    return np.flatnonzero(~first)
