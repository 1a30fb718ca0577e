import numpy as np
import pytest

from vqa_cli.data.answers import answer_key
from vqa_cli.data.example import SPLITS, Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.rows import Rows
from vqa_cli.data.split_checks import any_known, check_splits, count_answers, usable_rows
from vqa_cli.data.splits import TRAIN
from vqa_cli.errors import DataError

Row = tuple[str, str | None, tuple[str, ...]]


def rows_of(*rows: Row, kind: str = "alternatives") -> Rows:
    """Rows of (image, split, answers); their ids are their places."""
    table = Rows()
    for number, (image, split, answers) in enumerate(rows):
        example = Example(image, "q?", answers, str(number), kind, split)  # type: ignore[arg-type]
        table.add(example, image, str(number))
    return table


def told(rows: Rows, made: tuple[str, ...] = ()) -> list[str]:
    usable = np.ones(len(rows), dtype=bool)
    findings = Findings()
    counts = count_answers(rows, rows.split_of == TRAIN)
    check_splits(rows, usable, rows.split_of, made, counts, findings)
    return [str(finding) for finding in findings]


def test_answers_are_counted_over_all_batches_and_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vqa_cli.data.rows._BATCH", 2)
    rows = rows_of(*[("a.png", "train", ("red", "blue", "red"))] * 5, ("a.png", "test", ("no",)))
    assert count_answers(rows, rows.split_of == TRAIN) == {"red": 10, "blue": 5}


def test_of_a_set_the_first_answer_counts() -> None:
    rows = rows_of(("a.png", "train", ("table", "chair")), ("a.png", "train", ()), kind="set")
    everything = np.ones(2, dtype=bool)
    assert count_answers(rows, everything) == {"table": 1}
    assert any_known(rows, everything, {"chair"}.__contains__).tolist() == [False, False]
    assert any_known(rows, everything, {"table"}.__contains__).tolist() == [True, False]


def test_any_known_looks_at_every_answer_of_every_row() -> None:
    answers = [("x",), ("y", "x"), (), ("y", "z"), ("z", "z", "x")]
    rows = rows_of(*(("a.png", "train", each) for each in answers))
    hits = any_known(rows, np.array([True, True, True, True, False]), {"x"}.__contains__)
    assert hits.tolist() == [True, True, False, False]


def test_images_on_both_sides_are_told() -> None:
    rows = rows_of(
        ("a.png", "train", ("x",)),
        ("b.png", "val", ("x",)),
        ("a.png", "val", ("x",)),
        ("b.png", "test", ("x",)),
        ("a.png", "test", ("x",)),
        ("c.png", "test", ("x",)),
    )
    assert told(rows) == [
        "val question about an image of train: 1 row, e.g. a.png",
        "test question about an image of train or val: 2 rows, e.g. b.png, a.png",
    ]


def test_answers_that_train_never_gives_are_told_by_their_key() -> None:
    rows = rows_of(
        ("a.png", "train", ("Red",)),
        ("b.png", "test", ("red ",)),
        ("c.png", "test", ("blue",)),
        ("d.png", "test", ()),
    )
    assert told(rows) == ["test question whose answer train never gives: 1 row, e.g. 2"]
    assert answer_key("Red") == answer_key("red ")


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_split_that_shares_no_answer_with_train_is_an_error(split: str) -> None:
    rows = rows_of(("a.png", "train", ("red",)), ("b.png", split, ("rot",)))
    with pytest.raises(DataError, match=f"{split} shares no answer with train"):
        told(rows)
    assert told(rows, made=(split,)) != []  # ours to have split badly, so no error


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
