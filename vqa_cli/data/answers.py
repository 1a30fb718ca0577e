"""Answers as strings: how two of them are compared, and what each is worth.

`answer_key` is the form that the vocabulary and exact match compare by. `official_soft_score` is
the official VQA accuracy (Antol et al. 2015, https://visualqa.org/evaluation.html) as its
evaluator computes it, quirks included, since published numbers include them too:

- When all annotators gave the same string nothing is normalised on either side, so "Yes" is
  worth 0 where all ten said "yes". Otherwise both sides go through `official_normalize`.
- A punctuation mark becomes a space, but it vanishes without one where it touches a space
  anywhere in the text, or where a comma stands between two digits ("1,000"): "t-shirt" is
  "t shirt", "dark- blue-green" is "dark bluegreen".
- Periods go unless a digit follows. The evaluator means to spare those after a digit too, but
  its look-behind is misspelt; and it passes the flag re.UNICODE (32) in the place of the count,
  so only the first 32 periods go.
- "a", "an" and "the" are dropped wherever they stand, "none" is 0, number words go up to "ten",
  and contractions get their apostrophe back ("dont" is "don't") but "somebody'd" loses its own.
- The other answers are found by comparing whole records, so that answers without distinct ids
  collapse. Here every answer counts as its own record, as numbered answers do there.

`fixed_soft_score` is the same metric without those of its quirks that are mistakes: both sides
are normalised always; periods go unless a digit stands before or behind; all of them go. The rest
of the normalisation, odd as it is, is how the metric is defined.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache

from vqa_cli.data.example import AnswerKind

Scorer = Callable[[str], float]
"""What a prediction for one question is worth, in [0, 1]."""

_PUNCTUATION = frozenset(';/[]"{}()=+\\_-><@`,?!')
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")
_MAX_PERIODS = 32
_PERIOD_AS_MEANT = re.compile(r"(?<!\d)\.(?!\d)")
_ARTICLES = frozenset({"a", "an", "the"})
_NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_DIGITS = {word: str(digit) for digit, word in enumerate(_NUMBER_WORDS)} | {
    "none": "0",
    "ten": "10",
}
_CONTRACTIONS = """
    ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't
    haven't he'd he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't
    mightn't've might've mustn't must've needn't not've o'clock oughtn't 'ow's'at shan't she'd've
    should've shouldn't shouldn't've somebody'd've somebody'll somebody's someone'd someone'd've
    someone'll someone's something'd something'd've something'll that's there'd there'd've
    there're there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't
    what'll what're what's what've when's where'd where's where've who'd who'd've who'll who's
    who've why'll why're why's won't would've wouldn't wouldn't've y'all y'all'll y'all'd've you'd
    you'd've you'll you're you've
