import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa_cli.data.answers import answer_key
from vqa_cli.data.vocabulary import AnswerVocabulary, countable_answers
from vqa_cli.errors import DataError, ModelError


def test_answers_are_ordered_by_count_then_by_key_and_spelt_as_most_do() -> None:
    answers = ["no", "Yes", "yes", "yes ", "blue", "YES", "azure", "no"]
    vocabulary = AnswerVocabulary.build(answers)
    assert vocabulary.answers == ("YES", "no", "azure", "blue")
    assert vocabulary.counts == (4, 2, 1, 1)
    assert vocabulary.index(" yEs") == 0
    assert vocabulary.index("maybe") is None


def test_the_most_frequent_surface_form_answers() -> None:
    assert AnswerVocabulary.build(["TV", "tv", "TV"]).answers == ("TV",)


def test_top_and_min_count_leave_out_and_coverage_tells() -> None:
    answers = ["a"] * 6 + ["b"] * 3 + ["c"]
    vocabulary = AnswerVocabulary.build(answers, top=1)
    assert (vocabulary.answers, vocabulary.coverage) == (("a",), 0.6)
    assert (vocabulary.train_answers, vocabulary.train_distinct) == (10, 3)
    assert AnswerVocabulary.build(answers, min_count=3).answers == ("a", "b")
    assert AnswerVocabulary.build([]).coverage == 0


def test_of_a_set_the_first_answer_counts() -> None:
    assert countable_answers(("table", "chair"), "set") == ("table",)
    assert countable_answers(("table", "chair"), "alternatives") == ("table", "chair")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8)))
def test_it_is_the_same_in_any_order_and_after_saving(answers: list[str]) -> None:
    vocabulary = AnswerVocabulary.build(answers)
    assert AnswerVocabulary.build(sorted(answers)) == vocabulary
    assert len(vocabulary) == len({answer_key(answer) for answer in answers} - {""})
    for answer in answers:
        index = vocabulary.index(answer)
        assert (index is None) == (not answer_key(answer))
        if index is not None:
            assert answer_key(vocabulary.answers[index]) == answer_key(answer)


def test_saving_and_loading_keep_it(tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    vocabulary = AnswerVocabulary.build(["红色", "đỏ", "red", "two\nlines"], top=3)
    vocabulary.save(path)
    first = path.read_bytes()
    assert AnswerVocabulary.load(path) == vocabulary
    vocabulary.save(path)
    assert path.read_bytes() == first


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "damaged"),
        ("[]", "damaged"),
        (json.dumps({"format_version": 1, "answers": [{"answer": "a"}]}), "damaged"),
        (json.dumps({"format_version": 2}), "has format version 2"),
        (
            json.dumps(
                {
                    "format_version": 1,
                    "train_answers": 2,
                    "train_distinct": 1,
                    "answers": [{"answer": "a", "count": 1}, {"answer": "A", "count": 1}],
                }
            ),
            "stands there twice",
        ),
    ],
)
def test_a_damaged_or_newer_file_is_an_error(content: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    path.write_text(content)
    with pytest.raises(ModelError, match=told):
        AnswerVocabulary.load(path, error=ModelError)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        AnswerVocabulary.load(tmp_path / "answers.json")


def test_a_vocabulary_grows_behind_its_end() -> None:
    old = AnswerVocabulary.build({"Red": 5, "blue": 3, "two": 1}, top=2)
    new = AnswerVocabulary.build({"green": 9, "red": 4, "blue ": 1, "Yes": 1})
    grown = old.grown(new)
    assert grown.answers == ("Red", "blue", "green", "Yes")
    assert grown.counts == (9, 4, 9, 1)
    assert (grown.train_answers, grown.train_distinct) == (24, 5)
    assert [grown.index(answer) for answer in old.answers] == [0, 1]


def test_growing_by_nothing_new_changes_no_answer(tmp_path: Path) -> None:
    old = AnswerVocabulary.build({"a cat": 5, "dog": 3})
    grown = old.grown(old)
    assert grown.answers == old.answers
    assert grown.train_distinct == old.train_distinct
    grown.save(tmp_path / "answers.json")
    assert AnswerVocabulary.load(tmp_path / "answers.json") == grown
