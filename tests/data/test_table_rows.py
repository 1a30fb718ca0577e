import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.formats.generic_fixture import embedded, write_parquet
from tests.data.layouts import write_text
from tests.drawing import image_bytes
from vqa_cli.data.cells import RowError
from vqa_cli.data.columns import ALIASES
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.table_rows import RowReader, Table
from vqa_cli.errors import DataError

COLUMNS = {field: field for field in ALIASES}
ROW = {"image": "a.png", "question": "q?", "answer": "x"}


def read(columns: dict[str, str] = COLUMNS, **cells: Any) -> Example:
    return RowReader(columns, None)({**ROW, **cells}, "row-1")


def test_a_row_becomes_an_example() -> None:
    assert read() == Example(image="a.png", question="q?", answers=("x",), question_id="row-1")


def test_the_split_of_the_table_is_stronger_than_a_column() -> None:
    row = {**ROW, "split": "test"}
    assert RowReader(COLUMNS, "train")(row, "row-1").split == "train"
    assert RowReader(COLUMNS, None)(row, "row-1").split == "test"


@pytest.mark.parametrize(
    ("said", "answerable"),
    [
        (1, True),
        (0, False),
        (True, True),
        ("False", False),
        ("no", False),
        ("", None),
        (None, None),
    ],
)
def test_answerable_is_said_in_many_ways(said: Any, answerable: bool | None) -> None:
    assert read(answerable=said).answerable is answerable


@pytest.mark.parametrize(("said", "place"), [(1, 1), ("0", 0), ("mug", 1), (None, None)])
def test_the_correct_choice_is_a_place_or_a_text(said: Any, place: int | None) -> None:
    example = read(choices=["cup", "mug"], correct_choice=said)
    assert example.choices == ("cup", "mug")
    assert example.extra == ({} if place is None else {"correct_choice": place})


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ({"correct_choice": 2, "choices": ["cup", "mug"]}, "correct_choice that is none of the"),
        ({"correct_choice": "jar", "choices": ["cup"]}, "correct_choice that is none of the"),
        ({"answerable": "perhaps"}, "answerable that is neither 0 nor 1"),
        ({"answer_kind": "all"}, "answer_kind that is none of annotators, alternatives, set"),
        ({"split": "somewhere"}, "row with an unknown split"),
        ({"answer": float("nan")}, "answer that is NaN"),
        ({"question": ["q?"]}, "question that is no text"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(cells: dict[str, Any], problem: str) -> None:
    with pytest.raises(RowError, match=problem):
        read(**cells)


def test_what_no_field_takes_is_kept_but_other_images() -> None:
    example = read(image=embedded("red"), mask=embedded("blue"), masks=[b"x"], source="us", no="")
    assert example.image_bytes == image_bytes("red")
    assert example.extra == {"source": "us"}


def test_parts_of_a_table_are_counted_on(tmp_path: Path) -> None:
    files = tuple(
        write_text(tmp_path / f"{part}.jsonl", f"{json.dumps(ROW)}\n" * 2) for part in "ab"
    )
    table = Table(files, "train", "train")
    assert not table.holds_images
    ids = [example.question_id for example in table.examples(Findings())]
    assert ids == ["train-1", "train-2", "train-3", "train-4"]


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        ({**ROW, "image": image_bytes()}, True),
        ({**ROW, "image": embedded("red", "a.png")}, True),
        ({**ROW, "image": {"bytes": None, "path": "a.png"}}, False),
        ({**ROW, "image": ["a.png", "b.png"]}, False),
        ({"images": [embedded("red")], "texts": []}, True),
        (ROW, False),
    ],
)
def test_whether_a_table_holds_images(row: dict[str, Any], holds: bool, tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", [row])
    assert Table((tmp_path / "a.parquet",), "a", None).holds_images is holds


def test_every_part_needs_the_columns(tmp_path: Path) -> None:
    good = write_text(tmp_path / "a.csv", "image,question,answer\n")
    bad = write_text(tmp_path / "b.csv", "image,question\n")
    with pytest.raises(DataError, match=r"b.csv: lacks the column answer"):
        Table((good, bad), "a", "train")


CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(("answer", "bytes", "path")), inner, max_size=2)
    ),
    max_leaves=3,
)


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from([*COLUMNS, "more"]), CELLS))
def test_any_row_is_read_or_refused(row: dict[str, Any]) -> None:
    try:
        example = RowReader(COLUMNS, None)(row, "row-1")
    except RowError:
        return
    texts = (example.image, example.question, example.question_id, *example.answers)
    assert all(type(text) is str for text in texts)
