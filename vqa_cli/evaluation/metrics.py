"""What a prediction is worth, on strings: one question, and averages over many.

A question's `answer_kind` decides its metric:

- `annotators`: the official VQA accuracy, quirks included (see `vqa_cli.data.answers`);
- `alternatives`: 1 where the prediction is any of the answers, compared by `answer_key`;
- `set`: 1 where the prediction is the first answer, compared by `answer_key`, as the published
  figures for DAQUAR are computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vqa_cli.data.answers import answer_key, official_soft_score
from vqa_cli.data.example import AnswerKind

METRICS: dict[AnswerKind, str] = {
    "annotators": "vqa-accuracy",
    "alternatives": "exact-match",
    "set": "exact-match-first",
}
NO_TYPE = "(none)"
"""Where questions without a type are counted, if others have one."""


def score(answers: Sequence[str], kind: AnswerKind, prediction: str) -> float:
    """The worth of one prediction, in [0, 1].

    Raises ValueError for a question without answers: it can be counted, not scored.
    """
    if kind == "annotators":
        return official_soft_score(answers, prediction)
    if not answers:
        raise ValueError("a question without answers has no score")
    accepted = answers[:1] if kind == "set" else answers
    predicted = answer_key(prediction)
    return float(any(answer_key(answer) == predicted for answer in accepted))


def metric_name(kinds: Iterable[AnswerKind]) -> str:
    """The metric of questions of these kinds; several are joined by "+"."""
    present = set(kinds)
    return "+".join(name for kind, name in METRICS.items() if kind in present)


@dataclass(frozen=True)
class Share:
    """The sum of the scores of some questions, and how many they are (at least one)."""

    questions: int
    total: float

    @property
    def accuracy(self) -> float:
        """The mean score, in [0, 1]."""
        return self.total / self.questions

    @property
    def percent(self) -> float:
        """The mean score times 100.

        In the official evaluator's order of operations: the last printed digit depends on it.
        """
        return 100 * self.total / self.questions

    def to_json(self) -> dict[str, int | float]:
        return {"questions": self.questions, "accuracy": self.accuracy}


def mean(scores: Iterable[float]) -> Share:
    """Average the scores."""
    questions, total = 0, 0.0
    # Not `sum`: since Python 3.12 it compensates for rounding. The official evaluator does not,
    # and now and then that shows in the last printed digit.
    for value in scores:
        questions += 1
        total += value
    return Share(questions, total)


def mean_by_type(scores: Sequence[float], types: Sequence[str | None]) -> dict[str, Share]:
    """Average the scores of each type, the one with most questions first.

    Empty where no question has a type; else those without one are together under `NO_TYPE`.
    """
    if not any(types):
        return {}
    groups: dict[str, list[float]] = {}
    for value, kind in zip(scores, types, strict=True):
        groups.setdefault(kind or NO_TYPE, []).append(value)
    ranked = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return {kind: mean(values) for kind, values in ranked}
