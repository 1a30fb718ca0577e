from pathlib import Path

import numpy as np
import pytest

from tests.drawing import save_image
from vqa_cli.data.checks import collect, row_problem
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.image_files import ImageFinder
from vqa_cli.data.row_images import SourceImages


def example(**values: object) -> Example:
    base: dict[str, object] = {
        "image": "a.png",
        "question": "q?",
        "answers": ("x",),
        "question_id": "1",
    }
    return Example(**{**base, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, None),
        ({"question": ""}, "question that is empty"),
        ({"question": " \n\u3000"}, "question that is empty"),
        ({"answers": ()}, "answer that is empty"),
        ({"answers": ("", " ")}, "answer that is empty"),
        ({"answers": ("", "x"), "answer_kind": "annotators"}, None),
        ({"answers": (), "split": "test"}, None),
        ({"answers": (), "split": "val"}, "answer that is empty"),
        ({"answers": (" ",), "split": "test"}, "answer that is empty"),
        ({"question": "màu gì? 什么颜色 🟥"}, None),
        ({"question": "half \ud83d"}, "text with half a character (a lone surrogate)"),
        ({"answers": ("\udc00",)}, "text with half a character (a lone surrogate)"),
        ({"group": "\udc00"}, "text with half a character (a lone surrogate)"),
        ({"choices": ("\udc00",)}, "text with half a character (a lone surrogate)"),
    ],
)
def test_a_row_that_cannot_be_used_is_recognised(
    values: dict[str, object], problem: str | None
) -> None:
    assert row_problem(example(**values)) == problem


def test_rows_are_collected_and_the_others_counted(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png")
    findings = Findings()
    examples = [
        example(question_id="1"),
        example(question_id="2", image="gone.png"),
        example(question_id="3", question=""),
        example(question_id="4"),
    ]
    rows = collect(examples, SourceImages(ImageFinder(tmp_path)), findings)
    assert rows.texts("question_id", np.arange(2)) == ["1", "4"]
    assert [str(finding) for finding in findings] == [
        "image that is missing: 1 row, e.g. gone.png (2)",
        "question that is empty: 1 row, e.g. 3",
    ]


def test_question_ids_are_made_unique_within_their_split(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png")
    findings = Findings()
    splits = ("train", "train", "train", "test")
    rows = collect(
        [example(question_id="7", split=split) for split in splits],
        SourceImages(ImageFinder(tmp_path)),
        findings,
    )
    assert rows.texts("question_id", np.arange(4)) == ["7", "7-2", "7-3", "7"]
    assert [str(finding) for finding in findings] == [
        "question_id used before (a number was added): 2 rows, e.g. 7, ..."
    ]
