from pathlib import Path
from typing import Any

import pytest

from tests.data.formats.aokvqa_fixture import CHOICES, RATIONALES, answered, aokvqa, entry
from tests.data.formats.reading import found_image, read
from tests.data.formats.vqa_v1_fixture import write_json
from tests.drawing import save_image
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError


def expected(image: str, question_id: str, split: str, **more: Any) -> Example:
    return Example(
        image=image,
        question="What is in the motorcyclist's mouth?",
        answer_kind="annotators",
        question_id=question_id,
        split=split,
        choices=tuple(CHOICES),
        **more,
    )


def test_choices_and_direct_answers(tmp_path: Path) -> None:
    aokvqa(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    smoked = ("cigarette",) * 9 + ("smoke",)
    extra = {"correct_choice": 3, "rationales": RATIONALES}
    assert examples == [
        expected(
            "000000299207.jpg", "22MexNkBPpdZGX6sxbxVBH", "train", answers=smoked, extra=extra
        ),
        expected(
            "000000461751.jpg",
            "22jbM6gDxdaMaunuzgrsBB",
            "val",
            answers=smoked,
            extra={**extra, "difficult_direct_answer": True},
        ),
        expected("000000001234.jpg", "2227jLaUNzErGMLXhVLEqB", "test", answers=()),
    ]
    assert found_image(tmp_path, examples[1].image) == "val2017/000000461751.jpg"


@pytest.mark.parametrize(
    "file", ["images/train2017/000000000007.jpg", "val2014/COCO_val2014_000000000007.jpg"]
)
def test_images_may_be_those_of_coco_2014(file: str, tmp_path: Path) -> None:
    aokvqa(tmp_path)
    save_image(tmp_path / file)
    assert found_image(tmp_path, "000000000007.jpg") == file


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"correct_choice_idx": 4}, "correct_choice_idx that is no place among the choices"),
        ({"image_id": "seven"}, "image_id that is no number"),
        ({"direct_answers": ["net", {}]}, "direct_answers that is no text"),
        ({"direct_answers": 3}, "direct_answers that is no list"),
        ({"choices": "abcd"}, "choices that is no list"),
        ({"question": []}, "question that is no text"),
    ],
)
def test_a_row_that_cannot_be_used_is_counted(
    values: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    good = entry("train", 7, "a", **answered(["net"] * 10))
    write_json(tmp_path / "aokvqa_v1p0_train.json", [good, {**good, **values}, 5])
    examples, problems = read(tmp_path)
    assert [example.question_id for example in examples] == ["a"]
    assert len(problems) == 2
    assert problems[0].startswith(f"{problem}: 1 row, e.g. ")
    assert problems[0].endswith("(aokvqa_v1p0_train.json entry 1)")
    assert "that is no object" in problems[1]


def test_a_folder_of_something_else_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no list of A-OKVQA's questions"):
        read(tmp_path, "a-okvqa")
