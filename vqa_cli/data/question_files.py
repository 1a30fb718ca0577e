"""A user's files of other ways to ask: words that may replace one another, and whole patterns.

Both are TOML with one list of groups; docs/training.md shows them. What is wrong with a file is
told all at once.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from vqa_cli.settings import unusable

SYNONYMS, TEMPLATES = "--synonyms", "--templates"
MAX_SLOTS = 3
"""More of them could be told apart in so many ways that a long question would take minutes."""

_TAIL = re.compile(r"[\s?!.…。？！؟]*$")
_SLOT = re.compile(r"\{([^{}]*)\}")

Groups = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Template:
    """A pattern of a question with slots, `what color is the {x}?`; what ends it does not count.

    literals: the texts before, between and after the slots. slots: their names, in order.
    """

    literals: tuple[str, ...]
    slots: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        body, _ = split_tail(tidy(text))
        pieces = _SLOT.split(body)
        return cls(tuple(pieces[::2]), tuple(pieces[1::2]))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        found = [r"\s+".join(map(re.escape, literal.split(" "))) for literal in self.literals]
        named = [f"(?P<{slot}>.+?)" for slot in self.slots]
        whole = "".join(literal + slot for literal, slot in zip(found, [*named, ""], strict=True))
        return re.compile(whole, re.IGNORECASE | re.DOTALL)

    def match(self, body: str) -> dict[str, str] | None:
        """What a question without its tail has in the slots; the first ones as short as can be."""
        found = self._pattern.fullmatch(body)
        return found.groupdict() if found else None

    def fill(self, values: dict[str, str]) -> str:
        """The question that has `values` in the slots, without a tail."""
        named = [values[slot] for slot in self.slots]
        pieces = zip(self.literals, [*named, ""], strict=True)
        return " ".join("".join(literal + value for literal, value in pieces).split())


def split_tail(text: str) -> tuple[str, str]:
    """Cut the closing question mark and the like, with the space before it, off a text."""
    end = _TAIL.search(text)
    cut = end.start() if end else len(text)
    return text[:cut], text[cut:]


def tidy(text: str) -> str:
    """NFC, and one space between words."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def read_synonyms(path: Path) -> list[list[str]]:
    """Read groups of words and phrases. Raises SettingsError with everything that is wrong."""
    groups, problems = _read_groups(SYNONYMS, path)
    seen: dict[str, int] = {}
    for number, group in enumerate(groups, 1):
        for word in group:
            first = seen.setdefault(word.lower(), number)
            if first != number:
                problems.append(f"group {number}: {word!r} stands in group {first} already")
    _check(SYNONYMS, path, problems)
    return groups


def read_templates(path: Path) -> list[list[Template]]:
    """Read groups of patterns. Raises SettingsError with everything that is wrong."""
    groups, problems = _read_groups(TEMPLATES, path)
    for number, group in enumerate(groups, 1):
        wrong = [problem for text in group for problem in _pattern_problems(text)]
        slots = {frozenset(_SLOT.findall(text)) for text in group}
        if not wrong and len(slots) > 1:
            named = [" ".join(f"{{{slot}}}" for slot in sorted(names)) for names in slots]
            differ = ", ".join(sorted(name or "none" for name in named))
            wrong = [f"the slots differ, and all patterns need the same ones: {differ}"]
        problems += [f"group {number}: {problem}" for problem in wrong]
    _check(TEMPLATES, path, problems)
    return [[Template.parse(text) for text in group] for group in groups]


def _pattern_problems(text: str) -> Iterator[str]:
    names = _SLOT.findall(text)
    if set("{}") & set(_SLOT.sub("", text)):
        yield f"{text!r} has a brace that is not of a slot such as {{x}}"
    for name in dict.fromkeys(names):
        if not name.isidentifier():
            yield f"{text!r} has the slot {{{name}}}; its name must be letters, as in {{x}}"
        if names.count(name) > 1:
            yield f"{text!r} has the slot {{{name}}} twice"
    if len(names) > MAX_SLOTS:
        yield f"{text!r} has {len(names)} slots; at most {MAX_SLOTS} can be told apart"
    ends = [(one.start(), one.end()) for one in _SLOT.finditer(text)]
    if any(end == start for (_, end), (start, _) in pairwise(ends)):
        yield f"{text!r} has two slots side by side; nothing says where the first one ends"


def _read_groups(flag: str, path: Path) -> tuple[list[list[str]], list[str]]:
    """Read the groups that are lists of texts, and what is wrong with them and the others."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise unusable([f"{flag} {path}: cannot be read: {error.strerror or error}"]) from error
    except UnicodeDecodeError as error:
        raise unusable([f"{flag} {path}: is no text in UTF-8: {error}"]) from error
    except tomllib.TOMLDecodeError as error:
        raise unusable([f"{flag} {path}: no valid TOML: {error}"]) from error
    problems = [
        f"has no use for {key!r}; it holds groups alone" for key in content if key != "groups"
    ]
    groups = content.get("groups")
    if not isinstance(groups, list) or not groups:
        return [], [*problems, 'needs groups = [["one", "another"]], see docs/training.md']
    good = []
    for number, group in enumerate(groups, 1):
        wrong = list(_group_problems(group))
        problems += [f"group {number}: {problem}" for problem in wrong]
        good.append([] if wrong else [tidy(text) for text in group])
    return good, problems


def _group_problems(group: object) -> Iterator[str]:
    if not isinstance(group, list) or not all(isinstance(text, str) for text in group):
        yield f"must be a list of texts, got {group!r}"
        return
    for text in group:
        if not any(letter.isalnum() for letter in text):
            yield f"{text!r} holds no word"
    if len(group) < 2:
        yield f"{group!r} needs at least two that may replace one another"
    alike = [text.lower() for text in map(tidy, group)]
    for text in dict.fromkeys(text for text in alike if alike.count(text) > 1):
        yield f"{text!r} is there twice"


def _check(flag: str, path: Path, problems: Sequence[str]) -> None:
    if problems:
        raise unusable([f"{flag} {path}: {problem}" for problem in problems])
