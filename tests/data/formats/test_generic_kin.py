"""The tables of `generic_fixture`, each read whole."""

from pathlib import Path

import pytest

from tests.data.formats.generic_fixture import (
    aokvqa_on_the_hub,
    cauldron,
    embedded,
    hub_parquet,
    ludwig,
    plain_bytes,
    vilt,
    vqa_v2_on_the_hub,
    write_parquet,
)
from tests.data.formats.reading import found_image, read
from tests.drawing import image_bytes
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError


def test_parts_of_a_split_are_one_table_with_its_images(tmp_path: Path) -> None:
    hub_parquet(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="train-1",
            question="What color is it?",
            answers=("red",),
            question_id="train-1",
            split="train",
            image_bytes=image_bytes("red"),
        ),
        Example(
            image="train-2",
            question="What color is it?",
            answers=("blue",),
            question_id="train-2",
            split="train",
            image_bytes=image_bytes("blue"),
        ),
        Example(
            image="red.png",
            question="Is it round?",
            answers=("yes",),
            question_id="validation-1",
            split="val",
            image_bytes=image_bytes("red"),
        ),
    ]


def test_an_image_may_be_plain_bytes(tmp_path: Path) -> None:
    plain_bytes(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="rows-1",
            question="What?",
            answers=("red", "crimson"),
            question_id="rows-1",
            image_bytes=image_bytes("red"),
        )
    ]


def test_answers_of_annotators_are_all_kept(tmp_path: Path) -> None:
    vqa_v2_on_the_hub(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="validation-1",
            question="What is this photo taken looking through?",
            answers=("net", "net", "netting"),
            answer_kind="annotators",
            question_id="458752000",
            split="val",
            question_type="what is this",
            answer_type="other",
            image_bytes=image_bytes("red"),
            extra={"multiple_choice_answer": "net", "image_id": 458752},
        )
    ]


def test_direct_answers_may_be_one_string(tmp_path: Path) -> None:
    aokvqa_on_the_hub(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    choices = ("toothpick", "food", "popsicle stick", "cigarette")
    assert examples == [
        Example(
            image="train-1",
            question="What is in the motorcyclist's mouth?",
            answers=("cigarette", "cigarette", "smoker's pipe"),
            answer_kind="annotators",
            question_id="22jbM6gDxdaMaunuzgrsBB",
            split="train",
            choices=choices,
            image_bytes=image_bytes("red"),
            extra={
                "difficult_direct_answer": False,
                "rationales": ["He's smoking while riding."],
                "correct_choice": 3,
            },
        ),
        Example(
            image="test-1",
            question="What is in the motorcyclist's mouth?",
            answers=(),
            answer_kind="annotators",
            question_id="22jbM6gDxdaMaunuzgrsBB",
            split="test",
            choices=choices,
            image_bytes=image_bytes("red"),
            extra={"difficult_direct_answer": False, "rationales": []},
        ),
    ]


def test_soft_scores_are_read_as_the_people_behind_them(tmp_path: Path) -> None:
    vilt(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="val2014/COCO_val2014_000000262148.jpg",
            question="Where is he looking?",
            answers=("at table", *["down"] * 7, "skateboard", "table"),
            answer_kind="annotators",
            question_id="262148000",
            question_type="none of the above",
            answer_type="other",
        )
    ]
    assert found_image(tmp_path, examples[0].image) == examples[0].image


def test_conversations_on_the_hub_are_questions(tmp_path: Path) -> None:
    cauldron(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="train-1",
            question="What color is it?",
            answers=("Red.",),
            question_id="train-1-1",
            split="train",
            image_bytes=image_bytes("red"),
            extra={"source": "VQAv2"},
        ),
        Example(
            image="train-1",
            question="Is it round?",
            answers=("Yes.",),
            question_id="train-1-2",
            split="train",
            image_bytes=image_bytes("red"),
            extra={"source": "VQAv2"},
        ),
    ]


def test_several_subsets_of_a_hub_dataset_are_an_error(tmp_path: Path) -> None:
    cauldron(tmp_path)
    row = {"images": [embedded("red")], "texts": [{"user": "a?", "assistant": "b"}]}
    write_parquet(tmp_path / "ai2d/train-00000-of-00001.parquet", [row])
    with pytest.raises(DataError, match=r"several tables could be meant: ai2d.*prepare .*/ai2d\)"):
        read(tmp_path)
    assert len(read(tmp_path / "ai2d")[0]) == 1


def test_image_path_is_an_image(tmp_path: Path) -> None:
    ludwig(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="pictures/a.png",
            question="what color?",
            answers=("red",),
            question_id="vqa-1",
        )
    ]
    assert found_image(tmp_path, "pictures/a.png") == "pictures/a.png"
