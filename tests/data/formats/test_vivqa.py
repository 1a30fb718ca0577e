from pathlib import Path

import pytest

from tests.data.formats.reading import found_image, read
from tests.data.formats.vivqa_fixture import HEADER, vivqa, vivqa_alone
from tests.data.layouts import write_text
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError


def test_rows_become_examples_in_their_script(tmp_path: Path) -> None:
    vivqa(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="000000068857.jpg",
            question="màu của chiếc bình là gì",
            answers=("màu xanh lá",),
            question_id="train-0",
            split="train",
            question_type="color",
            extra={"language": "vi"},
        ),
        Example(
            image="000000557067.jpg",
            question="có bao nhiêu con ngựa, trong ảnh",
            answers=("hai",),
            question_id="train-1",
            split="train",
            question_type="number",
            extra={"language": "vi"},
        ),
        Example(
            image="000000557067.jpg",
            question="màu của miếng vá là gì",
            answers=("màu xanh dương",),
            question_id="test-0",
            split="test",
            question_type="color",
            extra={"language": "vi"},
        ),
    ]
    assert found_image(tmp_path, "000000068857.jpg") == "val2014/COCO_val2014_000000068857.jpg"
    assert found_image(tmp_path, "000000557067.jpg") == "train2014/COCO_train2014_000000557067.jpg"


def test_one_file_without_a_split_is_read(tmp_path: Path) -> None:
    vivqa_alone(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="000000000042.jpg",
            question="cái gì ở trên bàn",
            answers=("con mèo",),
            question_id="questions-1",
            question_type="object",
            extra={"language": "vi"},
        )
    ]
    assert found_image(tmp_path, "000000000042.jpg") == "images/000000000042.jpg"


def test_images_that_are_no_numbers_are_counted(tmp_path: Path) -> None:
    write_text(tmp_path / "train.csv", f"{HEADER}0,q,a,7,0\n1,q,a,a.jpg,0\n2,q,,8,9\n")
    examples, problems = read(tmp_path)
    assert [(example.answers, example.question_type) for example in examples] == [
        (("a",), "object"),
        ((), "9"),
    ]
    assert problems == ["img_id that is no COCO number: 1 row, e.g. 'a.jpg' (train.csv row 2)"]


def test_several_tables_are_an_error(tmp_path: Path) -> None:
    vivqa(tmp_path)
    write_text(tmp_path / "more/train.csv", f"{HEADER}0,q,a,7,0\n")
    with pytest.raises(DataError, match="several tables could be meant"):
        read(tmp_path)


def test_another_csv_is_an_error(tmp_path: Path) -> None:
    write_text(tmp_path / "train.csv", "question,answer,image\nq,a,a.jpg\n")
    with pytest.raises(DataError, match="holds no csv with the columns question, answer, img_id"):
        read(tmp_path, "vivqa")
