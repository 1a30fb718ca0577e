import numpy as np
import pytest

from vqa_cli.data.duplicate_rows import asked_pairs, check_duplicates
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.rows import Rows

Row = tuple[str, str, tuple[str, ...]]
"""image, question, answers"""


def rows_of(*table: Row, kind: str = "alternatives", splits: str = "") -> Rows:
    rows = Rows()
    for number, (image, question, answers) in enumerate(table):
        split = {"t": "train", "v": "val"}[splits[number]] if splits else None
        example = Example(image, question, answers, str(number), kind, split)  # type: ignore[arg-type]
        rows.add(example, image)
    return rows


def told(rows: Rows, content_of: list[int] | None = None, unusable: int = -1) -> list[str]:
    contents = np.array(content_of or range(len(rows.images)), dtype=np.int32)
    findings = Findings()
    usable = np.arange(len(rows)) != unusable
    check_duplicates(rows, usable, rows.split_of, asked_pairs(rows, contents), findings)
    return [str(finding) for finding in findings]


SAME = "row that stands there before (same image, question and answer)"
OTHER = "row that has another's image and question, but not its answer"


def test_rows_that_stand_twice_and_those_that_disagree_are_told() -> None:
    rows = rows_of(
        ("a.png", "what?", ("red",)),
        ("b.png", "what?", ("red",)),
        ("a.png", "what?", (" RED",)),
        ("a.png", "where?", ("left",)),
        ("c.png", "what?", ("red",)),
        ("a.png", "where?", ("right",)),
        ("a.png", "what?", ("red",)),
    )
    assert told(rows) == [
        f"{SAME}: 2 rows, e.g. 2 = 0, 6 = 0",
        f"{OTHER}: 2 rows, e.g. 3 and 5, ...",
    ]


def test_a_pair_may_be_repeated_and_contradicted_at_once() -> None:
    rows = rows_of(*[("a.png", "what?", (answer,)) for answer in ("red", "red", "blue")])
    assert told(rows) == [f"{SAME}: 1 row, e.g. 1 = 0", f"{OTHER}: 3 rows, e.g. 0 and 2, ..."]


def test_the_order_of_several_answers_is_no_contradiction() -> None:
    rows = rows_of(("a.png", "what?", ("x", "y")), ("a.png", "what?", ("y", "x")))
    assert told(rows) == [f"{SAME}: 1 row, e.g. 1 = 0"]


def test_annotators_may_disagree() -> None:
    table = [("a.png", "what?", ("red",)), ("a.png", "what?", ("blue",))]
    assert told(rows_of(*table, kind="annotators")) == []
    assert told(rows_of(*table[:1] * 2, kind="annotators")) == [f"{SAME}: 1 row, e.g. 1 = 0"]


def test_images_of_equal_content_are_the_same_image() -> None:
    rows = rows_of(("a.png", "what?", ("x",)), ("copy.png", "what?", ("x",)))
    assert told(rows) == []
    assert told(rows, [0, 0]) == [f"{SAME}: 1 row, e.g. 1 = 0"]


def test_other_splits_and_rows_that_are_left_out_do_not_count() -> None:
    table = [("a.png", "what?", ("x",))] * 2
    assert told(rows_of(*table, splits="tv")) == []
    assert told(rows_of(*table, splits="tt")) != []
    assert told(rows_of(*table), unusable=1) == []


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_batches_make_no_difference(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vqa_cli.data.rows._BATCH", batch)
    table = [(f"{n % 3}.png", f"{n % 2}?", (f"{n % 4}",)) for n in range(24)]
    rows = rows_of(*table)
    pairs = asked_pairs(rows, np.arange(3, dtype=np.int32))
    assert len(set(pairs.tolist())) == 6
    assert told(rows) == [
        f"{SAME}: 12 rows, e.g. 12 = 0, 18 = 6, 13 = 1, ...",
        f"{OTHER}: 24 rows, e.g. 0 and 6, 1 and 7, 2 and 8, ...",
    ]
