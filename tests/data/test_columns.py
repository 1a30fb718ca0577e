from pathlib import Path

import pytest

from vqa_cli.data.columns import holds_questions, is_conversation, matched, needed_columns
from vqa_cli.errors import DataError


def test_columns_are_matched_by_their_usual_names_in_any_case() -> None:
    assert matched(["File Name", "Question", "Label", "qid", "more"]) == {
        "image": "File Name",
        "question": "Question",
        "answer": "Label",
        "question_id": "qid",
    }


def test_the_nearest_name_wins() -> None:
    assert matched(["image_id", "image", "answer", "answers"]) == {
        "image": "image",
        "answer": "answers",
    }


@pytest.mark.parametrize(
    ("names", "questions", "conversation"),
    [
        (["image", "question"], True, False),
        (["images", "texts"], True, True),
        (["images", "texts", "question"], False, False),
        (["image", "answer"], False, False),
    ],
)
def test_which_tables_hold_questions(names: list[str], questions: bool, conversation: bool) -> None:
    assert holds_questions(names) == questions
    assert is_conversation(names) == conversation


def test_answers_are_needed_unless_said() -> None:
    names = ["image", "question"]
    assert needed_columns(Path("test.csv"), names, answered=False) == dict(
        zip(names, names, strict=False)
    )
    with pytest.raises(DataError, match=r"train.csv: lacks the column answer; needed are image"):
        needed_columns(Path("train.csv"), names)


def test_a_column_that_is_there_twice_is_an_error() -> None:
    with pytest.raises(DataError, match=r"a.csv: has several columns called answer"):
        needed_columns(Path("a.csv"), ["image", "answer", "question", "answer"])
