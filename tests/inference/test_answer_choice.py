from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.inference.fake import FakeAnswerer
from tests.tiny_runs import ANSWERS, tiny_vocabulary
from vqa_cli.console import Silent
from vqa_cli.errors import SettingsError
from vqa_cli.inference.answer_choice import choose_answers, read_answers, split_answers
from vqa_cli.model_folder import Confidence


class Heard(Silent):
    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.details: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def detail(self, text: str) -> None:
        self.details.append(text)


def shares(answerer: FakeAnswerer, photo: Path) -> dict[str, float]:
    """All that may be said, with the confidence."""
    answers = answerer.ask(photo, "what?", top_k=99).answers
    return {answer.text: answer.confidence for answer in answers}


def test_allowed_answers_share_all_probability(photo: Path) -> None:
    answerer = FakeAnswerer()
    answerer.confidence = Confidence(1.0, "softmax", ceiling=0.9)
    free = shares(answerer, photo)
    answerer.choice = choose_answers(answerer.vocabulary, ["no", " YES"])
    allowed = shares(answerer, photo)
    assert set(allowed) == {"yes", "no"}
    assert list(allowed) == sorted(allowed, key=free.__getitem__, reverse=True)
    assert sum(allowed.values()) == pytest.approx(0.9)
    assert allowed["yes"] / allowed["no"] == pytest.approx(free["yes"] / free["no"])


def test_a_blocked_answer_is_not_said_and_lends_nobody_its_probability(photo: Path) -> None:
    answerer = FakeAnswerer()
    free = shares(answerer, photo)
    best = next(iter(free))
    answerer.choice = choose_answers(answerer.vocabulary, None, [best.upper(), "unheard of"])
    assert shares(answerer, photo) == {text: free[text] for text in free if text != best}
    assert answerer.ask(photo, "what?").answer == list(free)[1]


def test_with_a_sigmoid_allowing_changes_no_probability(photo: Path) -> None:
    answerer = FakeAnswerer()
    answerer.confidence = Confidence(1.0, "sigmoid")
    free = shares(answerer, photo)
    answerer.choice = choose_answers(answerer.vocabulary, ["2", "red"])
    assert shares(answerer, photo) == {text: free[text] for text in free if text in ("2", "red")}


def test_what_is_allowed_and_blocked_is_not_said(photo: Path) -> None:
    answerer = FakeAnswerer()
    answerer.choice = choose_answers(answerer.vocabulary, ["yes", "no"], ["no"])
    found = shares(answerer, photo)
    assert set(found) == {"yes"}
    assert found["yes"] < 0.95  # "no" stays as probable as it was


def test_among_equal_answers_the_vocabularys_first_wins(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answerer = FakeAnswerer()
    equal = np.zeros((1, len(answerer.vocabulary)), np.float32)
    monkeypatch.setattr(answerer, "logits", lambda *_: equal)
    answerer.choice = choose_answers(answerer.vocabulary, ["no", "2", "blue"])
    assert list(shares(answerer, photo)) == ["blue", "2", "no"]


def test_answers_outside_the_vocabulary_are_named() -> None:
    heard = Heard()
    assert choose_answers(tiny_vocabulary(), ["yes", "maybe", "Perhaps"], report=heard)
    (warning,) = heard.warnings
    assert "'maybe', 'Perhaps'" in warning
    with pytest.raises(SettingsError, match=r"none of these answers: 'a', .* and 2 more"):
        choose_answers(tiny_vocabulary(), list("abcdefg"))


def test_blocked_answers_are_counted_not_named() -> None:
    heard = Heard()
    choose_answers(tiny_vocabulary(), None, ["yes", "Yes", "x"], heard)
    assert heard.warnings == []
    assert heard.details == ["1 of the model's answers are blocked"]
    with pytest.raises(SettingsError, match="nothing is left"):
        choose_answers(tiny_vocabulary(), None, ANSWERS)
    with pytest.raises(SettingsError, match="nothing is left"):
        choose_answers(tiny_vocabulary(), ["yes"], ["YES"])


def test_no_choice_is_none() -> None:
    assert choose_answers(tiny_vocabulary(), None) is None
    assert choose_answers(tiny_vocabulary(), None, ["unheard of"]) is None
    assert choose_answers(tiny_vocabulary(), ANSWERS) is None


def test_a_list_of_answers() -> None:
    assert split_answers("yes, no,,light blue ") == ["yes", "no", "light blue"]
    assert split_answers('"1,000",2') == ["1,000", "2"]
    assert split_answers("n'est-ce\npas") == ["n'est-ce pas"]
    for empty in ("", " , ,"):
        with pytest.raises(SettingsError, match="no answer"):
            split_answers(empty)


def test_a_file_of_answers(tmp_path: Path) -> None:
    path = tmp_path / "blocked.txt"
    path.write_bytes("\ufeffyes\r\n\n  größe \n#1\n".encode())
    assert read_answers(path) == ["yes", "größe", "#1"]
    path.write_bytes(b"gr\xf6\xdfe")
    with pytest.raises(SettingsError, match=r"blocked\.txt: is no text in UTF-8"):
        read_answers(path)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_answers(tmp_path)
