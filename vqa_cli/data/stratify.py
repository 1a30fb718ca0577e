"""Drawing groups for splits so that each split gets its share of every answer.

A greedy form of the iterative stratification of Sechidis et al. 2011, "On the Stratification of
Multi-Label Data": groups with rare answers are placed first, each where its answers are wanted
most. Answers too rare to be in every split count as one answer: only so do val and test hold as
many answers that train lacks as new data would.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import mul

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.integer]


@dataclass(frozen=True)
class _Wants:
    """What each of G groups brings, as lists, since it is gone through group by group.

    The entries of group g are those from start[g] to start[g + 1]: `label` of the answer, its
    `count` in the group, and `weight`: that count as a share of all questions with the label.
    """

    start: list[int]
    label: list[int]
    count: list[int]
    weight: list[float]
    rarest: list[int]
    labels: int


def draw_groups(
    names: Sequence[str],
    group_of: Places,
    answer_of: Places,
    shares: Mapping[int, float],
    seed: int,
    *,
    stay: int = 0,
) -> npt.NDArray[np.uint8]:
    """Draw groups for each split of `shares`; the others get the split `stay`.

    names: of the G groups. group_of, answer_of (R,): the group of each question, and its answer
    as a number >= -1. shares: the share of the groups by split.

    Returns the split of each group (G,). A split of a share above 0 gets at least one group, as
    long as one is left for `stay`. The outcome depends on the names, the answers and the seed
    alone: on the order of groups or questions only where answers are numbered in that order.
    """
    split_of = np.full(len(names), stay, dtype=np.uint8)
    room = _room(len(names), shares)
    if not room:
        return split_of
    room[stay] = len(names) - sum(room.values())
    wants = _wants(len(names), group_of, answer_of, len(names) / min(room.values()))
    digests = [hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8] for name in names]
    hashes = np.frombuffer(b"".join(digests), dtype=">u8")
    order = np.lexsort((hashes, np.array(wants.rarest))).tolist()
    splits = sorted(room, key=lambda split: -room[split])
    places = _place(order, wants, [room[split] for split in splits])
    split_of[order] = np.array(splits, dtype=np.uint8)[places]
    return split_of


def _room(groups: int, shares: Mapping[int, float]) -> dict[int, int]:
    """How many groups each split gets."""
    left = groups - 1
    room: dict[int, int] = {}
    for split, share in shares.items():
        count = min(left, max(1, round(share * groups))) if share > 0 else 0
        if count > 0:
            room[split] = count
            left -= count
    return room


def _wants(groups: int, group_of: Places, answer_of: Places, least: float) -> _Wants:
    """Count the labels of each group: an answer, 1 for all that fewer than `least` have, or 0.

    Every question has the label 0 besides its own, so that questions are shared out evenly too.
    """
    of_answer = np.bincount(answer_of + 1)
    common = of_answer >= least
    label_of = np.where(common, np.cumsum(common) + 1, 1)[answer_of + 1]
    labels = int(common.sum()) + 2
    own = group_of.astype(np.int64) * labels
    pairs, counts = np.unique(np.concatenate([own, own + label_of]), return_counts=True)
    group, label = pairs // labels, pairs % labels
    totals = np.bincount(label, weights=counts, minlength=labels)
    rarest = np.full(groups, len(group_of), dtype=np.int64)
    np.minimum.at(rarest, group, totals[label].astype(np.int64))
    return _Wants(
        start=np.searchsorted(group, np.arange(groups + 1)).tolist(),
        label=label.tolist(),
        count=counts.tolist(),
        weight=(counts / totals[label]).tolist(),
        rarest=rarest.tolist(),
        labels=labels,
    )


def _place(order: Sequence[int], wants: _Wants, room: list[int]) -> list[int]:
    """The place in `room` that each group of `order` gets.

    That is where its answers fill the least part of what is meant for them, half of the group
    counted, which is Webster's method of apportionment: no place is favoured. Where all are as
    good, the first wins.
    """
    size = sum(room)
    shares = [count / size for count in room]
    has = [[0] * wants.labels for _ in room]
    chosen: list[int] = []
    for group in order:
        part = slice(wants.start[group], wants.start[group + 1])
        labels, counts, weights = wants.label[part], wants.count[part], wants.weight[part]
        half = sum(map(mul, weights, counts)) / 2
        best, least = -1, float("inf")
        for place, left in enumerate(room):
            if left:
                given = map(has[place].__getitem__, labels)
                full = (sum(map(mul, weights, given)) + half) / shares[place]
                if full < least:
                    best, least = place, full
        there = has[best]
        for label, count in zip(labels, counts, strict=True):
            there[label] += count
        room[best] -= 1
        chosen.append(best)
    return chosen
