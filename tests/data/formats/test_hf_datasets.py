import json
from pathlib import Path

import pyarrow as pa
import pytest

from tests.data.formats.hf_datasets_fixture import (
    hf_conversations,
    hf_datasets,
    hf_one_split,
    write_split,
)
from tests.data.formats.reading import found_image, read
from tests.data.layouts import write_text
from tests.drawing import image_bytes
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError

ASKED = "What color is it?"


def example(color: str, question: str, answer: str | None, question_id: str) -> Example:
    return Example(
        image=f"{color}.png",
        question=question,
        answers=(answer,) if answer else (),
        question_id=question_id,
        split={"train": "train", "validation": "val", "test": "test"}[question_id.split("-")[0]],
        image_bytes=image_bytes(color),
    )


def test_the_splits_of_a_saved_dataset_are_read_with_their_images(tmp_path: Path) -> None:
    hf_datasets(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        example("red", ASKED, "red", "train-1"),
        example("red", "Is it round?", "yes", "train-2"),
        example("blue", ASKED, "blue", "train-3"),
        example("green", ASKED, "green", "train-4"),
        example("blue", ASKED, "blue", "validation-1"),
        example("red", ASKED, None, "test-1"),
    ]


def test_one_split_is_read_with_images_that_are_files(tmp_path: Path) -> None:
    hf_one_split(tmp_path / "saved")
    examples, problems = read(tmp_path / "saved")
    assert problems == []
    assert examples == [
        Example(
            image="images/a.png",
            question="What?",
            answers=("x",),
            question_id="saved-1",
            split="train",
        )
    ]
    assert found_image(tmp_path / "saved", "images/a.png") == "images/a.png"


def test_each_turn_of_a_conversation_is_an_example(tmp_path: Path) -> None:
    hf_conversations(tmp_path / "cauldron")
    examples, problems = read(tmp_path / "cauldron")
    assert examples == [
        Example(
            image="cauldron-1",
            question="What color is it?\nKeep it brief.",
            answers=("Red.",),
            question_id="cauldron-1-1",
            image_bytes=image_bytes("red"),
            extra={"source": "VQAv2"},
        ),
        Example(
            image="cauldron-1",
            question="Is it round?",
            answers=("Yes.",),
            question_id="cauldron-1-2",
            image_bytes=image_bytes("red"),
            extra={"source": "VQAv2"},
        ),
    ]
    assert problems == [
        (
            "row with several images, or none: 1 row, "
            "e.g. '2 images' (data-00000-of-00001.arrow row 2)"
        )
    ]


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("dataset_dict.json", "[]", "dataset_dict.json: must be an object"),
        ("dataset_dict.json", "{}", 'must have a list "splits" of names'),
        ("dataset_dict.json", '{"splits": ["../train"]}', 'must have a list "splits" of names'),
        ("dataset_dict.json", '{"splits": ["dev"]}', "dev/state.json: is missing, though"),
        ("dataset_dict.json", '{"splits": [\n"tr', "no valid JSON at line 2, column 1"),
        ("test/state.json", '{"_data_files": []}', "must name the files beside it in"),
        ("test/state.json", '{"_data_files": [{"filename": 3}]}', "must name the files"),
        (
            "test/state.json",
            '{"_data_files": [{"filename": "a.arrow"}]}',
            "a.arrow: is missing, though state.json beside it names it",
        ),
        ("test/state.json", '{"_data_files": [{"filename": "../a.arrow"}]}', "must name the files"),
    ],
)
def test_damaged_descriptions_are_an_error(
    file: str, content: str, problem: str, tmp_path: Path
) -> None:
    hf_datasets(tmp_path)
    write_text(tmp_path / file, content)
    with pytest.raises(DataError, match=problem):
        read(tmp_path, "hf-datasets")


@pytest.mark.parametrize("name", ["dataset_dict.json", "train/state.json"])
def test_the_description_can_be_named_alone(name: str, tmp_path: Path) -> None:
    hf_datasets(tmp_path)
    examples, problems = read(tmp_path / name)
    assert problems == []
    assert [example.answers for example in examples if example.split == "train"] == [
        ("red",),
        ("yes",),
        ("blue",),
        ("green",),
    ]


def test_the_splits_are_found_without_the_list_of_them(tmp_path: Path) -> None:
    hf_datasets(tmp_path)
    (tmp_path / "dataset_dict.json").unlink()
    assert {example.split for example in read(tmp_path)[0]} == {"train", "val", "test"}


def test_another_dataset_is_told_by_its_columns(tmp_path: Path) -> None:
    write_split(tmp_path, [{"text": "a"}], schema=pa.schema([("text", pa.string())]))
    with pytest.raises(DataError, match=r"lacks the columns image, question, answer;.*are text"):
        read(tmp_path)


def test_a_folder_without_a_state_is_an_error(tmp_path: Path) -> None:
    write_text(tmp_path / "data.json", json.dumps({}))
    with pytest.raises(DataError, match="name the folder that save_to_disk wrote"):
        read(tmp_path, "hf-datasets")
