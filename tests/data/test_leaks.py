from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.test_near_copies import photo
from vqa_cli.data.duplicate_rows import asked_pairs
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.image_checks import Contents, examine_images, image_facts
from vqa_cli.data.leaks import check_leaks
from vqa_cli.data.rows import Rows

Row = tuple[str, str, str]
"""image, split, question"""


def found(folder: Path | None, *table: Row) -> tuple[list[str], dict[str, list[str]]]:
    """What is told, and the leaks; the images are looked at where there is a folder of them."""
    rows = Rows()
    for number, (image, split, question) in enumerate(table):
        rows.add(Example(image, question, ("x",), str(number), split=split), image)
    usable = np.ones(len(rows), dtype=bool)
    findings = Findings()
    contents = Contents.without_images(rows)
    if folder is not None:
        facts = [image_facts(folder, image, 10**6) for image in rows.images]
        _, contents = examine_images(rows, usable, facts, Findings())
    pairs = asked_pairs(rows, contents.of)
    leaks = check_leaks(rows, usable, rows.split_of, contents, pairs, findings)
    return [str(finding) for finding in findings], leaks


def test_images_and_questions_on_both_sides_are_told() -> None:
    told, leaks = found(
        None,
        ("a.png", "train", "what?"),
        ("b.png", "val", "what?"),
        ("a.png", "val", "where?"),
        ("b.png", "test", "what?"),
        ("a.png", "test", "who?"),
        ("c.png", "test", "what?"),
    )
    assert told == [
        "val question about an image of train: 1 of 2 rows, e.g. a.png",
        "test question about an image of train or val: 2 of 3 rows, e.g. b.png, a.png",
        "test question that train or val asks about the same image: 1 of 3 rows, e.g. 3",
    ]
    assert leaks == {
        "val": ["val question about an image of train: 1 of 2"],
        "test": [
            "test question about an image of train or val: 2 of 3",
            "test question that train or val asks about the same image: 1 of 3",
        ],
    }


def test_honest_splits_leak_nothing() -> None:
    rows = [(f"{split}{n}.png", split, "what?") for split in ("train", "val") for n in range(9)]
    assert found(None, *rows) == ([], {})
    assert found(None, ("a.png", "test", "what?"), ("a.png", "test", "who?")) == ([], {})


def test_copies_are_told_by_the_plainest_way_in_which_they_are_there(tmp_path: Path) -> None:
    for seed in range(4):
        photo(seed).save(tmp_path / f"{seed}.png")
    (tmp_path / "copy.png").write_bytes((tmp_path / "0.png").read_bytes())
    Image.open(tmp_path / "1.png").save(tmp_path / "small.jpg", quality=70)
    told, _ = found(
        tmp_path,
        *(("0.png", "train", "what?"), ("1.png", "train", "what?"), ("2.png", "train", "what?")),
        *(("2.png", "test", "who?"), ("copy.png", "test", "what?"), ("copy.png", "test", "why?")),
        *(("small.jpg", "test", "what?"), ("3.png", "test", "what?")),
    )
    example = "e.g. copy.png = 0.png"
    assert [text.removeprefix("test question ") for text in told] == [
        "about an image of train or val: 1 of 5 rows, e.g. 2.png",
        f"about an image that train or val has under another name: 2 of 5 rows, {example}, ...",
        "about an image that looks like one of train or val: 1 of 5 rows, e.g. small.jpg = 1.png",
        "that train or val asks about the same image: 1 of 5 rows, e.g. 4",
    ]


@pytest.mark.parametrize("train", [(), ("1.png",)])
def test_data_without_train_or_with_unlike_images_is_fine(
    train: tuple[str, ...], tmp_path: Path
) -> None:
    for seed in range(2):
        photo(seed).save(tmp_path / f"{seed}.png")
    rows = [("0.png", "test", "what?"), *((image, "train", "what?") for image in train)]
    assert found(tmp_path, *rows) == ([], {})
