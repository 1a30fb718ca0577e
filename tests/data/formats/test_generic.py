import csv
import io
import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.formats.reading import found_image, read
from tests.data.layouts import generic_splits, write_text
from tests.drawing import save_image, write_csv
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError

HEADER = "image,question,answer\n"


def read_csv(folder: Path, text: str) -> tuple[list[Example], list[str]]:
    write_text(folder / "questions.csv", text)
    return read(folder)


def read_jsonl(folder: Path, *rows: Any) -> tuple[list[Example], list[str]]:
    write_text(folder / "questions.jsonl", "\n".join(json.dumps(row) for row in rows))
    return read(folder)


def test_a_csv_row_becomes_an_example(tmp_path: Path) -> None:
    text = f'{HEADER}a.png,"what, then?",red\nb/c.jpg,"two\nlines","say ""hi"""\n'
    examples, problems = read_csv(tmp_path, text)
    assert problems == []
    assert examples == [
        Example(image="a.png", question="what, then?", answers=("red",), question_id="questions-1"),
        Example(
            image="b/c.jpg",
            question="two\nlines",
            answers=('say "hi"',),
            question_id="questions-2",
        ),
    ]


def test_bom_crlf_semicolons_and_blank_lines_are_read(tmp_path: Path) -> None:
    examples, problems = read_csv(
        tmp_path, "\ufeffimage;question;answer\r\na.png;wie viele?;3,5\r\n\r\n"
    )
    assert problems == []
    assert (examples[0].image, examples[0].answers) == ("a.png", ("3,5",))


def test_every_column_is_understood_by_its_usual_names(tmp_path: Path) -> None:
    row = {
        "File Name": "a.png",
        "Question": "what is it?",
        "label": "cup",
        "QID": 17,
        "question_type": "what",
        "answer_type": "other",
        "choices": ["cup", "mug"],
        "group": "kitchen",
        "set": "validation",
        "source": "us",
        "empty": None,
    }
    examples, problems = read_jsonl(tmp_path, row)
    assert problems == []
    assert examples == [
        Example(
            image="a.png",
            question="what is it?",
            answers=("cup",),
            question_id="17",
            split="val",
            question_type="what",
            answer_type="other",
            choices=("cup", "mug"),
            group="kitchen",
            extra={"source": "us"},
        )
    ]


@pytest.mark.parametrize(
    ("given_answers", "answers", "kind"),
    [
        ("red", ("red",), "alternatives"),
        (["red", "", "crimson"], ("red", "crimson"), "alternatives"),
        ([{"answer": "red"}, {"answer": ""}, {"answer": 2}], ("red", "", "2"), "annotators"),
        (3, ("3",), "alternatives"),
        (2.0, ("2",), "alternatives"),
        ([0.5], ("0.5",), "alternatives"),
        ('["red", "crimson"]', ("red", "crimson"), "alternatives"),
        ("['red', 'crimson']", ("red", "crimson"), "alternatives"),
        ("[sic]", ("[sic]",), "alternatives"),
        (None, (), "alternatives"),
        ("  ", (), "alternatives"),
    ],
)
def test_answers_come_in_many_forms(
    given_answers: Any, answers: tuple[str, ...], kind: str, tmp_path: Path
) -> None:
    (example,) = read_jsonl(
        tmp_path, {"image": "a.png", "question": "q?", "answers": given_answers}
    )[0]
    assert (example.answers, example.answer_kind) == (answers, kind)


def test_nan_is_no_answer(tmp_path: Path) -> None:
    row = {"image": "a.png", "question": "q?"}
    examples, problems = read_jsonl(
        tmp_path,
        {**row, "answer": math.nan},
        {**row, "answer": math.nan, "split": "test"},
        {**row, "answer": "nan"},
    )
    assert [(example.answers, example.split) for example in examples] == [
        ((), "test"),
        (("nan",), None),
    ]
    assert problems == [
        "answer that is NaN (an empty cell): 1 row, e.g. 'q?' (questions.jsonl row 1)",
        (
            "answer that is the text nan (an empty cell, written by a program?): 1 row, "
            "e.g. questions.jsonl row 3"
        ),
    ]


def test_answer_and_answers_may_alternate(tmp_path: Path) -> None:
    base = {"image": "a.png", "question": "q?"}
    examples, _ = read_jsonl(tmp_path, {**base, "answers": ["x", "y"]}, {**base, "answer": "x"})
    assert [example.answers for example in examples] == [("x", "y"), ("x",)]


def test_the_answer_kind_may_be_said(tmp_path: Path) -> None:
    row = {"image": "a.png", "question": "q?", "answers": ["x", "y"]}
    examples, problems = read_jsonl(
        tmp_path, {**row, "answer_kind": "set"}, {**row, "answer_kind": "some"}
    )
    assert [example.answer_kind for example in examples] == ["set"]
    assert problems == [
        (
            "answer_kind that is none of annotators, alternatives, set: 1 row, "
            "e.g. 'some' (questions.jsonl row 2)"
        )
    ]


def test_files_named_after_splits_are_the_splits(tmp_path: Path) -> None:
    generic_splits(tmp_path)
    write_csv(tmp_path / "notes.csv", ("a", "b"), [])
    examples, _ = read(tmp_path)
    assert [example.split for example in examples] == ["train", "val", "test"]
    assert found_image(tmp_path, examples[0].image) == "images/train.png"


