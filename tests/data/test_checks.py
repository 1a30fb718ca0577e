import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.drawing import save_image
from vqa_cli.console import SILENT, Silent
from vqa_cli.data.checks import check_images, collect, image_facts, row_problem
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


def test_facts_of_an_image_are_those_after_its_orientation(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    Image.new("RGB", (30, 20)).save(path, exif=exif)
    facts = image_facts(tmp_path, "turned.jpg", 1000)
    assert (facts.width, facts.height, facts.problem) == (20, 30, "")
    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert facts.bytes == path.stat().st_size


def test_images_that_cannot_be_read_have_a_problem(tmp_path: Path) -> None:
    save_image(tmp_path / "good.png")
    (tmp_path / "text.png").write_text("no image")
    data = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    names = ["good.png", "text.png", "cut.png", "gone.png"]
    problems = [facts.problem for facts in check_images(tmp_path, names, 1000, SILENT)]
    assert problems[0] == ""
    assert all(name in problem for name, problem in zip(names[1:], problems[1:], strict=True))
    assert "100" in image_facts(tmp_path, "good.png", 100).problem  # the limit in pixels


def test_many_images_are_checked_in_order_with_progress(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(70)]
    for number, name in enumerate(names):
        Image.new("L", (number + 1, 1)).save(tmp_path / name)
    steps: list[tuple[int, int]] = []

    class Steps(Silent):
        def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
            steps.append((done, total))

    facts = check_images(tmp_path, names, 1000, Steps())
    assert [f.width for f in facts] == list(range(1, 71))
    assert steps[-1] == (70, 70)
    assert steps == sorted(steps)
