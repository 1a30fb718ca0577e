"""Splits where the data brings none: by group, so that no image is on both sides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from vqa_cli.config import PrepareSettings
from vqa_cli.data.example import SPLITS
from vqa_cli.data.findings import Findings
from vqa_cli.data.rows import NO_SPLIT, Mask, Rows
from vqa_cli.errors import SettingsError

TRAIN, VAL, TEST = (SPLITS.index(split) for split in SPLITS)
Codes = npt.NDArray[np.uint8]


def assign_splits(
    rows: Rows, usable: Mask, settings: PrepareSettings, findings: Findings
) -> tuple[Codes, tuple[str, ...]]:
    """The split of each row (N,), as places in `SPLITS`, and the names of the splits made here.

    Without any split in the source train, val and test are made. With train but without val, val
    is carved from train, never from test. Which groups go where depends on their names and the
    seed alone, not on the order of the rows.

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
    group_of, groups = rows.group_of, rows.groups
    candidates = np.unique(group_of[usable & (codes == TRAIN)])
    moved = draw_groups([groups[place] for place in candidates], shares, settings.split_seed)
    split_of_group = np.full(len(groups), TRAIN, dtype=np.uint8)
    for place in candidates:
        split_of_group[place] = moved.get(groups[place], TRAIN)
    from_train = codes == TRAIN
    codes[from_train] = split_of_group[group_of[from_train]]
    made = tuple(SPLITS[code] for code in sorted(shares) if code in moved.values())
    if VAL not in moved.values():
        findings.note("too few images for a val split; there is nothing to choose a model by")
    return codes, (*(("train",) if TEST in shares else ()), *made)


def draw_groups(groups: Iterable[str], shares: dict[int, float], seed: int) -> dict[str, int]:
    """Draw groups for each split of `shares`: {group: split}; the groups left out stay in train.

    A split of a share above 0 gets at least one group, as long as one is left for train.
    """
    drawn = sorted(groups, key=lambda group: hashlib.sha256(f"{seed}:{group}".encode()).digest())
    left = len(drawn) - 1
    start = 0
    moved: dict[str, int] = {}
    for split, share in shares.items():
        count = min(left, max(1, round(share * len(drawn)))) if share > 0 else 0
        moved.update(dict.fromkeys(drawn[start : start + count], split))
        start += count
        left -= count
    return moved
