"""Answers as classes: which a question has, macro averages, and what is taken for what.

The class of a question is its `right_answer`. Answers of annotators are compared in the official
evaluator's normal form, others by `answer_key`. A prediction that is another of the `alternatives`
counts as the question's class, since it is as right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from vqa_cli.data.answers import answer_key, official_normalize
from vqa_cli.data.example import AnswerKind, Example
from vqa_cli.evaluation.metrics import right_answer
from vqa_cli.evaluation.predictions import Record

CONFUSED = 20
"""Of so many of the most frequent classes the confusion is told."""


def class_of(answer: str, kind: AnswerKind) -> str:
    """The form by which answers are one class."""
    return official_normalize(answer) if kind == "annotators" else answer_key(answer)


def right_classes(example: Example) -> tuple[str, ...]:
    """The classes that are right for a question with answers; the question's own is the first."""
    kind, answers = example.answer_kind, example.answers
    accepted = answers if kind == "alternatives" else (right_answer(answers, kind),)
    return tuple(class_of(answer, kind) for answer in accepted)


def most_frequent_answers(examples: Iterable[Example], count: int) -> tuple[str, ...]:
    """The right answers of most questions, most frequent first, each as it was first spelt."""
    spelt: dict[str, str] = {}
    frequency: Counter[str] = Counter()
    for example in examples:
        if example.answers:
            answer = right_answer(example.answers, example.answer_kind)
            label = class_of(answer, example.answer_kind)
            spelt.setdefault(label, answer)
            frequency[label] += 1
    return tuple(spelt[label] for label in _ranked(frequency)[:count])


def _ranked(frequency: Counter[str]) -> list[str]:
    return sorted(frequency, key=lambda label: (-frequency[label], label))


@dataclass(frozen=True)
class Labels:
    """The classes that are right for each question, its own first, and the one predicted."""

    accepted: Sequence[tuple[str, ...]]
    predicted: Sequence[str]

    @classmethod
    def of(cls, records: Iterable[Record]) -> Labels:
        """The labels of records whose questions have answers."""
        accepted, predicted = [], []
        for record in records:
            classes = right_classes(record.example)
            given = class_of(record.predicted.answer, record.example.answer_kind)
            accepted.append(classes)
            predicted.append(classes[0] if given in classes else given)
        return cls(accepted, predicted)

    @cached_property
    def ranked(self) -> list[str]:
        """The classes of the questions, the most frequent first."""
        return _ranked(Counter(own for own, *_ in self.accepted))

    def macro(self) -> dict[str, Any]:
        """Precision, recall and F1, averaged over the questions' classes, each counting once.

        An answer that is predicted but right for no question is no class of its own; it lowers the
        recall of others. A class that is never predicted has precision 0.
        """
        number = {label: place for place, label in enumerate(self.ranked)}
        classes = len(number)
        own = np.array([number[label] for label, *_ in self.accepted])
        predicted = np.array([number.get(label, classes) for label in self.predicted])
        asked = np.bincount(own)
        given = np.bincount(predicted, minlength=classes)[:classes]
        right = np.bincount(own[own == predicted], minlength=classes)
        return {
            "classes": classes,
            "precision": float(np.mean(right / np.maximum(given, 1))),
            "recall": float(np.mean(right / asked)),
            "f1": float(np.mean(2 * right / (asked + given))),
        }

    def confusion(self, answers: Sequence[str]) -> dict[str, Any]:
        """How often each of the most frequent classes was answered with each of them.

        answers: how the most frequent classes are written, as `most_frequent_answers` gives them.
        In `counts` there is a row for each right answer and a column for each predicted one; the
        last column counts all other predictions.
        """
        shown = {label: place for place, label in enumerate(self.ranked[: len(answers)])}
        counts = np.zeros((len(shown), len(shown) + 1), dtype=int)
        for (own, *_), predicted in zip(self.accepted, self.predicted, strict=True):
            if own in shown:
                counts[shown[own], shown.get(predicted, -1)] += 1
        return {"answers": list(answers), "counts": counts.tolist()}
