from pathlib import Path

import pytest

from tests.data.formats.imagefolder_fixture import imagefolder, imagefolder_splits
from tests.data.formats.reading import found_image, read
from tests.data.layouts import write_text
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError


def test_rows_become_examples(tmp_path: Path) -> None:
    imagefolder(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="0001.png",
            question="What color is it?",
            answers=("red",),
            question_id="metadata-1",
        ),
        Example(
            image="more/0002.png",
            question="Is it round?",
            answers=("yes",),
            question_id="metadata-2",
        ),
    ]
    assert found_image(tmp_path, "more/0002.png") == "more/0002.png"


def test_folders_are_splits_and_images_lie_beside_their_metadata(tmp_path: Path) -> None:
    imagefolder_splits(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="data/test/a.png",
            question="Is it blue?",
            answers=(),
            question_id="data-test-metadata-1",
            split="test",
        ),
        Example(
            image="data/train/a.png",
            question="What color is it?",
            answers=("red",),
            question_id="data-train-metadata-1",
            split="train",
        ),
        Example(
            image="data/validation/a.png",
            question="Is it red?",
            answers=("yes",),
            question_id="data-validation-metadata-1",
            split="val",
        ),
    ]
    assert found_image(tmp_path, "data/train/a.png") == "data/train/a.png"


def test_the_metadata_can_be_named_alone(tmp_path: Path) -> None:
    imagefolder_splits(tmp_path)
    (example,) = read(tmp_path / "data/train/metadata.csv")[0]
    assert (example.image, example.split) == ("a.png", None)


def test_metadata_without_answers_is_an_error_that_names_the_columns(tmp_path: Path) -> None:
    write_text(tmp_path / "metadata.csv", "file_name,question,text\na.png,q?,x\n")
    with pytest.raises(DataError, match="lacks the column answer; needed are image, question"):
        read(tmp_path)


def test_metadata_for_something_else_is_an_error(tmp_path: Path) -> None:
    write_text(tmp_path / "metadata.jsonl", '{"file_name": "a.png", "text": "a cat"}\n')
    with pytest.raises(DataError, match=r"lacks the columns question, answer;.*file_name, text"):
        read(tmp_path)


def test_two_metadata_files_in_a_folder_are_an_error(tmp_path: Path) -> None:
    imagefolder(tmp_path)
    write_text(tmp_path / "metadata.csv", "file_name,question,answer\na.png,q?,x\n")
    with pytest.raises(DataError, match="a folder holds several metadata files"):
        read(tmp_path)


def test_a_folder_without_metadata_is_an_error(tmp_path: Path) -> None:
    write_text(tmp_path / "metadata.parquet", "no parquet")
    with pytest.raises(DataError, match=r"holds no metadata\.jsonl"):
        read(tmp_path, "imagefolder")
