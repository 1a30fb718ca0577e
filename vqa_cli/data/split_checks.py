"""What can be wrong with splits: rows without one, answers that train lacks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vqa_cli.data.example import SPLITS
from vqa_cli.data.findings import MAX_EXAMPLES, Findings
from vqa_cli.data.row_answers import RowAnswers
from vqa_cli.data.rows import NO_SPLIT, Mask, Rows
from vqa_cli.data.splits import TEST, TRAIN, Codes

_ENOUGH = 10
"""Of fewer questions it is no wonder that train gives none of their answers."""


def usable_rows(rows: Rows, findings: Findings) -> Mask:
    """Which rows (N,) can be used, seen beside the others.

    Test rows without an answer can where no test row has one; rows without a split can where
    none has one.
    """
    usable = np.ones(len(rows), dtype=bool)
    test = rows.split_of == TEST
    if (test & rows.answered).any():
        _drop(rows, usable, test & ~rows.answered, "answer that is empty", findings)
    unsplit = rows.split_of == NO_SPLIT
    if not unsplit.all():
        _drop(rows, usable, unsplit, "row without a split, though others have one", findings)
    return usable


def _drop(rows: Rows, usable: Mask, dropped: Mask, problem: str, findings: Findings) -> None:
    if not dropped.any():
        return
    findings.unusable(problem, *_examples(rows, dropped), count=int(dropped.sum()))
    usable &= ~dropped


def check_answers(
    rows: Rows,
    usable: Mask,
    codes: Codes,
    made: tuple[str, ...],
    answers: RowAnswers,
    findings: Findings,
) -> list[str]:
    """Tell of answers that train lacks: no model can be right on those questions.

    Returns what forbids to go on: a val or test that the source brings shares no answer with its
    train.
    """
    train = usable & (codes == TRAIN)
    if not train.any():
        findings.note("no train split: good for evaluation, not for finetune")
        return []
    strangers: list[str] = []
    known = answers.any_of(answers.keys_given(train))
    brought = train.copy()
    for split, chosen in later_splits(usable, codes):
        answered = chosen & rows.answered
        if split in made:  # until now it was a part of the source's train
            brought |= chosen
        elif (
            answered.sum() >= _ENOUGH
            and not answers.any_of(answers.keys_given(brought))[answered].any()
        ):
            strangers.append(
                f"{split} shares no answer with train ({answered.sum():,} question(s), e.g. "
                f"{', '.join(_examples(rows, answered))}); are both of the same dataset and "
                "language?"
            )
        unseen = answered & ~known
        if unseen.any():
            findings.told(
                f"{split} question whose answer train never gives",
                *_examples(rows, unseen),
                count=int(unseen.sum()),
                of=int(answered.sum()),
            )
    return strangers


def later_splits(usable: Mask, codes: Codes) -> Iterator[tuple[str, Mask]]:
    """Val and test, those that there are, with their rows."""
    for code, split in enumerate(SPLITS):
        chosen = usable & (codes == code)
        if code != TRAIN and chosen.any():
            yield split, chosen


def _examples(rows: Rows, chosen: Mask) -> list[str]:
    return rows.texts("question_id", np.flatnonzero(chosen)[:MAX_EXAMPLES])
