import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.formats.reading import found_image, read
from tests.data.layouts import vqa_v2, write_text, write_vqa_v2
from tests.drawing import save_image
from vqa_cli.data.detect import choose_layout
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.source import Source
from vqa_cli.errors import DataError

EXCERPT = Path(__file__).parents[3].parent / "shared/data/vqa_v2_excerpt"

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
    ("values", "problem"),
    [
        ({"question": 5.5}, None),
        ({"question": []}, "question that is no text"),
        ({"image_id": "seven"}, "image_id that is no number"),
        ({"image_id": None}, "image_id that is no number"),
        ({"question_id": None}, "question that no annotation matches"),
        ({"question_id": [1]}, "question that no annotation matches"),
    ],
)
def test_a_row_of_wrong_types_is_counted(
    values: dict[str, Any], problem: str | None, tmp_path: Path
) -> None:
    write_vqa_v2(tmp_path, "train2014", 7)
    change(tmp_path / QUESTIONS, "questions", **values)
    examples, problems = read(tmp_path)
    assert [example.question for example in examples] == ([] if problem else ["5.5"])
    assert problems[:1] == ([p for p in problems if p.startswith(f"{problem}: 1 row")])


@pytest.mark.parametrize(
    "answers",
    [
        5,
        "net",
        {},
        [{"answer": 5}],
        [{"answer": "net"}, "net"],
        [{"answer_id": 1}],
        [None],
        [["net"]],
    ],
    ids=str,
)
def test_answers_of_wrong_types_are_counted(answers: Any, tmp_path: Path) -> None:
    write_vqa_v2(tmp_path, "train2014", 7)
    change(tmp_path / ANNOTATIONS, "annotations", answers=answers)
    examples, problems = read(tmp_path)
    assert examples == []
    assert len(problems) == 1
    assert problems[0].startswith("answers that are no list of texts: 1 row, e.g. ")
    assert problems[0].endswith(f"({QUESTIONS} entry 0)")


def test_a_question_without_an_id_is_counted(tmp_path: Path) -> None:
    write_vqa_v2(tmp_path, "train2014", 7)
    change(tmp_path / QUESTIONS, "questions", question_id=None)
    change(tmp_path / ANNOTATIONS, "annotations", question_id=None)
    assert read(tmp_path)[0] == []
    assert "question without a question_id: 1 row" in read(tmp_path)[1][0]


def test_two_files_of_one_split_are_an_error(tmp_path: Path) -> None:
    write_vqa_v2(tmp_path, "train2014", 7)
    text = (tmp_path / QUESTIONS).read_text()
    write_text(tmp_path / "v2_OpenEnded_mscoco_train2014_questions_copy.json", text)
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


@pytest.mark.parametrize(("key", "file"), [("questions", QUESTIONS), ("annotations", ANNOTATIONS)])
def test_an_entry_that_is_none_is_counted(key: str, file: str, tmp_path: Path) -> None:
    write_vqa_v2(tmp_path, "train2014", 7)
    content = json.loads((tmp_path / file).read_text())
    content[key] += ["oops", None]
    (tmp_path / file).write_text(json.dumps(content))
    examples, problems = read(tmp_path)
    assert len(examples) == 1
    assert problems == [
        f"{key.removesuffix('s')} that is no object: 2 rows, e.g. entry 1 ('oops'), entry 2 (None)"
    ]


def write_many(folder: Path, question_ids: Iterable[int], annotated: Iterable[int]) -> None:
    head = {"data_type": "mscoco", "data_subtype": "train2014"}
    questions = [
        {"image_id": n, "question": f"What is {n}?", "question_id": n} for n in question_ids
    ]
    annotations = [{"question_id": n, "answers": [{"answer": f"answer {n}"}]} for n in annotated]
    write_text(folder / QUESTIONS, json.dumps({**head, "questions": questions}))
    write_text(folder / ANNOTATIONS, json.dumps({**head, "annotations": annotations}))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    question_ids=st.lists(st.integers(0, 12), unique=True, min_size=1),
    annotated=st.lists(st.integers(0, 12), unique=True, min_size=1),
)
def test_every_question_meets_its_annotation_in_any_order(
    tmp_path: Path, question_ids: list[int], annotated: list[int]
) -> None:
    write_many(tmp_path, question_ids, annotated)
    examples, problems = read(tmp_path)
    both = set(question_ids) & set(annotated)
    assert {(example.question_id, example.question, example.answers) for example in examples} == {
        (str(n), f"What is {n}?", (f"answer {n}",)) for n in both
    }
    assert len(examples) == len(both)
    alone = (set(question_ids) - both, set(annotated) - both)
    assert [int(problem.split(": ")[1].split()[0]) for problem in problems] == [
        len(ids) for ids in alone if ids
    ]


@pytest.mark.parametrize("turned", [1, -1])
def test_an_id_that_is_there_twice_is_counted(turned: int, tmp_path: Path) -> None:
    lists = ([1, 2, 2, 3], [1, 3, 2])[::turned]
    write_many(tmp_path, *lists)
    examples, problems = read(tmp_path)
    assert sorted(example.question_id for example in examples) == ["1", "2", "3"]
    what = "question that no annotation" if turned == 1 else "annotation that no question"
    assert problems == [f"{what} matches: 1 row, e.g. question_id 2"]


def test_rows_in_the_same_order_are_not_collected(tmp_path: Path) -> None:
    write_many(tmp_path, range(5), range(5))
    content = (tmp_path / ANNOTATIONS).read_text()
    (tmp_path / ANNOTATIONS).write_text(content[:-40] + "oops")
    source = Source(tmp_path)
    examples = choose_layout(source).read(source).examples(Findings())
    assert next(examples).question_id == "0"
    with pytest.raises(DataError, match="no valid JSON at line 1"):
        list(examples)


def test_the_annotations_of_a_single_file_lie_beside_it(tmp_path: Path) -> None:
    vqa_v2(tmp_path)
    assert [example.split for example in read(tmp_path / QUESTIONS)[0]] == ["train"]


def test_the_annotations_may_lie_in_another_folder(tmp_path: Path) -> None:
    write_vqa_v2(tmp_path, "train2014", 7)
    for folder, name in (("Questions", QUESTIONS), ("Annotations", ANNOTATIONS)):
        (tmp_path / folder).mkdir()
        (tmp_path / name).rename(tmp_path / folder / name)
    assert len(read(tmp_path)[0]) == 1


def test_a_folder_without_the_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no questions JSON of VQA v2"):
        read(tmp_path, "vqa-v2")


@pytest.mark.skipif(not EXCERPT.is_dir(), reason=f"no {EXCERPT}")
def test_the_real_files() -> None:
    examples, problems = read(EXCERPT)
    assert problems == []
    assert len(examples) == 2962
    assert examples[1] == Example(
        image="COCO_train2014_000000170101.jpg",
        question="Is she holding an iPhone in her hands?",
        answers=(*("yes",) * 8, "not sure", "yes"),
        answer_kind="annotators",
        question_id="170101002",
        split="train",
        question_type="is",
        answer_type="yes/no",
    )
