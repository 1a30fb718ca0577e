from pathlib import Path

import pytest

from tests.data.formats.okvqa_fixture import okvqa
from tests.data.formats.reading import found_image, read
from tests.data.formats.vqa_v1_fixture import vqa_v1
from vqa_cli.data.detect import claims
from vqa_cli.data.example import Example
from vqa_cli.data.source import Source
from vqa_cli.errors import DataError


def test_the_stemmed_answers_are_read(tmp_path: Path) -> None:
    okvqa(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image=f"COCO_{folder}_{image_id:012d}.jpg",
            question="What sport can you use this for?",
            answers=("race",) * 6 + ("motocross",) * 4,
            answer_kind="annotators",
            question_id=question_id,
            split=split,
            question_type="four",
            answer_type="other",
        )
        for split, folder, image_id, question_id in (
            ("train", "train2014", 51606, "516065"),
            ("val", "val2014", 297147, "2971475"),
        )
    ]
    assert found_image(tmp_path, examples[1].image) == "val2014/COCO_val2014_000000297147.jpg"


def test_it_is_told_from_vqa_v1_which_has_its_names(tmp_path: Path) -> None:
    okvqa(tmp_path / "okvqa")
    vqa_v1(tmp_path / "vqa")
    assert claims(Source(tmp_path)) == ["ok-vqa", "vqa-v1"]
    assert {example.question_id for example in read(tmp_path, "ok-vqa")[0]} == {
        "516065",
        "2971475",
    }
    assert {example.question_id for example in read(tmp_path, "vqa-v1")[0]} == {"2620", "4587520"}


def test_the_file_of_one_split_is_recognised_by_the_annotations_beside_it(tmp_path: Path) -> None:
    okvqa(tmp_path)
    file = tmp_path / "OpenEnded_mscoco_val2014_questions.json"
    assert claims(Source(file)) == ["ok-vqa"]
    assert [example.split for example in read(file)[0]] == ["val"]


def test_a_folder_of_something_else_is_an_error(tmp_path: Path) -> None:
    vqa_v1(tmp_path)
    with pytest.raises(DataError, match="holds no questions JSON of OK-VQA"):
        read(tmp_path, "ok-vqa")
