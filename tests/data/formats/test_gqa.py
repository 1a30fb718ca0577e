import json
from pathlib import Path

import pytest

from tests.data.formats.gqa_fixture import SKY, UNANSWERED, WALL, gqa, gqa_parts, write_questions
from tests.data.formats.reading import found_image, read
from tests.data.layouts import write_text
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError

TRAIN = Example(
    image="2354786.jpg",
    question="Is the sky dark?",
    answers=("yes",),
    question_id="02930152",
    split="train",
    question_type="verify",
    answer_type="binary",
    extra={
        "types": {"structural": "verify", "semantic": "attr", "detailed": "verifyAttr"},
        "entailed": ["02930160"],
        "equivalent": ["02930152"],
    },
)
VAL = Example(
    image="n161313.jpg",
    question="What is on the white wall?",
    answers=("pipe",),
    question_id="05451384",
    split="val",
    question_type="query",
    answer_type="open",
    extra={
        "types": {"structural": "query", "semantic": "rel", "detailed": "relS"},
        "equivalent": ["07333408"],
    },
)


def test_the_archive_is_read_as_people_train_and_report_on_it(tmp_path: Path) -> None:
    gqa(tmp_path)
    examples, (left,) = read(tmp_path)
    testdev = Example(**{**vars(TRAIN), "question_id": "20968379", "split": "test"})
    assert examples == [TRAIN, VAL, testdev]
    assert "not read: questions1.2/challenge_all_questions.json" in left
    assert "train_all_questions/train_all_questions_0.json" in left
    assert (
        "(train_balanced_questions.json, val_balanced_questions.json, "
        "testdev_balanced_questions.json instead); to use one of them, prepare it by itself"
    ) in left
    assert found_image(tmp_path, TRAIN.image) == "images/2354786.jpg"


def test_the_parts_of_train_all_are_one_split(tmp_path: Path) -> None:
    gqa_parts(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert [example.question_id for example in examples] == [f"0{part}" for part in range(10)]
    assert {example.split for example in examples} == {"train"}
    assert examples == read(tmp_path / "train_all_questions")[0]
    assert found_image(tmp_path, examples[1].image) == "images/n161313.jpg"


def test_missing_parts_are_told(tmp_path: Path) -> None:
    gqa_parts(tmp_path)
    for part in (0, 7):
        (tmp_path / f"train_all_questions/train_all_questions_{part}.json").unlink()
    examples, problems = read(tmp_path)
    assert len(examples) == 8
    assert problems == [
        "train_all_questions_1.json and so on: 8 parts of 10; missing are those numbered 0, 7"
    ]


def test_one_part_alone_may_be_named(tmp_path: Path) -> None:
    gqa_parts(tmp_path)
    examples, problems = read(tmp_path / "train_all_questions/train_all_questions_3.json")
    assert [(example.question_id, example.split) for example in examples] == [("03", "train")]
    assert problems == []


def test_a_test_without_answers_is_read_where_it_is_the_only_one(tmp_path: Path) -> None:
    write_questions(tmp_path / "test_all_questions.json", {"201971873": UNANSWERED})
    assert read(tmp_path) == (
        [
            Example(
                image="n235859.jpg",
                question="Who is wearing a shirt?",
                answers=(),
                question_id="201971873",
                split="test",
            )
        ],
        [],
    )


def test_a_lone_file_of_another_name_has_no_split(tmp_path: Path) -> None:
    write_questions(tmp_path / "mine.json", {"1": SKY})
    assert [example.split for example in read(tmp_path)[0]] == [None]
    write_questions(tmp_path / "yours.json", {"2": WALL})
    with pytest.raises(DataError, match=r"which split is each of mine.json, yours.json\?"):
        read(tmp_path)


def test_the_same_questions_twice_are_an_error(tmp_path: Path) -> None:
    gqa_parts(tmp_path)
    write_questions(tmp_path / "copy/train_all_questions_3.json", {"1": SKY})
    with pytest.raises(DataError, match="are the same questions; put one elsewhere"):
        read(tmp_path)


def test_entries_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    entries = {
        "1": SKY,
        "2": None,
        "3": {**SKY, "imageId": ["2354786"]},
        "4": {**SKY, "entailed": "02930160"},
        "5": {**SKY, "imageId": None, "types": None},
    }
    write_questions(tmp_path / "val_all_questions.json", entries)
    examples, problems = read(tmp_path)
    assert [(e.question_id, e.image, e.question_type) for e in examples] == [
        ("1", "2354786.jpg", "verify"),
        ("5", "", None),
    ]
    assert problems == [
        "entry of val_all_questions.json that is no object: 1 row, e.g. entry 1",
        "imageId that is no text: 1 row, e.g. <class 'list'> (val_all_questions.json entry 2)",
        "entailed that is no list: 1 row, e.g. '02930160' (val_all_questions.json entry 3)",
    ]


def test_another_json_is_not_gqa(tmp_path: Path) -> None:
    scenes = {"2354786": {"width": 500, "height": 333, "objects": {}}}
    write_text(tmp_path / "train_balanced_questions.json", json.dumps(scenes))
    with pytest.raises(DataError, match="holds no questions of GQA"):
        read(tmp_path, "gqa")
