from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny_runs import tiny_preprocessor
from vqa_cli.data.preprocessor import normalize_question
from vqa_cli.errors import DataError
from vqa_cli.inference.explanation_words import without_each_word, words_of


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("what color is the circle?", "what color is the circle"),
        ("  ¿dónde   está?", "dónde está"),
        ("isn't it big-ish (or not)?", "isn't it big-ish or not"),
        ("红色的圆形在哪里？", "红 色 的 圆 形 在 哪 里"),
        ("何色ですか？ボールは", "何 色 ですか ボール は"),
        ("ما لون الدائرة؟", "ما لون الدائرة"),
        ("is the 🔴 there", "is the 🔴 there"),
        ("one - two", "one two"),
        ("?!", "?!"),
    ],
)
def test_words_are_what_people_take_for_words(question: str, words: str) -> None:
    assert [word.text for word in words_of(question)] == words.split(" ")


@given(st.text())
def test_words_lie_where_they_say(question: str) -> None:
    try:
        text = normalize_question(question)
    except DataError:
        return
    words = words_of(question)
    assert words
    assert all(text[word.start : word.end] == word.text for word in words)
    assert all(one.end <= other.start for one, other in pairwise(words))
    assert len(list(without_each_word(tiny_preprocessor(), question))) == len(words)
    assert all(without_each_word(tiny_preprocessor(), question))


def test_leaving_a_word_out_is_asking_without_it() -> None:
    preprocessor = tiny_preprocessor()
    found = list(without_each_word(preprocessor, "is there a red triangle?"))
    asked = ["there a red triangle?", "is a red triangle?", "is there red triangle?"]
    asked += ["is there a triangle?", "is there a red?"]
    assert found == preprocessor.token_ids(asked)


def test_an_only_word_becomes_unknown() -> None:
    preprocessor = tiny_preprocessor()
    names = [
        preprocessor.tokenizer.id_to_token(i)
        for i in next(without_each_word(preprocessor, "where?"))
    ]
    assert names == ["[CLS]", "[UNK]", "?", "[SEP]"]
