import json
from typing import Any

import numpy as np
import pytest

from vqa_cli.data.example import Example
from vqa_cli.data.row_answers import RowAnswers
from vqa_cli.data.rows import Rows
from vqa_cli.data.statistics import MOST, statistics


def described(*examples: Example) -> dict[str, Any]:
    rows = Rows()
    for example in examples:
        rows.add(example, example.image)
    usable = np.array([example.question != "left out" for example in examples])
    answers = RowAnswers.of(rows)
    result = statistics(rows, usable, rows.split_of, answers, answers.main())
    assert json.loads(json.dumps(result)) == result
    return result


def example(answers: tuple[str, ...] = ("red",), split: str = "train", **more: Any) -> Example:
    values = {"image": "a.png", "question": "what?", "question_id": "1", **more}
    return Example(answers=answers, split=split, **values)


def test_a_split_is_counted() -> None:
    result = described(
        example(question_type="color", answer_type="other"),
        example(("Red",), image="b.png", question_type="color"),
        example(("blue",), question_type="shape", answer_type="other"),
        example(("green",), question="left out"),
        example(("blue",), split="test"),
        example(("pink",), split="test"),
        example((), split="test"),
    )
    assert result == {
        "train": {
            "questions": 3,
            "images": 2,
            "answered": 3,
            "distinct_answers": 2,
            "answers_seen_once": 1,
            "most_frequent": {"answer": "red", "share": pytest.approx(2 / 3)},
            "upper_bound": 1.0,
            "question_types": {"color": 2, "shape": 1},
            "answer_types": {"other": 2},
            "scripts": {"Latin": 3},
        },
        "test": {
            "questions": 3,
            "images": 1,
            "answered": 2,
            "distinct_answers": 2,
            "answers_seen_once": 2,
            "most_frequent": {"answer": "blue", "share": 0.5},
            "upper_bound": 0.5,
            "question_types": {},
            "answer_types": {},
            "scripts": {"Latin": 3},
        },
    }


def test_of_several_annotators_the_most_frequent_answer_counts() -> None:
    answers = ("no",) * 4 + ("yes",) * 6
    result = described(*[example(answers, answer_kind="annotators")] * 2)["train"]
    assert result["most_frequent"] == {"answer": "yes", "share": 1.0}
    assert result["distinct_answers"] == 1


def test_without_answers_or_without_train_there_is_nothing_to_compare() -> None:
    test = described(example((), split="test"))["test"]
    assert (test["most_frequent"], test["upper_bound"]) == (None, None)
    assert described(example(split="test"))["test"]["upper_bound"] is None


def test_languages_are_those_that_the_source_says() -> None:
    result = described(
        example(extra={"language": "en"}),
        example(question="什么颜色", extra={"language": "zh", "more": 1}),
        example(extra={}),
    )["train"]
    assert result["languages"] == {"en": 1, "zh": 1}
    assert "scripts" not in result


@pytest.mark.parametrize(
    ("question", "script"),
    [
        ("what?", "Latin"),
        ("màu gì là của chiếc váy", "Latin"),
        ("这是什么 MRI?", "Han"),
        ("これは何ですか", "Japanese"),
        ("무엇입니까", "Hangul"),
        ("что это", "Cyrillic"),
        ("ما هذا", "Arabic"),
        ("यह क्या है", "Devanagari"),
        ("🟥…", "(other)"),
    ],
)
def test_scripts_stand_where_the_source_says_no_language(question: str, script: str) -> None:
    assert described(example(question=question))["train"]["scripts"] == {script: 1}


def test_many_types_are_cut_to_the_most_frequent() -> None:
    examples = [example(question_type=f"{n:02}") for n in range(MOST + 5)]
    counted = described(*examples, example(question_type="24"))["train"]["question_types"]
    assert list(counted)[:2] == ["24", "00"]
    assert len(counted) == MOST + 1
    assert counted["(other)"] == 5
    assert sum(counted.values()) == MOST + 6
