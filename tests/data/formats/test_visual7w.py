import json
from pathlib import Path
from typing import Any

import pytest

from tests.data.formats.reading import found_image, read
from tests.data.formats.visual7w_fixture import IMAGES, POINTING, visual7w, write_telling
from tests.data.layouts import write_text
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError

TELLING = "dataset_v7w_telling.json"
REFUSED = "dataset_v7w_pointing.json: is of the pointing task, whose answers are boxes"


def test_the_questions_of_each_image_become_examples(tmp_path: Path) -> None:
    visual7w(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="v7w_1.jpg",
            question="What is on the sidewalk's edge?",
            answers=("Lamp post and lamp.",),
            question_id="1",
            split="train",
            question_type="what",
            choices=("Fire hydrant.", "Grass.", "Lamp post and lamp.", "Sign."),
            extra={"correct_choice": 2},
        ),
        Example(
            image="v7w_1.jpg",
            question="How many cars are there?",
            answers=("1.",),
            question_id="2",
            split="train",
            question_type="how",
            choices=("0.", "1.", "2.", "3."),
            extra={"correct_choice": 1},
        ),
        Example(
            image="v7w_3.jpg",
            question="Where was this taken?",
            answers=("At a zoo.",),
            question_id="9",
            split="test",
            question_type="where",
            choices=("At a lake.", "At a zoo.", "At home.", "In a city."),
            extra={"correct_choice": 1},
        ),
    ]
    assert found_image(tmp_path, "v7w_3.jpg") == "images/v7w_3.jpg"


@pytest.mark.parametrize(
    "order", [("dataset", "boxes", "images"), ("boxes", "images"), ("images",)]
)
def test_pointing_is_refused_with_the_reason(order: tuple[str, ...], tmp_path: Path) -> None:
    content = {key: POINTING[key] for key in order}
    write_text(tmp_path / "dataset_v7w_pointing.json", json.dumps(content))
    with pytest.raises(DataError, match=REFUSED):
        read(tmp_path)


def test_pointing_beside_telling_is_left_out(tmp_path: Path) -> None:
    visual7w(tmp_path)
    write_text(tmp_path / "dataset_v7w_pointing.json", json.dumps(POINTING))
    examples, problems = read(tmp_path)
    assert len(examples) == 3
    assert problems == [
        "not read: dataset_v7w_pointing.json (pointing is answered by boxes)",
    ]


def test_two_files_are_an_error(tmp_path: Path) -> None:
    visual7w(tmp_path)
    write_telling(tmp_path / "copy.json", IMAGES)
    with pytest.raises(DataError, match=f"copy.json and {TELLING} are both of the telling task"):
        read(tmp_path)


def test_entries_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    (good, _) = IMAGES[0]["qa_pairs"]

    def image(**values: Any) -> dict[str, Any]:
        return {"filename": "v7w_1.jpg", "split": "train", "qa_pairs": [good], **values}

    unanswered = {key: value for key, value in good.items() if key != "answer"}
    open_ended = {key: value for key, value in good.items() if key != "multiple_choices"}
    images = [
        image(qa_pairs=[good, "oops", unanswered, open_ended]),
        image(split="dev"),
        image(qa_pairs=None),
        "oops",
    ]
    write_telling(tmp_path / TELLING, images)
    examples, problems = read(tmp_path)
    assert [(example.answers, example.extra) for example in examples] == [
        (("Lamp post and lamp.",), {"correct_choice": 2}),
        ((), {}),
        (("Lamp post and lamp.",), {}),
    ]
    assert [example.choices for example in examples[1:]] == [
        ("Fire hydrant.", "Grass.", "Sign."),
        None,
    ]
    assert problems == [
        f"entry of {TELLING} that is no object: 3 rows, e.g. entry 1, entry 5, entry 6",
        f"split that is none of train, val, test: 1 row, e.g. 'dev' ({TELLING} entry 4)",
    ]


def test_a_folder_without_the_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"holds no {TELLING} of Visual7W"):
        read(tmp_path, "visual7w")
