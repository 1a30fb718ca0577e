from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, features

from tests.tiny_runs import draw_photo
from vqa_cli.inference import explanation_text
from vqa_cli.inference.explanation import Explanation, Word
from vqa_cli.inference.explanation_picture import colors_of, draw, overlay
from vqa_cli.inference.explanation_question import ORANGE, draw_question
from vqa_cli.inference.explanation_text import drawable, font_for, shortened
from vqa_cli.inference.explanation_words import words_of
from vqa_cli.inference.prediction import Answer, Prediction


def told(
    question: str = "what is this?",
    *,
    hot: tuple[int, int] | None = (16, 48),
    size: tuple[int, int] = (90, 60),
    answers: tuple[str, ...] = ("red", "blue"),
    important: int = 0,
) -> Explanation:
    """An explanation that is hot at (row, column)."""
    heat = np.zeros((64, 64), np.float32)
    if hot is not None:
        heat[hot] = 1
    words = [Word(word.text, 0.0, 0.5) for word in words_of(question)]
    words[important] = Word(words[important].text, 4.0, 0.1)
    said = tuple(Answer(text, 0.9 / (n + 1)) for n, text in enumerate(answers))
    prediction = Prediction(question, said)
    return Explanation(prediction, answers[0], 0.9, heat, size, 0.2, tuple(words))


@pytest.mark.parametrize(
    "size", [(90, 60), (60, 90), (1, 1), (3, 2), (4000, 30), (30, 4000), (5000, 4000)]
)
def test_any_image_gives_a_picture_of_a_readable_size(size: tuple[int, int]) -> None:
    picture = draw(Image.new("RGB", size, "green"), told(size=size))
    assert picture.mode == "RGB"
    assert 900 <= picture.width <= 1000
    assert 250 <= picture.height <= 1500


def test_pixels_change_where_it_is_hot() -> None:
    image = Image.new("RGB", (320, 320), (90, 90, 90))
    cold = np.asarray(overlay(image, np.zeros((64, 64), np.float32))).astype(int)
    assert np.ptp(cold.reshape(-1, 3), axis=0).tolist() == [0, 0, 0]
    heat = np.zeros((64, 64), np.float32)
    heat[10:20, 40:50] = 1
    changed = np.abs(np.asarray(overlay(image, heat)) - cold).sum(axis=2) > 60
    assert changed[55:95, 205:245].mean() > 0.9
    assert changed.mean() < 0.06


def test_the_colors_get_lighter_with_the_heat() -> None:
    colors = colors_of(np.linspace(0, 1, 50, dtype=np.float32))
    lightness = colors @ np.array([0.299, 0.587, 0.114])
    assert all(one < other for one, other in pairwise(lightness))
    assert lightness[0] < 10
    assert lightness[-1] > 230


def test_the_picture_says_where_the_answer_needs_nothing() -> None:
    image = draw_photo()
    with_heat, without = draw(image, told()), draw(image, told(hot=None))
    assert with_heat.size == without.size
    assert with_heat.tobytes() != without.tobytes()


def test_attention_is_one_panel_more() -> None:
    one = told()
    more = draw(draw_photo(), replace(one, attention=one.heat))
    assert more.width > draw(draw_photo(), one).width


@pytest.mark.parametrize("important", [0, 4])
def test_the_important_word_is_tinted(important: int) -> None:
    picture = draw_question(told("what color is the circle?", important=important), 900)
    columns = np.flatnonzero((np.asarray(picture) == ORANGE).all(axis=2).any(axis=0))
    assert columns.size > 20
    assert (columns.max() < 80) == (important == 0)


def test_questions_from_right_to_left_start_on_the_right() -> None:
    picture = draw_question(told("ما لون الدائرة؟", important=0), 900)
    columns = np.flatnonzero((np.asarray(picture) == ORANGE).all(axis=2).any(axis=0))
    assert columns.min() > 700


def test_long_questions_take_several_lines_and_are_cut() -> None:
    heights = [
        draw_question(told("what is there " * times), 600).height for times in (1, 10, 100, 1000)
    ]
    assert heights[0] < heights[1] < heights[2] == heights[3]
    assert draw_question(told("x" * 5000), 600).size == (600, heights[0])


@pytest.mark.parametrize(
    "text",
    [
        *("ما لون الدائرة؟", "מה הצבע?", "红色的圆形在哪里？", "何色ですか", "무슨 색?", "สีอะไร"),
        *(
            "is it 🔴 or 👨‍👩‍👧?",
            "\u200f\u202e",
            "e\u0301\u0301\u0301 a\x00b",
            "\ud800",
            "\U0010ffff",
            "क्षि?",
        ),
    ],
)
def test_text_of_any_script_can_be_drawn(text: str) -> None:
    answers = (text, "red")
    picture = draw(draw_photo(), told(f"what {text}", answers=answers))
    assert picture.width > 0


def test_what_no_font_has_is_named_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explanation_text, "SYSTEM_FONTS", ())
    assert drawable("red", 15, "[answer 1]")[0] == "red"
    assert drawable("café", 15, "[answer 1]")[0] == "cafe"
    for text in ("红", "🔴", "цвет", "\U0010ffff", "\u200f"):
        assert drawable(text, 15, "[answer 1]")[0] == "[answer 1]"


def test_letters_that_must_be_joined_need_the_library_that_joins_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(features, "check", lambda name: name != "raqm")
    assert font_for("لون", 15) is None
    assert font_for("red", 15) is not None


def test_text_is_shortened_to_fit() -> None:
    _, font = drawable("red", 15, "")
    assert shortened("red", font, 300) == "red"
    short = shortened("red " * 100, font, 120)
    assert short.endswith("...")
    assert 90 < font.getlength(short) <= 120
