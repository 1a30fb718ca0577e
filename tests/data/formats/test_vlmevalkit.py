from pathlib import Path

import pytest

from tests.data.formats.reading import read
from tests.data.formats.vlmevalkit_fixture import encoded, vlmevalkit, vlmevalkit_choices
from tests.data.layouts import write_text
from tests.drawing import image_bytes
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError


def test_rows_have_their_image_or_name_the_row_that_has_it(tmp_path: Path) -> None:
    vlmevalkit(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="0",
            question="What color is it?",
            answers=("red",),
            question_id="0",
            split="val",
            question_type="color",
            image_bytes=image_bytes("red"),
        ),
        Example(
            image="0",
            question="Is it round?",
            answers=("yes", "yep"),
            question_id="1",
            split="val",
            question_type="shape",
            image_bytes=image_bytes("red"),
        ),
        Example(
            image="2",
            question='Is it "blue", or not?',
            answers=("yes",),
            question_id="2",
            split="test",
            question_type="color",
            image_bytes=image_bytes("blue"),
        ),
    ]


def test_a_letter_means_the_choice_in_its_column(tmp_path: Path) -> None:
    vlmevalkit_choices(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="7",
            question="What color is it?",
            answers=("red",),
            question_id="7",
            choices=("blue", "red"),
            image_bytes=image_bytes("red"),
            extra={"correct_choice": 1},
        ),
        Example(
            image="7",
            question="What color is it?",
            answers=("red",),
            question_id="1000007",
            choices=("red", "blue", "green"),
            image_bytes=image_bytes("red"),
            extra={"hint": "look", "correct_choice": 0},
        ),
    ]


def test_images_that_are_none_are_counted(tmp_path: Path) -> None:
    rows = [f"0\t{encoded('red')}\tq?\ta", "1\t5\tq?\ta", f"2\t{'?' * 80}\tq?\ta", "3\t\tq?\ta"]
    write_text(tmp_path / "a.tsv", "index\timage\tquestion\tanswer\n" + "\n".join(rows))
    examples, problems = read(tmp_path)
    assert [example.question_id for example in examples] == ["0"]
    assert problems == [
        (
            "image that is neither base64 nor another row's index: 2 rows, "
            "e.g. a.tsv row 2, a.tsv row 4"
        ),
        "image that is no base64: 1 row, e.g. a.tsv row 3",
    ]


def test_several_tables_are_an_error(tmp_path: Path) -> None:
    vlmevalkit(tmp_path)
    vlmevalkit_choices(tmp_path)
    with pytest.raises(DataError, match=r"holds several \.tsv files; name the one to read"):
        read(tmp_path)


def test_another_table_is_an_error(tmp_path: Path) -> None:
    write_text(tmp_path / "a.tsv", "image\tquestion\na.png\tq?\n")
    with pytest.raises(DataError, match="lacks the column index; needed are index, image"):
        read(tmp_path, "vlmevalkit")
