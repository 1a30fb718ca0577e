import json
from pathlib import Path
from typing import Any

import pytest

from tests.data.formats.reading import found_image, read
from tests.data.formats.vqa_cp_fixture import vqa_cp
from tests.drawing import save_image
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError


def expected(image: str, number: int, split: str) -> Example:
    return Example(
        image=image,
        question="What is this?",
        answers=("net",) * 10,
        answer_kind="annotators",
        question_id=f"{number}000",
        split=split,
        question_type="what is this",
        answer_type="other",
    )


def test_lists_in_another_order_meet_and_images_are_of_both_folders(tmp_path: Path) -> None:
    vqa_cp(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert sorted(examples, key=lambda example: example.question_id) == [
        expected("000000000025.jpg", 25, "test"),
        expected("COCO_val2014_000000000042.jpg", 42, "train"),
        expected("000000000073.jpg", 73, "test"),
        expected("COCO_train2014_000000000009.jpg", 9, "train"),
    ]
    assert {found_image(tmp_path, example.image) for example in examples} == {
        "train2014/COCO_train2014_000000000009.jpg",
        "val2014/COCO_val2014_000000000042.jpg",
        "val2014/COCO_val2014_000000000073.jpg",
        "train2014/COCO_train2014_000000000025.jpg",
    }


@pytest.mark.parametrize("folder", ["images/val2014", "images", "."])
def test_images_may_lie_elsewhere(folder: str, tmp_path: Path) -> None:
    vqa_cp(tmp_path)
    save_image(tmp_path / folder / "COCO_val2014_000000000005.jpg")
    found = found_image(tmp_path, "000000000005.jpg")
    assert (tmp_path / found).is_file()


def test_a_single_file_has_its_annotations_beside_it(tmp_path: Path) -> None:
    vqa_cp(tmp_path)
    examples, _ = read(tmp_path / "vqacp_v2_test_questions.json")
    assert {example.question_id for example in examples} == {"73000", "25000"}


def change(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content))


def test_questions_without_annotations_are_an_error(tmp_path: Path) -> None:
    vqa_cp(tmp_path)
    (tmp_path / "vqacp_v2_test_annotations.json").unlink()
    with pytest.raises(DataError, match=r"no annotations for vqacp_v2_test_questions\.json; put"):
        read(tmp_path)


def test_a_name_without_a_split_is_an_error(tmp_path: Path) -> None:
    vqa_cp(tmp_path)
    (tmp_path / "vqacp_v2_test_questions.json").rename(tmp_path / "questions.json")
    with pytest.raises(DataError, match="does not say which split it is"):
        read(tmp_path)


def test_two_files_of_one_split_are_an_error(tmp_path: Path) -> None:
    vqa_cp(tmp_path)
    file = tmp_path / "vqacp_v2_test_questions.json"
    (tmp_path / "vqacp_v1_test_questions.json").write_text(file.read_text())
    with pytest.raises(DataError, match="are both the questions of test"):
        read(tmp_path)


def test_a_folder_of_something_else_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no questions of VQA-CP"):
        read(tmp_path, "vqa-cp")
