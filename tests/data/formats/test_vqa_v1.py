from pathlib import Path

from tests.data.formats.reading import found_image, read
from tests.data.formats.vqa_v1_fixture import CHOICES, abstract, vqa_v1
from tests.data.layouts import write_vqa_v2
from vqa_cli.data.detect import claims
from vqa_cli.data.example import Example
from vqa_cli.data.source import Source


def test_questions_are_read_once_with_their_choices(tmp_path: Path) -> None:
    vqa_v1(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="COCO_train2014_000000458752.jpg",
            question="What is this photo taken looking through?",
            answers=("net",) * 6 + ("mesh",) * 4,
            answer_kind="annotators",
            question_id="4587520",
            split="train",
            question_type="what is this",
            answer_type="other",
            choices=CHOICES,
            extra={"correct_choice": 6},
        ),
        Example(
            image="COCO_test2015_000000000262.jpg",
            question="Is the ball flying?",
            answers=(),
            answer_kind="annotators",
            question_id="2620",
            split="test",
        ),
    ]


def test_abstract_scenes(tmp_path: Path) -> None:
    abstract(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="abstract_v002_train2015_000000011779.png",
            question="Who looks happier?",
            answers=("woman",) * 10,
            answer_kind="annotators",
            question_id="117790",
            split="train",
            question_type="what is this",
            answer_type="other",
        )
    ]
    name = "abstract_v002_train2015"
    assert found_image(tmp_path, examples[0].image) == (f"scene_img_{name}/{name}_000000011779.png")


def test_photos_and_abstract_scenes_go_together(tmp_path: Path) -> None:
    vqa_v1(tmp_path)
    abstract(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert sorted(example.question_id for example in examples) == ["117790", "2620", "4587520"]


def test_questions_without_choices_suffice(tmp_path: Path) -> None:
    vqa_v1(tmp_path)
    (tmp_path / "MultipleChoice_mscoco_train2014_questions.json").unlink()
    (answered,) = [example for example in read(tmp_path)[0] if example.split == "train"]
    assert (answered.choices, answered.extra) == (None, {})


def test_both_versions_in_one_folder_are_told_apart(tmp_path: Path) -> None:
    vqa_v1(tmp_path)
    write_vqa_v2(tmp_path, "train2014", 7)
    assert claims(Source(tmp_path)) == ["vqa-v1", "vqa-v2"]
    assert [example.question_id for example in read(tmp_path, "vqa-v2")[0]] == ["7000"]
    assert len(read(tmp_path, "vqa-v1")[0]) == 2


def test_the_name_tells_where_the_file_does_not(tmp_path: Path) -> None:
    write_vqa_v2(tmp_path, "train2014", 7)
    for file in tmp_path.glob("v2_*.json"):
        file.rename(tmp_path / file.name.removeprefix("v2_"))
    assert claims(Source(tmp_path)) == ["vqa-v1"]
