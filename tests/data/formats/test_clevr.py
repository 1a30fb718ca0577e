from pathlib import Path

import pytest

from tests.data.formats.clevr_fixture import (
    clevr,
    clevr_cogent,
    clevr_generated,
    question,
    write_clevr,
)
from tests.data.formats.reading import found_image, read
from tests.data.layouts import write_text
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError


def test_the_release(tmp_path: Path) -> None:
    clevr(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    more = "Are there more big green things than large purple shiny cubes?"
    assert examples == [
        Example(
            image="CLEVR_train_000000.png",
            question=more,
            answers=("yes",),
            question_id="0",
            split="train",
            question_type="greater_than",
        ),
        Example(
            image="CLEVR_train_000000.png",
            question="What number of cubes are there?",
            answers=("0",),
            question_id="1",
            split="train",
            question_type="count",
        ),
        Example(
            image="CLEVR_val_000000.png",
            question=more,
            answers=("yes",),
            question_id="0",
            split="val",
            question_type="greater_than",
        ),
        Example(
            image="CLEVR_test_000000.png",
            question=more,
            answers=(),
            question_id="0",
            split="test",
        ),
    ]
    found = found_image(tmp_path, "CLEVR_val_000000.png")
    assert found == "CLEVR_v1.0/images/val/CLEVR_val_000000.png"


def test_what_the_generator_writes(tmp_path: Path) -> None:
    clevr_generated(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples[0] == Example(
        image="CLEVR_new_000000.png",
        question="Are there any red things?",
        answers=("yes",),
        question_id="0",
        question_type="exist",
    )
    assert [(*example.answers, example.question_type) for example in examples] == [
        ("yes", "exist"),
        ("no", "exist"),
        ("3", "count"),
        ("cube", "query_shape"),
    ]
    assert found_image(tmp_path, examples[0].image) == "images/CLEVR_new_000000.png"


def test_condition_b_of_cogent_is_read_by_itself(tmp_path: Path) -> None:
    clevr_cogent(tmp_path)
    examples, problems = read(tmp_path)
    assert [(example.image, example.split) for example in examples] == [
        ("CLEVR_trainA_000000.png", "train"),
        ("CLEVR_valA_000000.png", "val"),
    ]
    b = "CLEVR_CoGenT_v1.0/questions/CLEVR_valB_questions.json"
    assert problems == [
        f"not read: {b} (condition B of CoGenT); to evaluate on it, prepare it by itself"
    ]
    assert [example.split for example in read(tmp_path / b)[0]] == ["val"]
    found = found_image(tmp_path, "CLEVR_trainA_000000.png")
    assert found == "CLEVR_CoGenT_v1.0/images/trainA/CLEVR_trainA_000000.png"


def test_the_split_may_stand_in_the_name_alone(tmp_path: Path) -> None:
    entry = question("new", 0)
    write_clevr(tmp_path / "CLEVR_val_questions.json", "new", [entry])
    assert [example.split for example in read(tmp_path)[0]] == ["val"]


def test_two_files_of_one_split_are_an_error(tmp_path: Path) -> None:
    clevr(tmp_path)
    write_clevr(tmp_path / "more.json", "val", [question("val", 0)])
    with pytest.raises(DataError, match=r"more.json are both of val; put one of them elsewhere"):
        read(tmp_path)


def test_one_file_of_no_split_among_others_is_an_error(tmp_path: Path) -> None:
    clevr(tmp_path)
    write_clevr(tmp_path / "more.json", "new", [question("new", 0)])
    with pytest.raises(DataError, match=r"more.json: which split is it\? Others here say theirs"):
        read(tmp_path)


def test_entries_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    entries = [
        question("val", 0),
        question("val", 1, answer=["yes"]),
        question("val", 2, program=["scene"]),
        question("val", 3, program={"function": "scene"}),
        question("val", 4, program=[]),
    ]
    write_clevr(tmp_path / "CLEVR_val_questions.json", "val", entries)
    examples, problems = read(tmp_path)
    assert [(example.question_id, example.question_type) for example in examples] == [
        ("0", "greater_than"),
        ("4", None),
    ]
    assert problems == [
        "answer that is no text: 1 row, e.g. <class 'list'> (CLEVR_val_questions.json entry 1)",
        (
            "program that is no list of functions: 2 rows, e.g. ['scene'] "
            "(CLEVR_val_questions.json entry 2), {'function': 'scene'} "
            "(CLEVR_val_questions.json entry 3)"
        ),
    ]


def test_a_folder_without_the_files_is_an_error(tmp_path: Path) -> None:
    write_text(tmp_path / "CLEVR_val_questions.json", '{"questions": [{"question": "a?"}]}')
    with pytest.raises(DataError, match="holds no questions of CLEVR"):
        read(tmp_path, "clevr")
