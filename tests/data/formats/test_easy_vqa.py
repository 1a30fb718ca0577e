import json
from pathlib import Path

import pytest

from tests.data.formats.reading import found_image, read
from tests.data.layouts import easy_vqa, write_text
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError


def test_triples_become_examples(tmp_path: Path) -> None:
    easy_vqa(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert [example.split for example in examples] == ["train", "train", "test", "test"]
    assert examples[3] == Example(
        image="test/images/0.png",
        question="is it red?",
        answers=("yes",),
        question_id="test-1",
        split="test",
    )
    assert found_image(tmp_path, examples[3].image) == "test/images/0.png"


def test_an_entry_that_is_no_triple_is_counted(tmp_path: Path) -> None:
    easy_vqa(tmp_path)
    entries = [["q?", "a", 0], ["q?", "a"], ["q?", 3, 0], ["q?", "a", -1], ["q?", "a", True]]
    write_text(tmp_path / "train/questions.json", json.dumps(entries))
    examples, problems = read(tmp_path)
    assert len(examples) == 3
    assert problems == [
        (
            'entry of train/questions.json that is no ["question", "answer", 0]: 4 rows, '
            "e.g. entry 1, entry 2, entry 3, ..."
        )
    ]


def test_broken_json_names_line_and_column(tmp_path: Path) -> None:
    write_text(tmp_path / "train/questions.json", '[["a?", "b", 0],\n oops]')
    with pytest.raises(DataError, match=r"questions.json: no valid JSON at line 2, column 2"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("content", "told"), [("{}", "must be a list, it is a dict"), ("[" * 100_000, "too deeply")]
)
def test_another_content_under_the_name_is_an_error(
    content: str, told: str, tmp_path: Path
) -> None:
    write_text(tmp_path / "train/questions.json", content)
    with pytest.raises(DataError, match=told):
        read(tmp_path, "easy-vqa")


def test_a_folder_without_the_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds none of train/questions.json"):
        read(tmp_path, "easy-vqa")
