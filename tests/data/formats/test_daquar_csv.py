from pathlib import Path

import pytest

from tests.data.formats.reading import found_image, read
from tests.data.layouts import daquar_csv, write_text
from tests.drawing import write_csv
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError


def test_eval_is_test_and_commas_part_answers(tmp_path: Path) -> None:
    daquar_csv(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert [example.split for example in examples] == ["train", "train", "test"]
    assert examples[0] == Example(
        image="image1",
        question="what is on the table",
        answers=("table", "chair"),
        answer_kind="set",
        question_id="data_train-1",
        split="train",
    )
    assert found_image(tmp_path, "image1") == "images/image1.jpg"


def test_ones_own_csv_of_that_name_is_another_layout(tmp_path: Path) -> None:
    rows = [("what is red?", "lamp", "kitchen.jpg")]
    write_csv(tmp_path / "data_train.csv", ("question", "answer", "image_id"), rows)
    (example,) = read(tmp_path)[0]
    assert (example.image, example.answer_kind) == ("kitchen.jpg", "alternatives")


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    write_csv(tmp_path / "data_eval.csv", ("question", "image_id"), [("what is red", "image1")])
    with pytest.raises(DataError, match="lacks the column answer; needed are question, answer"):
        read(tmp_path, "daquar-csv")


def test_a_folder_without_the_files_is_an_error(tmp_path: Path) -> None:
    write_text(tmp_path / "other.csv", "a\n")
    with pytest.raises(DataError, match=r"holds none of data_train.csv"):
        read(tmp_path, "daquar-csv")
