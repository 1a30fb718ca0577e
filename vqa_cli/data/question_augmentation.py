"""Other ways to ask a question, for training: templates, synonyms, words left out.

What is drawn is a function of the seed, the question and the number of the draw, so that ranks,
threads, a resumed run and the feature store agree. Where nothing applies the question stays as it
is, to the letter.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from vqa_cli.data.question_files import Groups, Template, split_tail, tidy

About = Callable[[str], frozenset[str]]
"""The topics that a text is about."""

# What belongs to a word: \w knows letters and digits, but not the marks above and below them that
# Hebrew, Arabic and the scripts of India write as characters of their own.
_LETTER = r"\w\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670\u0900-\u0dff"
# Scripts without spaces, where words are found anywhere: Thai and Lao, Burmese, Khmer, kana, Han.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
_STARTS = rf"(?<![{_LETTER}])(?<![{_LETTER}][-'’])"
_ENDS = rf"(?![{_LETTER}])(?![-'’][{_LETTER}])"
"""Where a word starts and ends; `shirt` is no word of `t-shirt`, and `sofa` none of `sofa's`."""


LONGEST = 300
"""Characters of a question that is compared with templates: the time of finding out that one with
three slots does not fit grows with the cube of them."""


@dataclass(frozen=True)
class QuestionAugmentation:
    """Draws other ways to ask.

    word_dropout: the probability that a word is left out, of those that may be; see `droppable`.
    synonyms: groups of words and phrases that may replace one another. templates: groups of
    patterns that ask the same. about: says what a text is about.
    """

    seed: int
    word_dropout: float
    synonyms: Groups
    templates: Sequence[Sequence[Template]]
    about: About

    def __call__(self, question: str, draw: int) -> str:
        """The question as draw number `draw` has it; never an empty one."""
        draws = random.Random(
            f"{self.seed} {draw} {question!a}"
        )  # by its SHA-512: alike everywhere
        plain = tidy(question)
        text = _asked_otherwise(plain, self.templates, draws)
        text = self._with_synonyms(text, draws)
        text = self._thinned(text, draws)
        return question if text == plain else text

    @cached_property
    def _groups(self) -> dict[str, Sequence[str]]:
        return {word.lower(): group for group in self.synonyms for word in group}

    @cached_property
    def _known(self) -> re.Pattern[str]:
        longest_first = sorted(self._groups, key=len, reverse=True)
        return re.compile("|".join(map(_whole, longest_first)), re.IGNORECASE)

    def _with_synonyms(self, text: str, draws: random.Random) -> str:
        """Replace each word that is known by one of its group, itself included."""

        def replace(found: re.Match[str]) -> str:
            word = found[0]
            group = self._groups.get(word.lower(), [word])
            other = draws.choice(group)
            return word if other.lower() == word.lower() else _in_case_of(word, group, other)

        return self._known.sub(replace, text) if self.synonyms else text

    def _thinned(self, text: str, draws: random.Random) -> str:
        """Leave words out; at least one stays, and the text is about the same as before."""
        chunks = text.split(" ")
        drawn = [n for n in range(len(chunks)) if draws.random() < self.word_dropout]
        drop = droppable(text, drawn, self.about)
        if not drop:
            return text
        fewer = _without(chunks, drop)
        same = any(map(str.isalnum, fewer)) and self.about(fewer) == self.about(text)
        return fewer if same else text


def droppable(text: str, places: Iterable[int], about: About) -> set[int]:
    """Which of the words at `places`, counted between single spaces, may be left out.

    Those are words that are about nothing in particular, neither alone nor with the words beside
    them. In scripts without spaces nothing is told apart, so nothing is left out.
    """
    chunks = text.split(" ")
    return {
        place
        for place in places
        if (word := _split_marks(chunks[place])[1])
        and not _UNSPACED.search(word)
        and not about(word)
        and about(_without(chunks, {place})) == about(text)
    }


def _without(chunks: Sequence[str], drop: Container[int]) -> str:
    """Join what stays; the punctuation of what goes stays too, beside its neighbour."""
    text = ""
    for place, chunk in enumerate(chunks):
        before, _, after = _split_marks(chunk)
        if place not in drop:
            text += f" {chunk}"
        else:
            text += f" {before}{after}" if before else after
    return " ".join(text.split())


def _split_marks(chunk: str) -> tuple[str, str, str]:
    """Punctuation before a word, the word, punctuation after it."""
    word = [n for n, letter in enumerate(chunk) if unicodedata.category(letter)[0] not in "PSZC"]
    if not word:
        return chunk, "", ""
    return chunk[: word[0]], chunk[word[0] : word[-1] + 1], chunk[word[-1] + 1 :]


def _asked_otherwise(
    text: str, templates: Sequence[Sequence[Template]], draws: random.Random
) -> str:
    """Put a question as another pattern of the first group that has its own."""
    body, tail = split_tail(text)
    for group in templates if len(text) <= LONGEST else ():
        for template in group:
            if (values := template.match(body)) is not None:
                other = draws.choice(group)
                return text if other == template else _begun_like(text, other.fill(values)) + tail
    return text


def _begun_like(text: str, other: str) -> str:
    """Give `other` the case of `text`: capitals throughout, or a capital to begin with."""
    if text.isupper():
        return other.upper()
    return other[:1].upper() + other[1:] if text[:1].isupper() else other


def _in_case_of(word: str, group: Sequence[str], other: str) -> str:
    """As written in the file, unless the question has a case of its own."""
    if word in group:
        return other
    if word.isupper() and len(word) > 1:
        return other.upper()
    return other[:1].upper() + other[1:] if word[:1].isupper() else other


def _whole(word: str) -> str:
    """The pattern of a word or phrase where it is no part of a longer word."""
    start = "" if _UNSPACED.match(word[0]) else _STARTS
    end = "" if _UNSPACED.match(word[-1]) else _ENDS
    return start + r"\s+".join(map(re.escape, word.split(" "))) + end
