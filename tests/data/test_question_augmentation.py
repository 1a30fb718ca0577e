"""Other ways to ask: what changes, what never does, and that draws decide it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa_cli.data.question_augmentation import QuestionAugmentation, droppable
from vqa_cli.data.question_files import Template, read_templates

TOPICS = {"red": "color", "left": "side", "not": "denial", "2": "count", "what": "asked"}


def about(text: str) -> frozenset[str]:
    lowered = text.lower()
    words = "".join(letter if letter.isalnum() else " " for letter in lowered).split()
    phrases = {"count"} if "how many" in lowered else set()
    return frozenset({TOPICS[word] for word in words if word in TOPICS} | phrases)


def augmentation(
    *templates: list[str],
    synonyms: list[list[str]] | None = None,
    word_dropout: float = 0.0,
    seed: int = 0,
) -> QuestionAugmentation:
    parsed = [[Template.parse(text) for text in group] for group in templates]
    return QuestionAugmentation(seed, word_dropout, synonyms or [], parsed, about)


def all_ways(changed: QuestionAugmentation, question: str, draws: int = 60) -> set[str]:
    return {changed(question, draw) for draw in range(draws)}


# --- synonyms


@pytest.mark.parametrize(
    ("groups", "question", "ways"),
    [
        ([["sofa", "couch"]], "Is the sofa red ?", {"Is the sofa red ?", "Is the couch red ?"}),
        ([["sofa", "couch"]], "Sofa, or not?", {"Sofa, or not?", "Couch, or not?"}),
        ([["sofa", "couch"]], "IS THE SOFA RED?", {"IS THE SOFA RED?", "IS THE COUCH RED?"}),
        ([["TV", "television"]], "is the TV on?", {"is the TV on?", "is the television on?"}),
        ([["TV", "television"]], "the television?", {"the television?", "the TV?"}),
        ([["how many", "count of"]], "how  many men?", {"how  many men?", "count of men?"}),
        ([["sofa bed", "divan"], ["sofa", "couch"]], "a sofa bed?", {"a sofa bed?", "a divan?"}),
        ([["沙发", "长椅"]], "沙发是什么颜色？", {"沙发是什么颜色？", "长椅是什么颜色？"}),
        ([["ghế", "cái ghế"]], "ghế màu gì?", {"ghế màu gì?", "cái ghế màu gì?"}),
    ],
)  # fmt: skip
def test_synonyms_replace_whole_words_and_keep_case_and_punctuation(
    groups: list[list[str]], question: str, ways: set[str]
) -> None:
    assert all_ways(augmentation(synonyms=groups), question) == ways


@pytest.mark.parametrize(
    "question", ["a t-shirt?", "the shirtless man?", "the shirt's color?", "nothing  of that ?"]
)
def test_what_is_only_part_of_a_word_stays(question: str) -> None:
    assert all_ways(augmentation(synonyms=[["shirt", "blouse"]]), question) == {question}


def test_marks_that_are_characters_of_their_own_belong_to_the_word() -> None:
    changed = augmentation(synonyms=[["क", "ख"]])
    assert all_ways(changed, "की क") == {"की क", "की ख"}


def test_each_place_is_drawn_alone() -> None:
    assert len(all_ways(augmentation(synonyms=[["a", "b", "c"]]), "a a")) == 9


# --- templates

COLOR = ["what color is the {x}?", "which color does the {x} have?", "the {x} is what color?"]


@pytest.mark.parametrize(
    ("question", "ways"),
    [
        (
            "What color is the big sofa ?",
            {
                "What color is the big sofa ?",
                "Which color does the big sofa have ?",
                "The big sofa is what color ?",
            },
        ),
        (
            "the TV is what color",
            {"the TV is what color", "what color is the TV", "which color does the TV have"},
        ),
        ("what color is the?", {"what color is the?"}),
        ("what colour is the sofa?", {"what colour is the sofa?"}),
    ],
)
def test_templates_keep_the_slots_the_case_and_the_end(question: str, ways: set[str]) -> None:
    assert all_ways(augmentation(COLOR), question) == ways


def test_the_first_group_that_fits_is_taken_and_slots_may_change_places() -> None:
    first = ["is the {thing} in the {place}?", "does the {place} hold the {thing}?"]
    changed = augmentation(first, ["is {x}?", "tell me: is {x}?"])
    assert all_ways(changed, "is the cat in the box?") == {
        "is the cat in the box?",
        "does the box hold the cat?",
    }
    assert all_ways(changed, "is it red?") == {"is it red?", "tell me: is it red?"}


def test_templates_synonyms_and_dropout_work_on_one_another() -> None:
    changed = augmentation(COLOR, synonyms=[["sofa", "couch"]], word_dropout=0.5)
    ways = all_ways(changed, "what color is the sofa?", 400)
    assert {"which color does the couch have?", "what color couch?"} <= ways


# --- words left out


def test_words_that_say_what_is_asked_are_never_left_out() -> None:
    question = "what is not on the left of the 2 red cups?"
    changed = augmentation(word_dropout=0.9)
    ways = all_ways(changed, question, 200)
    assert len(ways) > 10
    for way in ways:
        assert about(way) == about(question)
        assert way.endswith("?")
        assert set(way.rstrip("?").split()) <= set(question.rstrip("?").split())
    assert {"what not left 2 red?"} <= ways
    words = question.split()
    may_go = sorted(droppable(question, range(len(words)), about))
    assert [words[place] for place in may_go] == ["is", "on", "the", "of", "the", "cups?"]


def test_a_phrase_is_kept_whole() -> None:
    assert all_ways(augmentation(word_dropout=0.9), "how many?") == {"how many?"}
    ways = all_ways(augmentation(word_dropout=0.5), "so how many cats")
    assert ways == {"so how many cats", "how many cats", "so how many", "how many"}


@pytest.mark.parametrize("question", ["cats?", "这个沙发是什么颜色？", "cats sleep", "?"])
def test_a_question_is_never_empty(question: str) -> None:
    for way in all_ways(augmentation(word_dropout=0.99), question):
        assert way == question or any(map(str.isalnum, way))


def test_more_dropout_leaves_out_more() -> None:
    question = "is the big old dog asleep in the garden of the house?"

    def words(word_dropout: float) -> float:
        changed = augmentation(word_dropout=word_dropout)
        return sum(len(changed(question, draw).split()) for draw in range(300)) / 300

    assert words(0) == 12
    assert words(0.1) == pytest.approx(12 * 0.9, abs=0.4)
    assert words(0.5) == pytest.approx(12 * 0.5, abs=0.5)


# --- draws


def test_what_is_drawn_is_a_function_of_seed_question_and_draw() -> None:
    def ways(seed: int, question: str) -> list[str]:
        changed = augmentation(COLOR, word_dropout=0.4, seed=seed)
        return [changed(question, draw) for draw in range(30)]

    question = "what color is the big old sofa?"
    assert ways(0, question) == ways(0, question)
    assert ways(0, question) != ways(1, question)
    assert len(set(ways(0, question))) > 5
    assert ways(0, question)[3] == augmentation(COLOR, word_dropout=0.4)(question, 3)


def test_draws_are_the_same_on_every_machine_and_in_every_version() -> None:
    changed = augmentation(COLOR, synonyms=[["sofa", "couch"]], word_dropout=0.3)
    ways = [changed("what color is the big sofa?", draw) for draw in range(4)]
    assert ways == [
        "color does the big sofa?",
        "which does the big have?",
        "which does have?",
        "what color is the sofa?",
    ]


@given(question=st.text(min_size=1, max_size=40), draw=st.integers(0, 9))
def test_any_text_is_survived(question: str, draw: int) -> None:
    changed = augmentation(["is {x}", "{x} is"], synonyms=[["a", "b"]], word_dropout=0.5)
    way = changed(question, draw)
    assert bool(way.split()) == bool(question.split())
    assert any(map(str.isalnum, way)) == any(map(str.isalnum, question))


@given(question=st.text(max_size=40))
def test_where_nothing_applies_the_question_stays_to_the_letter(question: str) -> None:
    changed = augmentation(["zzz {x}", "zz {x}"], synonyms=[["zzz", "zz"]])
    if "zz" not in question.lower():
        assert changed(question, 1) == question


def test_many_slots_and_a_long_question_take_no_time(tmp_path: Path) -> None:
    file = tmp_path / "templates.toml"
    file.write_text('groups = [["a {x} a {y} a {z} b?", "b {x} {y} {z}?"]]')
    changed = QuestionAugmentation(0, 0.0, [], read_templates(file), about)
    assert changed("a " * 140 + "?", 0) == "a " * 140 + "?"
    assert changed("a " * 99_999 + "?", 0) == "a " * 99_999 + "?"
