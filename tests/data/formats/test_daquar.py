from pathlib import Path

import pytest

from tests.data.formats.daquar_fixture import daquar_reduced
from tests.data.formats.reading import found_image, read
from tests.data.layouts import daquar, daquar_lists, write_text
from tests.drawing import save_image
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError


def test_pairs_of_lines_become_examples(tmp_path: Path) -> None:
    daquar(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="image2",
            question="what is on the floor",
            answers=("floor_mat", "lamp"),
            answer_kind="set",
            question_id="qa.894.raw.test-1",
            split="test",
        ),
        Example(
            image="image1",
            question="what is on the table",
            answers=("table", "chair"),
            answer_kind="set",
            question_id="qa.894.raw.train-1",
            split="train",
        ),
        Example(
            image="image1",
            question="what is red",
            answers=("floor_mat",),
            answer_kind="set",
            question_id="qa.894.raw.train-2",
            split="train",
        ),
    ]
    assert found_image(tmp_path, "image1") == "images/image1.jpg"


@pytest.mark.parametrize(
    "tail",
    [
        "in the image7 ?",
        "of the image7 ?",
        "on this image7 ?",
        "in image7 ?",
        "image7 ?",
        "image7?",
    ],
)
def test_the_image_is_cut_off_the_question(tail: str, tmp_path: Path) -> None:
    write_text(tmp_path / "all_qa_pairs.txt", f"what is within {tail}\nlamp\n")
    (example,) = read(tmp_path)[0]
    assert (example.question, example.image, example.split) == ("what is within", "image7", None)


def test_image_lists_split_the_pairs(tmp_path: Path) -> None:
    daquar_lists(tmp_path)
    examples, _ = read(tmp_path)
    assert [(example.image, example.split) for example in examples] == [
        ("image1", "train"),
        ("image2", "test"),
    ]


def test_photos_are_found_where_the_official_archive_has_them(tmp_path: Path) -> None:
    write_text(tmp_path / "qa.37.raw.train.txt", "what is in the image5 ?\nlamp\n")
    save_image(tmp_path / "nyu_depth_images/image5.png")
    assert found_image(tmp_path, "image5") == "nyu_depth_images/image5.png"


def test_questions_without_image_or_answer_are_counted(tmp_path: Path) -> None:
    lines = [
        *("what is in the image1 ?", "lamp"),
        *("what is it", "lamp"),
        "what is red in the image2 ?",
        *("what is green in the image2 ?", "chair"),
        "what is this in the image1 ?",
    ]
    write_text(tmp_path / "all_qa_pairs.txt", "\n".join(lines))
    examples, problems = read(tmp_path)
    assert [(example.question, example.answers) for example in examples] == [
        ("what is", ("lamp",)),
        ("what is green", ("chair",)),
    ]
    assert problems == [
        (
            "question of all_qa_pairs.txt that does not end with its image: 1 row, "
            "e.g. question 2: 'what is it'"
        ),
        (
            "question of all_qa_pairs.txt without an answer: 2 rows, e.g. question 3: "
            "'what is red in the image2 ?', question 5: 'what is this in the image1 ?'"
        ),
    ]


def test_the_full_and_the_reduced_set_are_not_mixed(tmp_path: Path) -> None:
    daquar(tmp_path)
    write_text(tmp_path / "qa.37.raw.train.txt", "what is in the image1 ?\nlamp\n")
    with pytest.raises(DataError, match="full and the reduced DAQUAR"):
        read(tmp_path)


def test_a_folder_without_the_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds neither all_qa_pairs.txt"):
        read(tmp_path, "daquar")


def test_the_reduced_set_is_found_in_its_folder(tmp_path: Path) -> None:
    daquar_reduced(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="image7",
            question="how many chairs are there",
            answers=("2",),
            answer_kind="set",
            question_id="qa.37.raw.test-1",
            split="test",
        ),
        Example(
            image="image5",
            question="what is in front of the white board or in front of the door",
            answers=("table", "chair"),
            answer_kind="set",
            question_id="qa.37.raw.train-1",
            split="train",
        ),
        Example(
            image="image383",
            question="what is on the floor",
            answers=("floor_mat",),
            answer_kind="set",
            question_id="qa.37.raw.train-2",
            split="train",
        ),
    ]
    assert found_image(tmp_path, "image383") == "nyu_depth_images/image383.png"


def test_images_of_both_lists_or_of_none_are_told(tmp_path: Path) -> None:
    text = "".join(f"what is in the image{number} ?\nlamp\n" for number in (1, 2, 3))
    write_text(tmp_path / "all_qa_pairs.txt", text)
    write_text(tmp_path / "train_images_list.txt", "image1\nimage2\n")
    write_text(tmp_path / "test_images_list.txt", "image2\n")
    examples, problems = read(tmp_path)
    assert [(example.image, example.split) for example in examples] == [
        ("image1", "train"),
        ("image2", "test"),
    ]
    assert problems == [
        (
            "image in both train_images_list.txt and test_images_list.txt (taken as test): 1 row, "
            "e.g. image2"
        ),
        "image in no list of images: 1 row, e.g. image3 (question 3)",
    ]
