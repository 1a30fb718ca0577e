"""Choosing among a model's answers: only these, or never those."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.errors import SettingsError

Floats = NDArray[np.floating]

ALLOW, BLOCK = "--allow-answers", "--block-answers"
_NAMED = 5
"""So many answers are named where there are many."""


@dataclass(frozen=True)
class AnswerChoice:
    """Which answers may be said; the shapes are those of a vocabulary of A answers.

    allowed: bool (A,), or None for all. Whoever allows answers says that one of them is right, so
        that those outside get no probability: with softmax the allowed ones share it all.
    sayable: the indices of the answers that may be said, rising; those allowed and not blocked. A
        blocked answer keeps its probability: it may be right, and is only not said, so that the
        confidence of what is said in its place stays as low as it is.
    """

    allowed: NDArray[np.bool_] | None
    sayable: NDArray[np.int64]

    def among(self, logits: Floats) -> Floats:
        """The logits (Q, A), those of answers that are not allowed as minus infinity."""
        return logits if self.allowed is None else np.where(self.allowed, logits, -np.inf)


def choose_answers(
    vocabulary: AnswerVocabulary,
    allow: Sequence[str] | None,
    block: Sequence[str] = (),
    report: Reporter = SILENT,
) -> AnswerChoice | None:
    """Which of the vocabulary's answers may be said; compared as the vocabulary compares.

    allow: None for all. Warns of those that the vocabulary does not have; of `block`, which may be
    a long list for many models, it only counts them.

    Raises SettingsError where nothing is left to be said.
    """
    sayable = np.ones(len(vocabulary), dtype=np.bool_)
    allowed = None
    if allow is not None:
        found = {answer: vocabulary.index(answer) for answer in allow}
        if unknown := [answer for answer, index in found.items() if index is None]:
            _tell_unknown(unknown, none_left=len(unknown) == len(found), report=report)
        allowed = np.zeros(len(vocabulary), dtype=np.bool_)
        allowed[[index for index in found.values() if index is not None]] = True
        sayable &= allowed
    if block:
        blocked = [index for answer in block if (index := vocabulary.index(answer)) is not None]
        report.detail(f"{len(set(blocked))} of the model's answers are blocked")
        sayable[blocked] = False
    if not sayable.any():
        raise SettingsError(f"{BLOCK}: nothing is left that the model may say")
    if sayable.all():
        return None
    return AnswerChoice(allowed, np.flatnonzero(sayable))


def _tell_unknown(unknown: Sequence[str], *, none_left: bool, report: Reporter) -> None:
    named = ", ".join(repr(answer) for answer in unknown[:_NAMED])
    more = f" and {len(unknown) - _NAMED:,} more" if len(unknown) > _NAMED else ""
    if none_left:
        raise SettingsError(
            f"{ALLOW}: the model knows none of these answers: {named}{more}; it can only give"
            " those in its answers.json"
        )
    report.warn(f"{ALLOW}: the model cannot answer {named}{more}; the other answers remain")


def split_answers(text: str) -> list[str]:
    """The answers of a list with commas; one that has a comma itself stands in double quotes.

    Raises SettingsError where there is none.
    """
    rows = csv.reader([" ".join(text.splitlines())], skipinitialspace=True)
    answers = [answer.strip() for row in rows for answer in row if answer.strip()]
    if not answers:
        raise SettingsError(f"{ALLOW}: no answer in {text!r}; give some, as in {ALLOW} yes,no")
    return answers


def read_answers(path: Path) -> list[str]:
    """The answers of a file, one a line. Raises SettingsError where it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise SettingsError(f"{BLOCK} {path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{BLOCK} {path}: is no text in UTF-8: {error}") from error
    return [line.strip() for line in lines if line.strip()]
