"""Splits where the data brings none: by group, so that no image is on both sides."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vqa_cli.config import PrepareSettings
from vqa_cli.data.encoding import Places
from vqa_cli.data.example import SPLITS
from vqa_cli.data.findings import Findings
from vqa_cli.data.rows import NO_SPLIT, Mask, Rows
from vqa_cli.data.stratify import draw_groups
from vqa_cli.errors import SettingsError

TRAIN, VAL, TEST = (SPLITS.index(split) for split in SPLITS)
Codes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.signedinteger[Any]]


def assign_splits(
    rows: Rows,
    usable: Mask,
    content_of: Places,
    answer_of: Places,
    settings: PrepareSettings,
    findings: Findings,
) -> tuple[Codes, tuple[str, ...]]:
    """The split of each row (N,), as places in `SPLITS`, and the names of the splits made here.

    content_of (images): equal for images of equal content, which stay together. answer_of (N,):
    the answer of each row as a number, -1 for none; each split gets its share of every answer.

    Without any split in the source, train, val and test are made. With train but without val, val
    is carved from train, never from test. Which groups go where depends on their names, their
    answers and the seed, not on the order of the rows.

    Raises SettingsError where the shares leave nothing for train.
    """
    codes = rows.split_of
    present = set(codes[usable].tolist())
    shares = {VAL: settings.val_share}
    if NO_SPLIT in present and len(present) == 1:
        shares[TEST] = settings.test_share
        codes[:] = TRAIN
    elif VAL in present or TRAIN not in present:
        return codes, ()
    if sum(shares.values()) >= 1:
        raise SettingsError(
            f"--val-share {settings.val_share} and --test-share {settings.test_share} leave "
            "nothing for train; together they must stay below 1"
        )
    places = np.flatnonzero(usable & (codes == TRAIN))
    names, group_of = _groups(rows, places, content_of, settings)
    split_of = draw_groups(names, group_of, answer_of[places], shares, settings.split_seed)
    codes[places] = split_of[group_of]
    made = tuple(SPLITS[code] for code in sorted(shares) if (split_of == code).any())
    if settings.val_share and "val" not in made:
        findings.note("too few images for a val split; there is nothing to choose a model by")
    return codes, (*(("train",) if TEST in shares else ()), *made)


def _groups(
    rows: Rows, places: Integers, content_of: Places, settings: PrepareSettings
) -> tuple[list[str], Integers]:
    """The names of the groups of the rows at `places`, and the group of each.

    Groups that have an image of equal content in common are one, under the first of their names.
    """
    if settings.split_by == "question":
        return rows.texts("question_id", places), np.arange(len(places))
    names = rows.groups
    group_of, content = rows.group_of[places], content_of[rows.image_of[places]]
    joined = np.arange(len(names))
    pairs = np.unique(content * np.int64(len(names)) + group_of)
    contents, groups = np.divmod(pairs, max(len(names), 1))
    again = np.flatnonzero(contents[1:] == contents[:-1])
    for first, second in zip(groups[again], groups[again + 1], strict=True):
        a, b = _root(joined, first), _root(joined, second)
        kept, gone = (a, b) if names[a] < names[b] else (b, a)
        joined[gone] = kept
    roots = joined
    if len(again):  # else no group is another's, and a million are not gone through for nothing
        roots = np.array([_root(joined, group) for group in range(len(names))], dtype=np.int64)
    used, of = np.unique(roots[group_of], return_inverse=True)
    return [names[group] for group in used], of


def _root(joined: npt.NDArray[np.int64], group: int) -> int:
    while joined[group] != group:
        group = joined[group] = int(joined[joined[group]])
    return int(group)
