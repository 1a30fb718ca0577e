from pathlib import Path

import pytest

from tests.data.formats.cocoqa_fixture import COLUMNS, cocoqa, write_cocoqa
from tests.data.formats.reading import found_image, read
from tests.data.layouts import write_text
from tests.drawing import save_image
from vqa_cli.data.detect import claims
from vqa_cli.data.example import Example
from vqa_cli.data.source import Source
from vqa_cli.errors import DataError


def test_lines_that_belong_together_become_examples(tmp_path: Path) -> None:
    cocoqa(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="000000458752.jpg",
            question="what is next to the building",
            answers=("truck",),
            question_id="train-1",
            split="train",
            question_type="object",
        ),
        Example(
            image="000000000042.jpg",
            question="how many cats are there",
            answers=("two",),
            question_id="train-2",
            split="train",
            question_type="number",
        ),
        Example(
            image="000000262148.jpg",
            question="what is the color of the bus",
            answers=("red",),
            question_id="test-1",
            split="test",
            question_type="color",
        ),
        Example(
            image="000000000042.jpg",
            question="where is the cat lying",
            answers=("sink",),
            question_id="test-2",
            split="test",
            question_type="location",
        ),
    ]


def test_images_are_from_either_of_cocos_folders(tmp_path: Path) -> None:
    cocoqa(tmp_path)
    images = [example.image for example in read(tmp_path)[0]]
    assert [found_image(tmp_path, image) for image in images] == [
        "train2014/COCO_train2014_000000458752.jpg",
        "val2014/COCO_val2014_000000000042.jpg",
        "val2014/COCO_val2014_000000262148.jpg",
        "val2014/COCO_val2014_000000000042.jpg",
    ]
    save_image(tmp_path / "train2014/COCO_train2014_000000000042.jpg")
    assert found_image(tmp_path, images[1]) == "train2014/COCO_train2014_000000000042.jpg"


def test_the_folder_of_one_split_may_be_named(tmp_path: Path) -> None:
    cocoqa(tmp_path)
    assert read(tmp_path / "test")[0] == read(tmp_path)[0][2:]


def test_types_may_be_missing_and_lines_end_as_on_windows(tmp_path: Path) -> None:
    columns = {k: v.replace("\n", "\r\n") for k, v in COLUMNS["train"].items() if k != "types.txt"}
    write_cocoqa(tmp_path / "mine", {**columns, "answers.txt": "truck\r\ntwo"})
    examples, problems = read(tmp_path)
    assert [(e.question_id, *e.answers, e.question_type, e.split) for e in examples] == [
        ("question-1", "truck", None, None),
        ("question-2", "two", None, None),
    ]
    assert problems == []


def test_lines_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    columns = {**COLUMNS["train"], "img_ids.txt": "458752\nforty\n", "types.txt": "7\n1\n"}
    write_cocoqa(tmp_path / "train", columns)
    examples, problems = read(tmp_path)
    assert [(example.question_id, example.question_type) for example in examples] == [
        ("train-1", None)
    ]
    assert problems == [
        "line of types.txt that is none of 0 to 3: 1 row, e.g. '7' (train/ line 1)",
        "line of img_ids.txt that is no number of an image: 1 row, e.g. 'forty' (train/ line 2)",
    ]


def test_files_of_different_lengths_are_an_error(tmp_path: Path) -> None:
    write_cocoqa(tmp_path / "train", {**COLUMNS["train"], "answers.txt": "truck\n"})
    told = r"questions.txt 2, answers.txt 1, img_ids.txt 2, types.txt 2"
    with pytest.raises(DataError, match=told):
        read(tmp_path)


def test_a_folder_without_the_files_is_an_error(tmp_path: Path) -> None:
    write_cocoqa(tmp_path, {"questions.txt": "a\n", "answers.txt": "b\n"})
    with pytest.raises(DataError, match=r"holds no folder with questions.txt, answers.txt"):
        read(tmp_path, "cocoqa")


def test_the_names_alone_are_not_enough(tmp_path: Path) -> None:
    cocoqa(tmp_path)
    for split in COLUMNS:
        write_text(tmp_path / split / "img_ids.txt", "a.png\nb.png\n")
    assert claims(Source(tmp_path)) == []
