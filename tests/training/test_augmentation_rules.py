"""Words that forbid a change of an image, in all the languages of the data formats."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa_cli.errors import SettingsError
from vqa_cli.training.augmentation_rules import (
    CHANGES,
    FORBIDS,
    WORDS_FILE,
    Words,
    allowed_changes,
    describe_allowed,
)

WORDS = Words.load()
LANGUAGES = ("en", "de", "fr", "es", "zh", "vi")


def forbidden(question: str, *answers: str) -> set[str]:
    return set(CHANGES) - allowed(question, *answers)


def allowed(question: str, *answers: str) -> frozenset[str]:
    return allowed_changes(WORDS, ["image"], [question], [answers], [None])["image"]


ASKED = [
    # left and right: no mirror image
    ("Is the cat on the left?", "mirror"),
    ("What is RIGHT of the lamp?", "mirror"),
    ("Steht die Katze links vom Tisch?", "mirror"),
    ("Le chat est-il à gauche ?", "mirror"),
    ("¿Está el gato a la izquierda?", "mirror"),
    ("猫在桌子的左边吗？", "mirror"),
    ("con mèo ở bên trái phải không", "mirror"),
    ("Which way is the arrow pointing?", "mirror"),
    ("In welche Richtung zeigt der Pfeil?", "mirror"),
    ("Which lobe of the lung is abnormal?", "mirror"),
    # what is read
    ("What does the sign say?", "mirror"),
    ("What time is it on the clock?", "mirror"),
    ("What time is it on the clock?", "turn"),
    ("Wie spät ist es?", "mirror"),
    ("Quelle heure est-il ?", "mirror"),
    ("¿Qué dice el letrero?", "mirror"),
    ("牌子上写的是什么？", "mirror"),
    ("biển báo viết gì", "mirror"),
    ("What brand is it?", "detail"),
    # colours: nothing that shifts one
    ("What color is the cup?", "color"),
    ("What COLOUR is the cup?", "light"),
    ("Is it the red cup?", "color"),
    ("Welche Farbe hat die Tasse?", "color"),
    ("Ist das ein dunkelblaues Auto?", "color"),
    ("De quelle couleur est la tasse ?", "color"),
    ("¿De qué color es la taza?", "color"),
    ("杯子是什么颜色的？", "color"),
    ("chiếc cốc có màu gì", "color"),
    ("Is the banana ripe?", "color"),
    # bright and dark
    ("Is it day or night?", "light"),
    ("Where is the shadow?", "light"),
    ("Scheint die Sonne?", "light"),
    ("Est-ce que la lampe est allumée ?", "light"),
    ("¿Es de noche?", "light"),
    ("现在是夜晚吗？", "light"),
    ("bây giờ là ban đêm à", "light"),
    # counting: nothing is cut away or covered
    ("How many cups?", "crop"),
    ("How many cups?", "erase"),
    ("Count the cups!", "crop"),
    ("the number of cups", "crop"),
    ("Are these two cups?", "crop"),
    ("Are these 2 cups?", "crop"),
    ("Wie viele Tassen?", "crop"),
    ("Combien de tasses ?", "crop"),
    ("¿Cuántas tazas?", "crop"),
    ("几个杯子？", "crop"),
    ("bao nhiêu cái cốc", "crop"),
    # presence
    ("Is there a cup?", "crop"),
    ("Is there a cup?", "erase"),
    ("Gibt es eine Tasse?", "crop"),
    ("Y a-t-il une tasse ?", "crop"),
    ("¿Hay una taza?", "crop"),
    ("有杯子吗？", "crop"),
    ("có cái cốc nào không", "crop"),
    # position
    ("Where is the ball?", "shrink"),
    ("Is the ball at the edge?", "crop"),
    ("Wo ist der Ball?", "shrink"),
    ("Où est la balle ?", "shrink"),
    ("¿Dónde está la pelota?", "shrink"),
    ("球在哪里？", "shrink"),
    ("quả bóng ở đâu", "shrink"),
    # size
    ("Is it a big dog?", "crop"),
    ("Is it a big dog?", "shrink"),
    ("Ist der Hund groß?", "shrink"),
    ("Le chien est-il grand ?", "shrink"),
    ("¿Es grande el perro?", "shrink"),
    ("这只狗大吗？", "shrink"),
    ("con chó có lớn không", "shrink"),
    # orientation
    ("Is the pole vertical?", "turn"),
    ("Steht das Bild schief?", "turn"),
    ("Le poteau est-il incliné ?", "turn"),
    ("¿Está inclinado el poste?", "turn"),
    ("杆子是斜的吗？", "turn"),
    ("cột có nghiêng không", "turn"),
    # shape
    ("Which shape is it?", "crop"),
    ("Which shape is it?", "erase"),
    # sharpness and material
    ("Is the photo blurry?", "detail"),
    ("Ist das Foto unscharf?", "detail"),
    ("La photo est-elle floue ?", "detail"),
    ("¿Está borrosa la foto?", "detail"),
    ("照片模糊吗？", "detail"),
    ("ảnh có mờ không", "detail"),
]


@pytest.mark.parametrize(("question", "change"), ASKED)
def test_what_a_question_forbids(question: str, change: str) -> None:
    assert change in forbidden(question)


@pytest.mark.parametrize(
    ("question", "answer", "change"),
    [
        ("What is it?", "the left one", "mirror"),
        ("Was ist das?", "links", "mirror"),
        ("What is it like?", "dark red", "color"),
        ("Was ist es?", "grünlich", "color"),
        ("那是什么？", "红", "color"),
        ("What is it?", "a circle", "erase"),
        ("What is it?", "room_divider, red_box", "color"),  # a line between words joins them
        ("What do you think of it?", "3", "crop"),
        ("What is on his shirt?", "38", "mirror"),  # digits that nobody counts are read
    ],
)
def test_what_an_answer_forbids(question: str, answer: str, change: str) -> None:
    assert change in forbidden(question, answer)
    assert change not in forbidden(question.replace("on his shirt", "this"), "cat")


@pytest.mark.parametrize(
    "question",
    [
        "What is he doing?",
        "Is the man happy?",
        "What kind of animal is this?",
        "What sport is he playing?",
        "Are they friends?",
        "Was macht der Hund?",
        "Que fait le chien ?",
        "¿Qué hace el perro?",
        "这是什么动物？",
    ],
)
def test_everyday_questions_forbid_nothing(question: str) -> None:
    """Words of one language must not be found in the everyday words of another."""
    assert forbidden(question) == set()


def test_counting_leaves_the_rest_alone() -> None:
    assert forbidden("How many dogs?", "3") == {"crop", "erase"}


def test_a_word_is_found_whole() -> None:
    assert WORDS.topics("copyrighted") == frozenset()
    assert WORDS.topics("hundred") == {"count"}  # and not red
    assert WORDS.topics("Right!") == {"side"}
    assert WORDS.topics("leftovers") == frozenset()


def test_letters_that_are_put_together_otherwise() -> None:
    decomposed = unicodedata.normalize("NFD", "Grün")
    assert WORDS.topics(decomposed) == WORDS.topics("GRÜN") == {"color"}


def test_phrases_are_found_across_white_space_and_signs() -> None:
    assert "count" in WORDS.topics("HOW\n many?")
    assert "text" in WORDS.topics("five o'clock")
    assert "presence" in WORDS.topics("what is next-to it")


def test_scripts_without_spaces_among_other_scripts() -> None:
    assert WORDS.topics("车是red的") == {"color"}
    assert "count" in WORDS.topics("有3只狗")


def test_all_questions_of_an_image_count_and_no_other_ones() -> None:
    allowed = allowed_changes(
        WORDS,
        ["a", "b", "a", "c"],
        ["What is he doing?", "What is she doing?", "What color is it?", "What is it?"],
        [("a nap",), ("sports",), ("blue",), None],
        [None, None, None, ("left", "up")],
    )
    assert allowed["a"] == set(CHANGES) - FORBIDS["color"]
    assert allowed["b"] == set(CHANGES)
    assert "mirror" not in allowed["c"]  # the choices that are offered


@given(st.lists(st.sampled_from([question for question, _ in ASKED]), min_size=1, max_size=4))
def test_a_further_question_only_ever_forbids_more(questions: list[str]) -> None:
    none = [None] * len(questions)
    together = allowed_changes(WORDS, ["i"] * len(questions), questions, none, none)["i"]
    assert together == frozenset.intersection(*(allowed(question) for question in questions))


@given(st.text())
def test_any_text_has_topics(text: str) -> None:
    assert WORDS.topics(text) <= set(FORBIDS)
    assert "mirror" in forbidden(f"{text} left {text}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_words_for_every_topic(language: str) -> None:
    table = tomllib.loads(WORDS_FILE.read_text(encoding="utf-8"))[language]
    assert table.keys() == FORBIDS.keys()
    for topic, listed in table.items():
        for word in listed:
            assert topic in WORDS.topics(word.strip("*")), word


def test_every_topic_forbids_something_that_there_is() -> None:
    assert all(changes and changes <= set(CHANGES) for changes in FORBIDS.values())
    assert frozenset().union(*FORBIDS.values()) == set(CHANGES)


def test_the_documented_table_is_the_rule() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)`: .* \| ([a-z, ]+) \|$", documented, re.MULTILINE)
    assert {topic: set(changes.split(", ")) for topic, changes in rows} == FORBIDS


def test_words_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "words.toml"
    file.write_text('[it]\nside = ["sinistr*", "*manca", "a dritta"]\n[ja]\nside = ["ミギ"]\n')
    words = Words.load(file)
    for text in ("a Sinistra?", "della manca", "va a  dritta", "ミギですか"):
        assert "side" not in WORDS.topics(text)
        assert "side" in words.topics(text)
    assert words.topics("dritta") == frozenset()
    assert "side" in words.topics("left")  # in addition


def test_all_that_is_wrong_with_a_file_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "words.toml"
    file.write_text(
        'color = ["rosso"]\n[it]\ncolour = ["rosso"]\nside = "destra"\n'
        'count = [3, " ", "du*e", "due"]\n'
    )
    with pytest.raises(SettingsError) as caught:
        Words.load(file)
    said = str(caught.value)
    assert said.count("--augmentation-words") == 6
    for part in (
        'color must stand in a table of a language, as [en] color = ["word"]',
        "[it] colour is no topic; known are side, direction, text, color",
        "[it] side must be a list of words, got 'destra'",
        "[it] count has 3, which is no word",
        "[it] count has ' ', which is no word",
        "[it] count has 'du*e'; * stands at the beginning or end only",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "words.toml: cannot be read: No such file"),
        (b"\xff\xfe", "is no text in UTF-8"),
        (b"[it", "no valid TOML"),
        (b"", "holds no words"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "words.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=said):
        Words.load(file)


def test_what_is_allowed_is_said() -> None:
    described = describe_allowed({"a": frozenset({"mirror"}), "b": frozenset()})
    assert described.startswith("mirror 50 %, turn 0 %, ")
    assert described.endswith(" of 2 images; 1 of them unchanged")