"""


def _without_one_apostrophe(word: str) -> list[str]:
    return [word[:i] + word[i + 1 :] for i, letter in enumerate(word) if letter == "'"]


# The evaluator's table, without its entries that can never match (a capital letter in a text that
# is lower-cased by then) or that map a word to itself.
_RESTORED = {
    wrong: word for word in _CONTRACTIONS.split() for wrong in _without_one_apostrophe(word)
} | {"somebody'd": "somebodyd"}


@lru_cache(maxsize=1 << 18)
def answer_key(text: str) -> str:
    """The form that answers are compared by: caseless, in NFC, with single spaces."""
    words = " ".join(text.split())
    if words.isascii():
        return words.lower()
    # Canonical caseless matching (Unicode 3.13, D145): decomposed first, so that the order of the
    # two steps can't make a difference; composed again at the end.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", words).casefold())


@lru_cache(maxsize=1 << 18)
def official_normalize(text: str) -> str:
    """The official evaluator's normalisation of an answer, quirks kept (see the module's top)."""
    spaced = _without_punctuation(_single_line(text))
    return _plain_words(_PERIOD.sub("", spaced, count=_MAX_PERIODS) if "." in spaced else spaced)


@lru_cache(maxsize=1 << 18)
def fixed_normalize(text: str) -> str:
    """The official normalisation of an answer with its periods as they are meant."""
    return _plain_words(_PERIOD_AS_MEANT.sub("", _without_punctuation(_single_line(text))))


def _single_line(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()


def _without_punctuation(text: str) -> str:
    marks = _PUNCTUATION.intersection(text)
    if not marks:
        return text
    in_number = _COMMA_IN_NUMBER.search(text) is not None
    spaces = {
        ord(mark): "" if in_number or f"{mark} " in text or f" {mark}" in text else " "
        for mark in marks
    }
    return text.translate(spaces)


def _plain_words(text: str) -> str:
    digits = (_DIGITS.get(word, word) for word in text.lower().split())
    return " ".join(_RESTORED.get(word, word) for word in digits if word not in _ARTICLES)


def official_soft_score(answers: Sequence[str], prediction: str) -> float:
    """The official VQA accuracy of one prediction, in [0, 1], quirks included.

    Each annotator is left out once; the prediction earns min(1, matches / 3) among the others;
    the mean of that over the annotators is the score. Where a question has another number of
    answers than the official ten, it is the same over those there are, so that two annotators
    who agree are worth 1/3; a lone answer has nobody to be compared with and is worth 1.

    Raises ValueError where there are no answers: such a question can't be scored.
    """
    return official_scorer(answers)(prediction)


def official_scorer(answers: Sequence[str]) -> Scorer:
    """`official_soft_score` of any prediction for one question, quicker for several of them.

    Raises ValueError where there are no answers.
    """
    form, worth = _judged(tuple(answers))
    return lambda prediction: worth.get(form(prediction), 0.0)


def fixed_soft_score(answers: Sequence[str], prediction: str) -> float:
    """The VQA accuracy of one prediction, in [0, 1], without the quirks (see the module's top).

    Raises ValueError where there are no answers: such a question can't be scored.
    """
    return fixed_scorer(answers)(prediction)


def fixed_scorer(answers: Sequence[str]) -> Scorer:
    """`fixed_soft_score` of any prediction for one question, as `official_scorer`."""
    worth = _worth_of_each(list(map(fixed_normalize, answers)))
    return lambda prediction: worth.get(fixed_normalize(prediction), 0.0)


@lru_cache(maxsize=1 << 10)
def _judged(answers: tuple[str, ...]) -> tuple[Callable[[str], str], dict[str, float]]:
    """How a question's answers and predictions are normalised, and what each such form earns.

    Kept for a while, since many questions have the same answers.
    """
    given = list(map(official_normalize, answers))
    if len(set(given)) == 1:  # else they did not agree before either
        lines = set(map(_single_line, set(answers)))
        if len(lines) == 1:
            return _single_line, _worth_of_each([*lines] * len(answers))
    return official_normalize, _worth_of_each(given)


def _worth_of_each(given: list[str]) -> dict[str, float]:
    """What each of a question's normalised answers earns; others earn nothing."""
    if not given:
        raise ValueError("a question without answers has no score")
    return {answer: _leave_one_out(given, answer) for answer in set(given)}


def _leave_one_out(given: list[str], predicted: str) -> float:
    matches = given.count(predicted)
    if matches > 3 or len(given) == 1:
        return 1.0
    # Added up one by one as the evaluator does: another order of the same numbers can differ in
    # the last bit, and with it in the last printed digit of an average.
    own, other = (matches - 1) / 3, matches / 3
    total = 0.0
    for answer in given:
        total += own if answer == predicted else other
    return total / len(given)


def _by_frequency(answers: Sequence[str]) -> list[str]:
    """The different ones among the answers, most frequent first; of equals the first given."""
    return sorted(dict.fromkeys(answers), key=answers.count, reverse=True)


def target_scores(answers: Sequence[str], kind: AnswerKind) -> dict[str, float]:
    """What each answer is worth as a training target: surface form -> score in (0, 1].

    Forms that share their `answer_key` are one answer, spelt as most annotators did (the first
    among equals). `annotators`: its official score; `alternatives`: 1 each; `set`: 1 for the
    first answer alone, which is what the metric asks for. No answers give no targets.
    """
    if kind == "set":
        return dict.fromkeys(answers[:1], 1.0)
    surface: dict[str, str] = {}
    for answer in _by_frequency(answers):
        surface.setdefault(answer_key(answer), answer)
    if kind == "alternatives" or not answers:
        return dict.fromkeys(surface.values(), 1.0)
    worth = official_scorer(answers)
    return {answer: worth(answer) for answer in surface.values()}
