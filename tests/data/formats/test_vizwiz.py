from pathlib import Path
from typing import Any

import pytest

from tests.data.formats.reading import found_image, read
from tests.data.formats.vizwiz_fixture import people, vizwiz
from tests.data.formats.vqa_v1_fixture import write_json
from vqa_cli.config import PrepareSettings
from vqa_cli.data.example import Example
from vqa_cli.data.prepare import prepare
from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.errors import DataError


def test_empty_answers_and_a_test_split_without_any(tmp_path: Path) -> None:
    vizwiz(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="VizWiz_train_00000000.jpg",
            question="What's the name of this product?",
            answers=("basil leaves", "basil leaves", "basil", *("basil leaves",) * 6, ""),
            answer_kind="annotators",
            question_id="VizWiz_train_00000000.jpg",
            split="train",
            answer_type="other",
            answerable=True,
        ),
        Example(
            image="VizWiz_train_00000001.jpg",
            question="Can you tell me what is in this can please?",
            answers=("",) * 10,
            answer_kind="annotators",
            question_id="VizWiz_train_00000001.jpg",
            split="train",
            answer_type="unanswerable",
            answerable=False,
        ),
        Example(
            image="VizWiz_val_00000000.jpg",
            question="Ok. There is another picture I hope it is a better one.",
            answers=("unanswerable",) * 9 + ("basil",),
            answer_kind="annotators",
            question_id="VizWiz_val_00000000.jpg",
            split="val",
            answer_type="unanswerable",
            answerable=False,
        ),
        Example(
            image="VizWiz_test_00000000.jpg",
            question="Is this a green can?",
            answers=(),
            answer_kind="annotators",
            question_id="VizWiz_test_00000000.jpg",
            split="test",
        ),
    ]
    assert found_image(tmp_path, examples[2].image) == "val/VizWiz_val_00000000.jpg"


def test_an_unanswerable_question_is_kept_with_its_empty_answers(tmp_path: Path) -> None:
    vizwiz(tmp_path / "raw")
    prepare(tmp_path / "raw", tmp_path / "out", PrepareSettings())
    rows = PreparedDataset.open(tmp_path / "out").rows("train")
    assert list(rows["answers"])[1] == [""] * 10
    assert list(rows["answerable"]) == [True, False]


@pytest.mark.parametrize("folder", ["annotations", "Annotations", "."])
def test_the_lists_may_lie_beside_the_images(folder: str, tmp_path: Path) -> None:
    vizwiz(tmp_path)
    (tmp_path / folder).mkdir(exist_ok=True)
    for split in ("train", "val", "test"):
        (tmp_path / f"Annotations/{split}.json").rename(tmp_path / folder / f"{split}.json")
    examples, _ = read(tmp_path)
    assert [example.split for example in examples] == ["train", "train", "val", "test"]
    assert found_image(tmp_path, examples[3].image) == "test/VizWiz_test_00000000.jpg"


def test_the_first_release_numbers_its_images_in_twelve_digits(tmp_path: Path) -> None:
    name = "VizWiz_test_000000020000.jpg"
    write_json(tmp_path / "questions.json", [{"image": name, "question": "What is this?"}])
    assert [(example.image, example.split) for example in read(tmp_path)[0]] == [(name, "test")]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"answerable": "maybe"}, "answerable that is neither 0 nor 1"),
        ({"answers": [{"answer": None}]}, "answers that are no list of texts"),
        ({"answers": 5}, "answers that are no list of texts"),
        ({"answers": [{"answer_confidence": "yes"}]}, "answers that are no list of texts"),
    ],
)
def test_a_row_that_cannot_be_used_is_counted(
    values: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    good = {"image": "a.jpg", "question": "What?", "answers": people("a can"), "answerable": 1}
    write_json(tmp_path / "train.json", [good, {**good, **values}])
    examples, problems = read(tmp_path)
    assert [example.image for example in examples] == ["a.jpg"]
    assert len(problems) == 1
    assert problems[0].startswith(f"{problem}: 1 row, e.g. ")


def test_a_folder_of_something_else_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no questions of VizWiz"):
        read(tmp_path, "vizwiz")
