import json
from pathlib import Path
from typing import Any

import pytest

from tests.data.formats.reading import found_image, read
from tests.data.layouts import vqa_v2, write_text, write_vqa_v2
from tests.drawing import save_image
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError

QUESTIONS = "v2_OpenEnded_mscoco_train2014_questions.json"
ANNOTATIONS = "v2_mscoco_train2014_annotations.json"


def change(path: Path, key: str, **values: Any) -> None:
    content = json.loads(path.read_text())
    content[key][0].update(values)
    path.write_text(json.dumps(content))


def test_questions_meet_their_annotations(tmp_path: Path) -> None:
    vqa_v2(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert [example.split for example in examples] == ["train", "val"]
    assert examples[0] == Example(
        image="COCO_train2014_000000458752.jpg",
        question="What is this photo taken looking through?",
        answers=("net",) * 7 + ("netting",) * 3,
        answer_kind="annotators",
        question_id="458752000",
        split="train",
        question_type="what is this",
        answer_type="other",
    )


@pytest.mark.parametrize("folder", ["train2014", "images/train2014", "images", "."])
def test_images_are_found_in_the_usual_folders(folder: str, tmp_path: Path) -> None:
    write_vqa_v2(tmp_path, "train2014", 7)
    save_image(tmp_path / folder / "COCO_train2014_000000000007.jpg")
    found = found_image(tmp_path, read(tmp_path)[0][0].image)
    assert (tmp_path / found).is_file()


def test_a_test_split_has_no_annotations_and_test_dev_is_part_of_it(tmp_path: Path) -> None:
    for subtype in ("test2015", "test-dev2015"):
        write_vqa_v2(tmp_path, subtype, 9, answered=False)
    (example,) = read(tmp_path)[0]
    assert (example.split, example.answers) == ("test", ())
    assert example.image == "COCO_test2015_000000000009.jpg"


def test_train_without_annotations_is_an_error(tmp_path: Path) -> None:
    write_vqa_v2(tmp_path, "train2014", 7, answered=False)
    with pytest.raises(DataError, match=f"no annotations for {QUESTIONS}"):
        read(tmp_path)


def test_what_does_not_match_is_counted(tmp_path: Path) -> None:
    write_vqa_v2(tmp_path, "train2014", 7)
    change(tmp_path / QUESTIONS, "questions", question_id=1)
    examples, problems = read(tmp_path)
    assert examples == []
    assert problems == [
        "question that no annotation matches: 1 row, e.g. question_id 1",
        "annotation that no question matches: 1 row, e.g. question_id 7000",
    ]


@pytest.mark.parametrize(
    "values", [{"question": None}, {"image_id": "seven"}, {"image_id": None}, {"question": 5}]
)
def test_a_row_of_wrong_types_is_counted(values: dict[str, Any], tmp_path: Path) -> None:
    write_vqa_v2(tmp_path, "train2014", 7)
    change(tmp_path / QUESTIONS, "questions", **values)
    examples, problems = read(tmp_path)
    assert examples == []
    assert len(problems) == 1
    assert "that is not as VQA v2 has it: 1 row, e.g. entry 0" in problems[0]


def test_two_files_of_one_split_are_an_error(tmp_path: Path) -> None:
    write_vqa_v2(tmp_path, "train2014", 7)
    text = (tmp_path / QUESTIONS).read_text()
    write_text(tmp_path / "OpenEnded_mscoco_train2014_questions.json", text)
    with pytest.raises(DataError, match="are both of train2014"):
        read(tmp_path)


def test_the_split_may_stand_in_the_name_alone(tmp_path: Path) -> None:
    write_vqa_v2(tmp_path, "train2014", 7)
    for name in (QUESTIONS, ANNOTATIONS):
        content = json.loads((tmp_path / name).read_text())
        del content["data_subtype"]
        (tmp_path / name).write_text(json.dumps(content))
    assert read(tmp_path)[0][0].split == "train"
    (tmp_path / QUESTIONS).rename(tmp_path / "questions.json")
    with pytest.raises(DataError, match="says neither in data_subtype nor in its name"):
        read(tmp_path)


def test_a_list_that_is_none_is_an_error(tmp_path: Path) -> None:
    write_vqa_v2(tmp_path, "train2014", 7)
    content = json.loads((tmp_path / ANNOTATIONS).read_text())
    content["annotations"].append("oops")
    (tmp_path / ANNOTATIONS).write_text(json.dumps(content))
    with pytest.raises(DataError, match='"annotations" must be a list of objects'):
        read(tmp_path)


def test_a_folder_without_the_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no questions JSON of VQA v2"):
        read(tmp_path, "vqa-v2")
