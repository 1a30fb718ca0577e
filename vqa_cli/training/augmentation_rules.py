"""Which changes of an image could change an answer, told by the words of its questions.

The rule, taken over all questions of an image with their answers and choices: a text that is about
a topic (left and right, colours, counting, ...) forbids the changes that such a text does not
survive (`FORBIDS`). Topics are told by word lists, `augmentation_words.toml` and the user's own.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from vqa_cli.settings import unusable

CHANGES = ("mirror", "turn", "shrink", "crop", "color", "light", "detail", "erase")
"""Everything that may be done to an image; see vqa_cli.training.augmentation."""

FORBIDS: dict[str, frozenset[str]] = {
    "side": frozenset({"mirror", "crop", "shrink"}),
    "direction": frozenset({"mirror", "turn"}),
    "text": frozenset({"mirror", "turn", "crop", "detail", "erase"}),
    "color": frozenset({"color", "light"}),
    "light": frozenset({"color", "light"}),
    "count": frozenset({"crop", "erase"}),
    "presence": frozenset({"crop", "erase"}),
    "position": frozenset({"crop", "shrink", "erase"}),
    "size": frozenset({"turn", "shrink", "crop"}),
    "shape": frozenset({"crop", "erase"}),
    "detail": frozenset({"detail"}),
}
"""topic -> the changes that a text about it forbids."""

WORDS_FILE = Path(__file__).with_name("augmentation_words.toml")
FLAG = "--augmentation-words"

# Thai and Lao, Burmese, Khmer, kana, Han: written without spaces between words.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
_WORD = re.compile(r"[^\W_]+")
_DIGIT = re.compile(r"\d")

Topics = frozenset[str]


class Words:
    """The topics that a text is about.

    words: topic -> its words and phrases. Whole words, whatever their case; `*` at the beginning
    or the end of a word stands for any letters. In scripts without spaces they are found anywhere.
    tables: the languages and subjects that the words are of, as their files name them.
    """

    def __init__(self, words: Mapping[str, Iterable[str]], tables: Iterable[str] = ()) -> None:
        self.tables = tuple(tables)
        self._exact: dict[str, set[str]] = defaultdict(set)
        self._begin: dict[str, set[str]] = defaultdict(set)
        self._end: dict[str, set[str]] = defaultdict(set)
        self._inside: list[tuple[str, str]] = []
        self._phrases: list[tuple[str, str]] = []
        self._unspaced: list[tuple[str, str]] = []
        for topic, listed in words.items():
            for word in listed:
                self._add(topic, _folded(word))
        self._known: dict[str, Topics] = {}
        self.topics = lru_cache(maxsize=1 << 16)(self._topics)

    def _add(self, topic: str, word: str) -> None:
        if _UNSPACED.search(word):
            self._unspaced.append((word.strip("*"), topic))
            return
        parts = _WORD.findall(word)
        before, after = word.startswith("*"), word.endswith("*")
        if len(parts) > 1:
            phrase = "".join(["" if before else " ", " ".join(parts), "" if after else " "])
            self._phrases.append((phrase, topic))
        elif before and after:
            self._inside.append((parts[0], topic))
        else:
            kind = self._end if before else self._begin if after else self._exact
            kind[parts[0]].add(topic)

    @classmethod
    def load(cls, further: Path | None = None) -> Self:
        """Take the package's words, and those of the user's file `further`.

        Raises SettingsError with everything that is wrong with that file.
        """
        words: dict[str, list[str]] = {topic: [] for topic in FORBIDS}
        tables: dict[str, None] = {}  # a user's table may have the name of one that is there
        for path in (WORDS_FILE, further):
            for name, table in _read(path).items() if path else ():
                tables[name] = None
                for topic, listed in table.items():
                    words[topic] += listed
        return cls(words, tables)

    def _topics(self, text: str) -> Topics:
        """What a text is about; digits count as words of `count`."""
        folded = _folded(text)
        found: set[str] = {"count"} if _DIGIT.search(folded) else set()
        if _UNSPACED.search(folded):
            found.update(topic for word, topic in self._unspaced if word in folded)
            folded = _UNSPACED.sub(" ", folded)
        parts = _WORD.findall(folded)
        for part in parts:
            found |= self._of_word(part)
        spaced = f" {' '.join(parts)} "
        found.update(topic for phrase, topic in self._phrases if phrase in spaced)
        return frozenset(found)

    def _of_word(self, word: str) -> Topics:
        if word not in self._known:
            found = {topic for part, topic in self._inside if part in word}
            found |= self._exact.get(word, frozenset())
            for place in range(len(word)):
                found |= self._begin.get(word[: place + 1], frozenset())
                found |= self._end.get(word[place:], frozenset())
            self._known[word] = frozenset(found)
        return self._known[word]

    def of_question(self, question: str, answers: Iterable[str]) -> Topics:
        """What a question and its answers are about.

        Digits are read in the image, unless they answer a question that counts: then `text`.
        """
        answers = list(answers)
        asked = self.topics(question)
        found = asked.union(*map(self.topics, answers))
        numbers = "count" not in asked and any(map(_DIGIT.search, answers))
        return found | {"text"} if numbers or _DIGIT.search(question) else found


def allowed_changes(
    words: Words,
    images: Iterable[str],
    questions: Iterable[str],
    answers: Iterable[Sequence[str] | None],
    choices: Iterable[Sequence[str] | None],
) -> dict[str, frozenset[str]]:
    """Give image -> the changes that no question about it forbids; the arguments are row by row."""
    allowed: dict[str, frozenset[str]] = {}
    for image, question, given, offered in zip(images, questions, answers, choices, strict=True):
        topics = words.of_question(question, {*(given or ()), *(offered or ())})
        survived = allowed.get(image, frozenset(CHANGES))
        allowed[image] = survived.difference(*(FORBIDS[topic] for topic in topics))
    return allowed


def describe_allowed(allowed: Mapping[str, frozenset[str]]) -> str:
    """For people: `mirror 12 %, ..., erase 3 % of 40 images; 2 of them unchanged`."""
    count = max(1, len(allowed))
    shares = {change: sum(change in one for one in allowed.values()) for change in CHANGES}
    listed = ", ".join(f"{change} {100 * share / count:.0f} %" for change, share in shares.items())
    unchanged = sum(not one for one in allowed.values())
    return f"{listed} of {len(allowed):,} images; {unchanged:,} of them unchanged"


def _folded(text: str) -> str:
    """NFC without case; case folding alone can undo it."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _read(path: Path) -> dict[str, dict[str, list[str]]]:
    """Read language -> topic -> words. Raises SettingsError with everything that is wrong."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise unusable([f"{FLAG} {path}: cannot be read: {error.strerror or error}"]) from error
    except UnicodeDecodeError as error:
        raise unusable([f"{FLAG} {path}: is no text in UTF-8: {error}"]) from error
    except tomllib.TOMLDecodeError as error:
        raise unusable([f"{FLAG} {path}: no valid TOML: {error}"]) from error
    problems = [problem for name, table in tables.items() for problem in _problems(name, table)]
    if not tables:
        problems = ["holds no words; see docs/training.md"]
    if problems:
        raise unusable([f"{FLAG} {path}: {problem}" for problem in problems])
    return tables


def _problems(name: str, table: Any) -> Iterable[str]:
    if not isinstance(table, dict):
        yield f'{name} must stand in a table of a language, as [en] {name} = ["word"]'
        return
    for topic, listed in table.items():
        if topic not in FORBIDS:
            yield f"[{name}] {topic} is no topic; known are {', '.join(FORBIDS)}"
        elif not isinstance(listed, list):
            yield f"[{name}] {topic} must be a list of words, got {listed!r}"
        else:
            for word in listed:
                if not isinstance(word, str) or not _WORD.search(word):
                    yield f"[{name}] {topic} has {word!r}, which is no word"
                elif "*" in word.strip().strip("*"):
                    yield f"[{name}] {topic} has {word!r}; * stands at the beginning or end only"