def test_a_test_file_needs_no_answers(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", ("image", "question", "answer"), [("a.png", "q?", "x")])
    write_csv(tmp_path / "test.csv", ("image", "question"), [("b.png", "q?")])
    examples, problems = read(tmp_path)
    assert problems == []
    assert [example.answers for example in examples] == [("x",), ()]


def test_a_file_can_be_named_alone(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        write_text(tmp_path / name, f"{HEADER}{name}.png,q?,x\n")
    (example,) = read(tmp_path / "two.csv")[0]
    assert example.image == "two.csv.png"


@pytest.mark.parametrize("names", [("one.csv", "two.csv"), ("train.csv", "train.jsonl")])
def test_several_tables_are_an_error_that_says_what_to_do(
    names: tuple[str, str], tmp_path: Path
) -> None:
    for name in names:
        row = '{"image": "a.png", "question": "q?", "answer": "x"}\n'
        write_text(tmp_path / name, row if name.endswith("jsonl") else f"{HEADER}a.png,q?,x\n")
    with pytest.raises(DataError, match=f"several tables could be meant: {', '.join(names)}"):
        read(tmp_path)


def test_missing_columns_are_named_with_those_present_and_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_csv(tmp_path, "image,qestion,reply\na.png,q?,x\n")
    assert "lacks the columns question, answer; needed are image, question, answer" in str(
        caught.value
    )
    assert "present are image, qestion, reply; is qestion the question?" in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n", "just words\n"])
def test_a_csv_without_any_needed_column_is_an_error(text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lacks the columns image, question, answer"):
        read_csv(tmp_path, text)


def test_rows_of_a_wrong_width_and_unknown_splits_are_counted(tmp_path: Path) -> None:
    text = "image,question,answer,split\na.png,q?,x,train\na.png,q?,x\na.png,q?,x,somewhere\n"
    examples, problems = read_csv(tmp_path, text)
    assert len(examples) == 1
    assert problems == [
        (
            "row of questions.csv with another number of fields than its header: 1 row, "
            "e.g. row 2 has 3 instead of 4"
        ),
        "row with an unknown split: 1 row, e.g. 'somewhere' (questions.csv row 3)",
    ]


def test_lines_that_are_no_objects_are_counted(tmp_path: Path) -> None:
    lines = '{"image": "a.png", "question": "q?", "answer": "x"}\n[1]\n{"image": \n\n'
    write_text(tmp_path / "questions.jsonl", lines)
    examples, problems = read(tmp_path)
    assert len(examples) == 1
    assert len(problems) == 1
    assert problems[0].startswith(
        "line of questions.jsonl that is no JSON object: 2 rows, e.g. line 2 (list), "
        "line 3, column 12 (Expecting value)"
    )


def test_a_jsonl_without_any_row_is_an_error(tmp_path: Path) -> None:
    write_text(tmp_path / "questions.jsonl", "{'image': 'a.png'}\n")
    with pytest.raises(DataError, match="holds no row; line of questions"):
        read(tmp_path)


@pytest.mark.parametrize("value", [True, {"text": "red"}, [["red"]]])
def test_values_that_are_no_text_are_counted(value: Any, tmp_path: Path) -> None:
    good = {"image": "a.png", "question": "q?", "answer": "x"}
    examples, problems = read_jsonl(tmp_path, good, {**good, "answer": value})
    assert len(examples) == 1
    assert len(problems) == 1
    assert problems[0].startswith("answer that is no text: 1 row")


def test_other_encodings_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "questions.csv").write_bytes(HEADER.encode() + "a.png,größe?,x\n".encode("cp1252"))
    with pytest.raises(DataError, match=r"no UTF-8 text \(byte 0xf6 in line 2\); save it as UTF-8"):
        read(tmp_path)


def test_a_quote_left_open_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a quote left open"):
        read_csv(tmp_path, f'{HEADER}a.png,"{"x" * 16_000_001}')


def test_parquet_is_read_with_lists_and_numbers(tmp_path: Path) -> None:
    save_image(tmp_path / "7.png")
    table = {
        "image_id": [7, 7],
        "question": ["q?", "r?"],
        "answers": [["x", "y"], None],
        "split": ["train", "test"],
    }
    pq.write_table(pa.table(table), tmp_path / "rows.parquet")
    examples, problems = read(tmp_path)
    assert problems == []
    assert [(e.image, e.answers, e.split) for e in examples] == [
        ("7", ("x", "y"), "train"),
        ("7", (), "test"),
    ]
    assert found_image(tmp_path, "7") == "7.png"


def test_a_parquet_that_is_none_is_an_error(tmp_path: Path) -> None:
    write_text(tmp_path / "rows.parquet", "no parquet")
    with pytest.raises(DataError, match="no readable parquet file"):
        read(tmp_path)


def test_a_damaged_parquet_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    table = {name: [f"{name} {i}" for i in range(99)] for name in ("image", "question", "answer")}
    pq.write_table(pa.table(table), path, compression="none")
    data = bytearray(path.read_bytes())
    data[4:200] = b"\xff" * 196
    path.write_bytes(data)
    with pytest.raises(DataError, match="parquet file is damaged after row 0"):
        read(tmp_path)


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(st.lists(st.tuples(CELL, CELL, CELL.filter(lambda text: "[" not in text)), max_size=8))
def test_whatever_a_csv_holds_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    stream = io.StringIO(newline="")
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([("image", "question", "answer"), *rows])
    examples, problems = read_csv(folder, stream.getvalue())
    assert problems == []
    assert [(e.image, e.question, *e.answers) for e in examples] == [
        (image, question, *([answer] if answer.strip() else [])) for image, question, answer in rows
    ]


@given(st.binary(max_size=200))
def test_any_bytes_as_a_table_are_read_or_a_data_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    for name, start in (("a.csv", b"image,question,answer\n"), ("b.jsonl", b"{}\n")):
        (folder / name).write_bytes(start + data)
        with suppress(DataError):
            read(folder / name)
