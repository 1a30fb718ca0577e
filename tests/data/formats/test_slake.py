from dataclasses import replace
from pathlib import Path

import pytest

from tests.data.formats.reading import found_image, read
from tests.data.formats.slake_fixture import (
    MODALITY,
    row,
    slake,
    slake_hf,
    slake_images,
    slake_nested,
    write_rows,
)
from vqa_cli.config import PrepareSettings
from vqa_cli.data.example import Example
from vqa_cli.data.prepare import prepare
from vqa_cli.errors import DataError

FURTHER = {"location": "Abdomen", "modality": "MRI", "base_type": "vqa"}
ENGLISH = Example(
    image="xmlab1/source.jpg",
    question="What modality is used to take this image?",
    answers=("MRI",),
    question_id="0",
    split="train",
    question_type="Modality",
    answer_type="OPEN",
    extra={"language": "en", **FURTHER},
)
CHINESE = Example(
    image="xmlab1/source.jpg",
    question="图中有肝脏吗?",
    answers=("有",),
    question_id="7",
    split="train",
    question_type="Organ",
    answer_type="CLOSED",
    extra={"language": "zh", **FURTHER},
)
EXPECTED = [
    ENGLISH,
    CHINESE,
    replace(ENGLISH, image="xmlab2/source.jpg", question_id="1", split="val"),
    replace(
        ENGLISH,
        image="xmlab3/source.jpg",
        question_id="2",
        split="test",
        answer_type="CLOSED",
    ),
]


def test_the_archive(tmp_path: Path) -> None:
    slake(tmp_path)
    assert read(tmp_path) == (EXPECTED, [])
    assert found_image(tmp_path, ENGLISH.image) == "imgs/xmlab1/source.jpg"


def test_the_copy_of_hugging_face(tmp_path: Path) -> None:
    slake_hf(tmp_path)
    assert read(tmp_path) == (EXPECTED, [])


def test_one_language_alone(tmp_path: Path) -> None:
    slake(tmp_path)
    settings = PrepareSettings(language="en")
    assert prepare(tmp_path, tmp_path / "en", settings).splits == {"train": 1, "val": 1, "test": 1}
    with pytest.raises(DataError, match="--language vi: there are en, zh"):
        prepare(tmp_path, tmp_path / "vi", PrepareSettings(language="vi"))


def test_the_lists_beside_the_images_have_no_split_and_no_ids(tmp_path: Path) -> None:
    slake_images(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples[:2] == [
        replace(ENGLISH, question_id="xmlab1-1", split=None),
        replace(CHINESE, question_id="xmlab1-2", split=None, question_type=None),
    ]
    assert [example.question_id for example in examples[2:]] == [
        *("xmlab2-1", "xmlab2-2"),
        *("xmlab3-1", "xmlab3-2"),
    ]
    assert found_image(tmp_path, "xmlab3/source.jpg") == "Slake/imgs/xmlab3/source.jpg"
    assert read(tmp_path / "Slake")[0] == examples


def test_the_list_beside_one_image(tmp_path: Path) -> None:
    slake_images(tmp_path)
    place = tmp_path / "Slake/imgs/xmlab2"
    assert [example.question_id for example in read(place)[0]] == ["xmlab2-1", "xmlab2-2"]
    assert found_image(place, "xmlab2/source.jpg") == "source.jpg"


def test_a_nested_copy(tmp_path: Path) -> None:
    slake_nested(tmp_path)
    examples, problems = read(tmp_path)
    assert examples[:2] == [
        Example(
            image="xmlab1/source.jpg",
            question="What modality is used to take this image?",
            answers=("MRI",),
            question_id="xmlab1-1",
            split="train",
            answer_type="OPEN",
            extra={"language": "en"},
        ),
        Example(
            image="xmlab1/source.jpg",
            question="图中有肝脏吗?",
            answers=("有",),
            question_id="xmlab1-2",
            split="train",
            answer_type="CLOSED",
            extra={"language": "zh"},
        ),
    ]
    assert [(e.question_id, e.split) for e in examples[2:]] == [
        *(("xmlab2-1", "val"), ("xmlab2-2", "val")),
        *(("xmlab3-1", "test"), ("xmlab3-2", "test")),
    ]
    assert problems == [
        (
            "question without q_lang (its letters tell the language): 6 rows, "
            "e.g. What modality is used to take this image?, 图中有肝脏吗?, ..."
        )
    ]


def test_rows_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    nested = {"image_id": "xmlab4/source.jpg", "questions": ["oops", {"question": "Why?"}]}
    write_rows(tmp_path / "train.json", [MODALITY, row(2, answer={}), None, nested])
    examples, problems = read(tmp_path)
    assert [(example.image, example.answers) for example in examples] == [
        ("xmlab1/source.jpg", ("MRI",)),
        ("xmlab4/source.jpg", ()),
    ]
    assert problems == [
        "answer that is no text: 1 row, e.g. <class 'dict'> (train.json entry 1)",
        "entry of train.json that is no object: 2 rows, e.g. entry 2, entry 3",
        "question without q_lang (its letters tell the language): 1 row, e.g. Why?",
    ]


def test_both_names_of_validation_are_an_error(tmp_path: Path) -> None:
    slake(tmp_path)
    write_rows(tmp_path / "validation.json", [row(2)])
    with pytest.raises(DataError, match=r"validate.json and validation.json are both of val"):
        read(tmp_path)


def test_a_folder_without_the_files_is_an_error(tmp_path: Path) -> None:
    write_rows(tmp_path / "train.json", [{"question": "a?", "answer": "b"}])
    with pytest.raises(DataError, match="holds no questions of SLAKE"):
        read(tmp_path, "slake")
