from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluation.fakes import FileNameModel, question
from vqa_cli.evaluation.predictions import (
    best_classes,
    by_image,
    choice_among,
    predict,
)

ROOT = Path("photos")


def ask(questions, *answers, **more):
    model = FileNameModel(*answers)
    return predict(model, questions, by_image(questions, ROOT), **more), model


def test_each_image_is_given_once_and_the_order_is_kept():
    questions = [
        question(1, "red.png", "what colour?"),
        question(2, "circle.png", "what shape?"),
        question(3, "red.png", "where?"),
    ]
    found, model = ask(questions, "red", "circle")
    assert [predicted.answer for predicted in found] == ["red", "circle", "red"]
    assert model.seen == [
        (ROOT / "red.png", ["what colour?", "where?"]),
        (ROOT / "circle.png", ["what shape?"]),
    ]


def test_the_best_answers_with_their_confidences():
    (found,), _ = ask([question(1, "b.png", "?")], "a", "b", "c", top_k=2)
    assert found.answers == (("b", pytest.approx(0.8)), ("a", pytest.approx(0.15)))
    assert (found.answer, found.confidence) == found.answers[0]
    (found,), _ = ask([question(1, "b.png", "?")], "a", "b", "c", top_k=9)
    assert [answer for answer, _ in found.answers] == ["b", "a", "c"]


def test_watched_answers():
    (found,), _ = ask([question(1, "b.png", "?")], "a", "b", "c", watched=["C", "zebra", "b"])
    assert found.watched == (pytest.approx(0.05), 0.0, pytest.approx(0.8))


def test_the_best_choice_need_not_be_the_best_answer():
    questions = [
        question(1, "b.png", "?", choices=("c", "zebra", "A")),
        question(2, "b.png", "?", choices=("zebra", "horse")),
        question(3, "b.png", "?"),
    ]
    found, _ = ask(questions, "a", "b", "c")
    assert [predicted.choice for predicted in found] == ["A", None, None]


@given(st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.3]), min_size=1, max_size=12), st.integers(1, 15))
def test_best_classes_are_those_of_a_stable_sort(values, count):
    row = np.array(values)
    assert best_classes(row, count) == np.argsort(-row, kind="stable")[:count].tolist()


def test_a_choice_is_compared_by_key_and_spelt_as_a_choice():
    assert choice_among(("Dog", "Cat", "cat"), ["kitten", "CAT", "dog"]) == "Cat"
    assert choice_among(("dog",), ["cat"]) is None
    assert choice_among((), ["cat"]) is None
