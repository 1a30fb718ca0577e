import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.data.formats.reading import found_image, read
from tests.data.formats.vqa_rad_fixture import INFARCTED, PUBLIC, ROWS, row, vqa_rad, vqa_rad_mevf
from tests.data.layouts import write_text
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError

BRAIN = Example(
    image="synpic54610.jpg",
    question="Are regions of the brain infarcted?",
    answers=("Yes",),
    question_id="0",
    split="train",
    question_type="PRES",
    answer_type="CLOSED",
    extra={"phrase_type": "freeform", "image_organ": "HEAD"},
)
EXPECTED = [
    BRAIN,
    Example(
        image="synpic29265.jpg",
        question="How many lesions are seen?",
        answers=("4",),
        question_id="1",
        split="train",
        question_type="COUNT",
        answer_type="OPEN",
        extra={"phrase_type": "para", "image_organ": "CHEST"},
    ),
    Example(
        image="synpic54610.jpg",
        question="Are regions of the brain infarcted?",
        answers=("Yes",),
        question_id="2",
        split="test",
        question_type="PRES",
        answer_type="CLOSED",
        extra={"phrase_type": "test_freeform", "image_organ": "HEAD"},
    ),
    Example(
        image="synpic29265.jpg",
        question="Where is the mass?",
        answers=("left lung",),
        question_id="3",
        split="test",
        question_type="POS, PRES",
        answer_type="OPEN",
        extra={"phrase_type": "test_para"},
    ),
    replace(BRAIN, question_id="4", question_type="ATTRIB"),
    replace(BRAIN, question_id="5", question_type="OTHER"),
    replace(BRAIN, question_id="6", question_type=None),
]
NUMBER = "answer that is a number (read as text): 1 row, e.g. qid 1: 4"
BLANKS = "value with blanks around it (removed): 2 rows, e.g. qid 2: 'CLOSED ', qid 3: ' left lung'"


def write_rows(path: Path, rows: list[Any]) -> None:
    write_text(path, json.dumps(rows))


def test_the_official_file_with_all_that_is_irregular_in_it(tmp_path: Path) -> None:
    vqa_rad(tmp_path)
    examples, problems = read(tmp_path)
    assert examples == EXPECTED
    assert problems == [
        NUMBER,
        BLANKS,
        (
            "question_type that is misspelt: 2 rows, e.g. ATRIB (read as ATTRIB), "
            "Other (read as OTHER)"
        ),
    ]
    assert found_image(tmp_path, BRAIN.image) == "VQA_RAD Image Folder/synpic54610.jpg"


def test_trainset_and_testset(tmp_path: Path) -> None:
    vqa_rad_mevf(tmp_path)
    examples, problems = read(tmp_path)
    assert examples == EXPECTED[:4]
    assert problems == [NUMBER, BLANKS]
    assert found_image(tmp_path, BRAIN.image) == "images/synpic54610.jpg"


def test_the_whole_list_goes_before_its_parts(tmp_path: Path) -> None:
    vqa_rad(tmp_path)
    vqa_rad_mevf(tmp_path)
    examples, problems = read(tmp_path)
    assert examples == EXPECTED
    assert problems[0] == f"not read: testset.json, trainset.json ({PUBLIC} holds all questions)"


def test_without_phrase_types_there_are_no_splits(tmp_path: Path) -> None:
    plain = {key: value for key, value in INFARCTED.items() if key != "phrase_type"}
    write_rows(tmp_path / "mine.json", [plain])
    assert [example.split for example in read(tmp_path)[0]] == [None]


def test_rows_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    rows = [
        INFARCTED,
        row(1, phrase_type="NULL"),
        row(2, answer=["yes"]),
        "oops",
        row(3, answer="NULL", question="NULL", image_name="NULL"),
    ]
    write_rows(tmp_path / PUBLIC, rows)
    examples, problems = read(tmp_path)
    assert examples == [BRAIN, replace(BRAIN, question_id="3", image="", question="", answers=())]
    assert problems == [
        f"phrase_type that is missing (it says the split): 1 row, e.g. None ({PUBLIC} entry 1)",
        f"answer that is no text: 1 row, e.g. <class 'list'> ({PUBLIC} entry 2)",
        f"entry of {PUBLIC} that is no object: 1 row, e.g. entry 3",
    ]


def test_two_whole_lists_are_an_error(tmp_path: Path) -> None:
    vqa_rad(tmp_path)
    write_rows(tmp_path / "VQA_RAD_Dataset_Public.json", ROWS)
    with pytest.raises(DataError, match="are both of no split, by their names; put one of them"):
        read(tmp_path)


def test_a_folder_without_the_files_is_an_error(tmp_path: Path) -> None:
    write_rows(tmp_path / PUBLIC, [{"qid": 1, "question": "a?"}])
    with pytest.raises(DataError, match="holds no questions of VQA-RAD"):
        read(tmp_path, "vqa-rad")
