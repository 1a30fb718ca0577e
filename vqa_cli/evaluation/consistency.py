"""Whether right answers go together: GQA's and NLVR2's consistency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vqa_cli.evaluation.predictions import Record

RIGHT = 1.0


def consistency(records: Sequence[Record]) -> dict[str, Any]:
    """Both kinds of consistency, those that the dataset defines; records: scored ones."""
    if not any(record.example.extra for record in records):
        return {}
    found = {"entailed": entailed(records), "groups": groups(records)}
    return {name: result for name, result in found.items() if result}


def entailed(records: Sequence[Record]) -> dict[str, Any]:
    """GQA's consistency: of what a right answer entails, how much is answered rightly too.

    As in its eval.py (Hudson and Manning 2019): for each question that is answered rightly, the
    share of right answers among the questions that it entails, itself left out; the mean of those
    shares. The evaluator wants all entailed questions, which only GQA's "all" files hold; here
    those count that are in the split, and `coverage` says what share of them is.

    {} where no rightly answered question entails one of the split.
    """
    right = {record.example.question_id: record.score == RIGHT for record in records}
    shares: list[float] = []
    wanted = present = 0
    for record in records:
        own = record.example.question_id
        implied = [name for name in record.example.extra.get("entailed") or () if name != own]
        if not implied or not right[own]:
            continue
        known = [right[name] for name in implied if name in right]
        wanted, present = wanted + len(implied), present + len(known)
        if known:
            shares.append(sum(known) / len(known))
    if not shares:
        return {}
    return {
        "questions": len(shares),
        "consistency": sum(shares) / len(shares),
        "coverage": present / wanted,
    }


def groups(records: Sequence[Record]) -> dict[str, Any]:
    """NLVR2's consistency: the share of sentences with a right answer for every pair of images.

    As in its eval/metrics.py (Suhr et al. 2019). {} where no question belongs to such a group.
    """
    all_right: dict[str, bool] = {}
    for record in records:
        group = record.example.extra.get("consistency_group")
        if group is not None:
            all_right[group] = all_right.get(group, True) and record.score == RIGHT
    if not all_right:
        return {}
    return {"groups": len(all_right), "consistency": sum(all_right.values()) / len(all_right)}
