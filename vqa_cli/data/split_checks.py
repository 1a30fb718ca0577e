"""What can be wrong between the splits: answers that train lacks, images on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from vqa_cli.data.answers import answer_key
from vqa_cli.data.example import SPLITS
from vqa_cli.data.findings import MAX_EXAMPLES, Findings
from vqa_cli.data.rows import NO_SPLIT, Mask, Rows
from vqa_cli.data.splits import TEST, TRAIN, Codes
from vqa_cli.errors import DataError


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


def count_answers(rows: Rows, chosen: Mask) -> Counter[str]:
    """How often the chosen (N,) rows give each answer; of a `set` the first one counts."""
    counts: Counter[str] = Counter()
    for _, _, codes, answers in _answers(rows, chosen):
        for answer, count in zip(answers, np.bincount(codes, minlength=len(answers)), strict=True):
            counts[answer] += int(count)
    return counts


def any_known(rows: Rows, chosen: Mask, known: Callable[[str], bool]) -> Mask:
    """For each chosen row, whether at least one of its answers is `known`."""
    found = [np.zeros(0, dtype=bool)]
    for size, row_of, codes, answers in _answers(rows, chosen):
        of_answer = np.fromiter((known(answer) for answer in answers), dtype=bool)
        of_row = np.zeros(size, dtype=bool)
        of_row[row_of[of_answer[codes]]] = True
        found.append(of_row)
    return np.concatenate(found)


def _answers(
    rows: Rows, chosen: Mask
) -> Iterator[tuple[int, npt.NDArray[np.intp], npt.NDArray[np.intp], list[str]]]:
    """Yield for each batch: rows, the row of each answer, its place in the last: the distinct ones.

    By whole columns, since a million rows have ten million answers.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for batch in rows.batches(chosen):
        lists: Any = batch.column("answers")
        row_of = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
        is_set = pc.equal(batch.column("answer_kind"), "set").to_numpy(zero_copy_only=False)
        first = np.diff(row_of, prepend=-1) > 0
        counted = first | ~is_set[row_of]
        coded = pc.list_flatten(lists).filter(pa.array(counted)).dictionary_encode()
        codes = coded.indices.to_numpy(zero_copy_only=False)
        yield batch.num_rows, row_of[counted], codes, coded.dictionary.to_pylist()


def check_splits(
    rows: Rows,
    usable: Mask,
    codes: Codes,
    made: tuple[str, ...],
    train_answers: Counter[str],
    findings: Findings,
) -> None:
    """Compare val and test with train.

    Raises DataError where a val or test that the source brings shares no answer with its train.
    """
    earlier = train = usable & (codes == TRAIN)
    if not train.any():
        findings.note("no train split: good for evaluation, not for finetune")
        return
    known = {answer_key(answer) for answer in train_answers}
    brought = set(known)
    for code, split in enumerate(SPLITS):
        chosen = usable & (codes == code)
        if code == TRAIN or not chosen.any():
            continue
        _check_images(rows, earlier, chosen, split, findings)
        earlier = earlier | chosen
        answered = chosen & rows.answered
        if split in made:  # until now it was a part of the source's train
            brought |= {answer_key(answer) for answer in count_answers(rows, chosen)}
        elif answered.any() and not any_known(rows, answered, _among(brought)).any():
            raise DataError(
                f"{split} shares no answer with train ({answered.sum():,} question(s), e.g. "
                f"{', '.join(_examples(rows, answered))}); are both of the same dataset and "
                "language?"
            )
        unseen = answered.copy()
        unseen[answered] = ~any_known(rows, answered, _among(known))
        if unseen.any():
            findings.told(
                f"{split} question whose answer train never gives",
                *_examples(rows, unseen),
                count=int(unseen.sum()),
            )


def _check_images(rows: Rows, earlier: Mask, chosen: Mask, split: str, findings: Findings) -> None:
    """Test is compared with val too: a val made here was carved from train."""
    image_of = rows.image_of
    shared = np.flatnonzero(chosen & np.isin(image_of, np.unique(image_of[earlier])))
    if len(shared):
        examples = rows.texts("image", shared[:MAX_EXAMPLES])
        findings.told(
            f"{split} question about an image of {'train' if split == 'val' else 'train or val'}",
            *examples,
            count=len(shared),
        )


def _among(keys: set[str]) -> Callable[[str], bool]:
    return lambda answer: answer_key(answer) in keys


def _examples(rows: Rows, chosen: Mask) -> list[str]:
    return rows.texts("question_id", np.flatnonzero(chosen)[:MAX_EXAMPLES])
