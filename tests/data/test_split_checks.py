import numpy as np
import pytest

from vqa_cli.data.answers import answer_key
from vqa_cli.data.example import SPLITS, Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.row_answers import RowAnswers
from vqa_cli.data.rows import Rows
from vqa_cli.data.split_checks import check_answers, usable_rows
from vqa_cli.data.splits import TRAIN

Row = tuple[str, str | None, tuple[str, ...]]


def rows_of(*rows: Row) -> Rows:
    """Rows of (image, split, answers); their ids are their places."""
    table = Rows()
    for number, (image, split, answers) in enumerate(rows):
        example = Example(image, "q?", answers, str(number), split=split)
        table.add(example, image)
    return table


def told(rows: Rows, made: tuple[str, ...] = ()) -> list[str]:
    """What is told; what stops comes first."""
    usable = np.ones(len(rows), dtype=bool)
    findings = Findings()
    stops = check_answers(rows, usable, rows.split_of, made, RowAnswers.of(rows), findings)
    return [*stops, *(str(finding) for finding in findings)]


def test_answers_that_train_never_gives_are_told_by_their_key() -> None:
    rows = rows_of(
        ("a.png", "train", ("Red",)),
        ("b.png", "test", ("red ",)),
        ("c.png", "test", ("blue",)),
        ("d.png", "test", ()),
    )
    assert told(rows) == ["test question whose answer train never gives: 1 of 2 rows, e.g. 2"]
    assert answer_key("Red") == answer_key("red ")


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_split_that_shares_no_answer_with_train_stops_it(split: str) -> None:
    foreign = [("b.png", split, ("rot",))] * 10
    rows = rows_of(("a.png", "train", ("red",)), *foreign)
    never = f"{split} question whose answer train never gives: 10 of 10 rows, e.g. 1, 2, 3, ..."
    stop, *others = told(rows)
    assert stop.startswith(f"{split} shares no answer with train (10 question(s), e.g. 1, 2, 3)")
    assert others == [never]
    assert len(told(rows_of(("a.png", "train", ("red",)), *foreign[1:]))) == 1
    assert told(rows, made=(split,)) == [never]  # ours to have split badly, so no error


def test_a_test_without_answers_is_fine() -> None:
    assert told(rows_of(("a.png", "train", ("red",)), ("b.png", "test", ()))) == []


def test_data_without_train_is_good_for_evaluation() -> None:
    assert told(rows_of(("a.png", "test", ("red",)))) == [
        "no train split: good for evaluation, not for finetune"
    ]


def test_unanswered_test_rows_and_rows_without_a_split_depend_on_the_others() -> None:
    findings = Findings()
    alone = rows_of(("a.png", "test", ()), ("b.png", "test", ()))
    assert usable_rows(alone, findings).all()
    assert usable_rows(rows_of(("a.png", None, ("x",))), findings).all()
    assert list(findings) == []
    mixed = rows_of(("a.png", "test", ()), ("b.png", "test", ("x",)), ("c.png", None, ("x",)))
    assert usable_rows(mixed, findings).tolist() == [False, True, False]
    assert [str(finding) for finding in findings] == [
        "answer that is empty: 1 row, e.g. 0",
        "row without a split, though others have one: 1 row, e.g. 2",
    ]
    assert SPLITS[TRAIN] == "train"
