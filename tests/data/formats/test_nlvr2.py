from pathlib import Path

import numpy as np
import pytest

from tests.data.formats.nlvr2_fixture import (
    DEV,
    TEST2,
    TRAIN,
    WALKWAY,
    line,
    nlvr2,
    save_pair,
    write_lines,
)
from tests.data.formats.reading import found_image, read
from tests.data.layouts import write_text
from vqa_cli.config import PrepareSettings
from vqa_cli.data.example import Example
from vqa_cli.data.images import read_image
from vqa_cli.data.prepare import prepare
from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.errors import DataError

DINGOES = Example(
    image="42/train-10171-0-img0.png",
    beside="42/train-10171-0-img1.png",
    question="There are two dingoes.",
    answers=("True",),
    question_id="train-10171-0-0",
    split="train",
    group="train-10171",
    extra={"consistency_group": "train-10171--0"},
)


def test_a_line_is_an_example_about_two_images(tmp_path: Path) -> None:
    nlvr2(tmp_path)
    examples, problems = read(tmp_path)
    walkway = str(WALKWAY["sentence"])
    assert examples == [
        DINGOES,
        Example(
            image="42/train-10171-1-img0.png",
            beside="42/train-10171-1-img1.png",
            question="There are two dingoes.",
            answers=("False",),
            question_id="train-10171-1-0",
            split="train",
            group="train-10171",
            extra={"consistency_group": "train-10171--0"},
        ),
        Example(
            image="42/train-10171-0-img0.png",
            beside="42/train-10171-0-img1.png",
            question="A dingo barks.",
            answers=("False",),
            question_id="train-10171-0-1",
            split="train",
            group="train-10171",
            extra={"consistency_group": "train-10171--1"},
        ),
        Example(
            image="dev-850-0-img0.png",
            beside="dev-850-0-img1.png",
            question=walkway,
            answers=("False",),
            question_id="dev-850-0-0",
            split="val",
            group="dev-850",
            extra={"consistency_group": "dev-850--0"},
        ),
        Example(
            image="dev-850-1-img0.png",
            beside="dev-850-1-img1.png",
            question=walkway,
            answers=("True",),
            question_id="dev-850-1-0",
            split="val",
            group="dev-850",
            extra={"consistency_group": "dev-850--0"},
        ),
        Example(
            image="test1-0-1-img0.png",
            beside="test1-0-1-img1.png",
            question=walkway,
            answers=("True",),
            question_id="test1-0-1-0",
            split="test",
            group="test1-0",
            extra={"consistency_group": "test1-0--0"},
        ),
    ]
    assert problems == [
        (
            "not read: balanced/balanced_dev.json, test2.json (train.json, dev.json, test1.json "
            "instead); to use one of them, prepare it by itself"
        )
    ]


def test_the_images_of_train_are_in_numbered_folders_or_in_one(tmp_path: Path) -> None:
    nlvr2(tmp_path)
    stem = "images/train/42/train-10171-0"
    assert found_image(tmp_path, DINGOES.image) == f"{stem}-img0.png"
    assert found_image(tmp_path, "dev-850-0-img1.png") == "dev/dev-850-0-img1.png"
    for image in (tmp_path / "images/train/42").iterdir():
        image.rename(tmp_path / "images/train" / image.name)
    assert found_image(tmp_path, DINGOES.image) == "images/train/train-10171-0-img0.png"


def test_the_two_images_are_prepared_as_one(tmp_path: Path) -> None:
    nlvr2(tmp_path)
    prepared = prepare(tmp_path, tmp_path / "out", PrepareSettings())
    assert prepared.splits == {"train": 3, "val": 2, "test": 1}
    assert prepared.images == 5
    dataset = PreparedDataset.open(tmp_path / "out")
    image = dataset.rows("val")["image"][0]
    both = read_image(dataset.image_root / image, max_pixels=10_000)
    assert both.size == (32, 16)
    pixels = np.asarray(both)
    assert pixels[8, 8].argmax() == 0  # red on the left
    assert pixels[8, 24].argmax() == 2  # blue on the right


def test_the_second_test_is_read_by_itself(tmp_path: Path) -> None:
    write_lines(tmp_path / "test2.json", TEST2)
    save_pair(tmp_path / "test2/test2-189-0")
    (example,) = read(tmp_path)[0]
    assert (example.question_id, example.split) == ("test2-189-0-0", "test")
    assert found_image(tmp_path, example.image) == "test2/test2-189-0-img0.png"


def test_a_test_may_have_no_labels(tmp_path: Path) -> None:
    unlabelled = {key: value for key, value in TEST2[0].items() if key != "label"}
    write_lines(tmp_path / "test2.json", [unlabelled, unlabelled])
    assert [example.answers for example in read(tmp_path)[0]] == [(), ()]


def test_lines_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    entries = [*DEV, line("dev-1-0", "True"), line("dev-1-0-0", "maybe"), line("dev-2-0-0", "true")]
    write_lines(tmp_path / "dev.json", entries)
    examples, problems = read(tmp_path)
    assert [(example.question_id, *example.answers) for example in examples] == [
        ("dev-850-0-0", "False"),
        ("dev-850-1-0", "True"),
        ("dev-2-0-0", "True"),
    ]
    assert problems == [
        "identifier that is not like dev-850-0-0: 1 row, e.g. 'dev-1-0' (dev.json entry 2)",
        "label that is neither True nor False: 1 row, e.g. 'maybe' (dev.json entry 3)",
    ]


def test_a_split_that_is_there_twice_is_an_error(tmp_path: Path) -> None:
    nlvr2(tmp_path)
    write_lines(tmp_path / "copy/train.json", TRAIN)
    with pytest.raises(DataError, match=r"copy/train.json and train.json are both of train"):
        read(tmp_path)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    write_lines(tmp_path / "dev.json", DEV)
    with (tmp_path / "dev.json").open("a") as stream:
        stream.write('{"identifier": oops}\n')
    with pytest.raises(DataError, match=r"dev.json: no valid JSON at line 3, column 16"):
        read(tmp_path)


def test_the_synthetic_nlvr_is_not_nlvr2(tmp_path: Path) -> None:
    write_text(tmp_path / "dev.json", '{"sentence": "a", "identifier": "2068-2"}\n' * 2)
    with pytest.raises(DataError, match="holds no JSON lines of NLVR2"):
        read(tmp_path, "nlvr2")
