from pathlib import Path

import pytest

from tests.data.formats.pathvqa_fixture import pathvqa, pathvqa_labels, write_pickle
from tests.data.formats.reading import found_image, read
from tests.data.layouts import write_text
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError

WHERE = "Where are liver stem cells (oval cells) located?"


def test_answers_are_read_with_the_types_that_stand_beside_them(tmp_path: Path) -> None:
    pathvqa(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="train/train_0422",
            question=WHERE,
            answers=("in the canals of hering",),
            question_id="train-0",
            split="train",
            question_type="where",
            answer_type="other",
        ),
        Example(
            image="train/train_0422",
            question="Is this stained?",
            answers=("yes",),
            question_id="train-1",
            split="train",
            question_type="is",
            answer_type="yes/no",
        ),
        Example(
            image="val/val_0261",
            question="What have lost their nuclei?",
            answers=("neutrophils",),
            question_id="val-0",
            split="val",
            question_type="what",
            answer_type="other",
        ),
        Example(
            image="test/test_0001",
            question="What is present?",
            answers=("abdomen",),
            question_id="test-0",
            split="test",
        ),
    ]
    assert found_image(tmp_path, "train/train_0422") == "split/images/train/train_0422.jpg"


def test_labels_alone_are_read_the_best_first(tmp_path: Path) -> None:
    pathvqa_labels(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="train/train_0422",
            question=WHERE,
            answers=("in the canals of hering",),
            question_id="100422000",
            split="train",
            question_type="where",
            answer_type="other",
        ),
        Example(
            image="train/train_0422",
            question="Is this stained?",
            answers=("yes", "no"),
            question_id="100422001",
            split="train",
            question_type="is",
            answer_type="yes/no",
        ),
        Example(
            image="val/val_0261",
            question="What have lost their nuclei?",
            answers=("neutrophils",),
            question_id="200261000",
            split="val",
            question_type="what",
            answer_type="other",
        ),
    ]


def test_one_file_can_be_named_alone(tmp_path: Path) -> None:
    pathvqa(tmp_path)
    examples, _ = read(tmp_path / "split/qas/val/val_qa.pkl")
    assert [(example.split, example.answers) for example in examples] == [("val", ("neutrophils",))]


def test_entries_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    good = {"image": "train_0001", "question": "What?", "answer": 4}
    bad = [{"image": "train_0001"}, "what?", {**good, "answer": ["a"]}]
    write_pickle(tmp_path / "qas/train/train_qa.pkl", [good, *bad])
    examples, problems = read(tmp_path)
    assert [example.answers for example in examples] == [("4",)]
    assert problems == [
        (
            "entry of qas/train/train_qa.pkl without image, question, answer: 2 rows, "
            "e.g. entry 1, entry 2"
        ),
        "answer that is no text: 1 row, e.g. <class 'list'> (qas/train/train_qa.pkl entry 3)",
    ]


@pytest.mark.parametrize("label", ["yes", {7: 1.0}, {"yes": None, "no": None}])
def test_labels_that_name_no_answer_are_counted(label: object, tmp_path: Path) -> None:
    entry = {"img_id": "train_0001", "sent": "What?", "label": label}
    write_pickle(tmp_path / "qas/train_vqa.pkl", [entry])
    examples, problems = read(tmp_path)
    assert examples == []
    assert len(problems) == 1
    assert problems[0].startswith("label that ")


def test_a_pickle_of_something_else_is_an_error(tmp_path: Path) -> None:
    write_pickle(tmp_path / "train_qa.pkl", {"image": 1, "question": 2, "answer": 3})
    with pytest.raises(DataError, match=r"train_qa.pkl: must hold a list of questions"):
        read(tmp_path)


def test_two_files_of_one_split_are_an_error(tmp_path: Path) -> None:
    pathvqa(tmp_path)
    write_pickle(tmp_path / "train_qa.pkl", [])
    with pytest.raises(DataError, match="are both of train"):
        read(tmp_path)


def test_a_folder_without_the_files_is_an_error(tmp_path: Path) -> None:
    write_text(tmp_path / "other.txt", "")
    with pytest.raises(DataError, match=r"holds no train_qa.pkl"):
        read(tmp_path, "pathvqa")
