import json
from pathlib import Path

import pytest

from tests.data.formats.reading import found_image, read
from tests.data.formats.textvqa_fixture import ANSWERS, textvqa
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError


def test_val_has_its_images_among_those_of_train(tmp_path: Path) -> None:
    textvqa(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image=f"{image}.jpg",
            question="what is the brand of this camera?",
            answers=answers,
            answer_kind="annotators",
            question_id=question_id,
            split=split,
        )
        for image, question_id, split, answers in (
            ("0054c91397f2fe05", "34602", "train", tuple(ANSWERS)),
            ("003a8ae2ef43b901", "34603", "val", tuple(ANSWERS)),
            ("a6d2bcfa0ca8d1d4", "34604", "test", ()),
        )
    ]
    assert [found_image(tmp_path, example.image) for example in examples] == [
        "train_images/0054c91397f2fe05.jpg",
        "train_images/003a8ae2ef43b901.jpg",
        "test_images/a6d2bcfa0ca8d1d4.jpg",
    ]


def test_the_split_may_stand_in_the_rows_or_in_the_name_alone(tmp_path: Path) -> None:
    textvqa(tmp_path)
    val, test = (tmp_path / f"TextVQA_0.5.1_{split}.json" for split in ("val", "test"))
    for path, key in ((val, "dataset_type"), (test, "set_name")):
        content = json.loads(path.read_text())
        del (content if key in content else content["data"][0])[key]
        path.write_text(json.dumps(content))
    assert [example.split for example in read(tmp_path)[0]] == ["train", "val", "test"]


def test_two_files_of_one_split_are_an_error(tmp_path: Path) -> None:
    textvqa(tmp_path)
    file = tmp_path / "TextVQA_0.5.1_val.json"
    (tmp_path / "TextVQA_0.5_val.json").write_text(file.read_text())
    with pytest.raises(DataError, match="are both of val"):
        read(tmp_path)


def test_a_folder_of_something_else_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no questions of TextVQA"):
        read(tmp_path, "textvqa")
