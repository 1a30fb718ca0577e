"""What a prediction is worth, on strings: one question, and averages over many.

By default ("auto") a question's `answer_kind` decides its metric:

- `annotators`: the official VQA accuracy, quirks included (see `vqa_cli.data.answers`);
- `alternatives`: 1 where the prediction is any of the answers, compared by `answer_key`;
- `set`: 1 where the prediction is the first answer, compared by `answer_key`, as the published
  figures for DAQUAR are computed.

Another choice changes the metric of one of these kinds, and leaves the others as they are:

- `vqa-fixed`: `annotators` by the VQA accuracy without its quirks;
- `exact`: `annotators` by exact match with the answer that most of them gave (`right_answer`);
- `set`: `set` by exact match with all its answers, in any order, between commas.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from vqa_cli.data.answers import Scorer, answer_key, fixed_scorer, official_scorer
from vqa_cli.data.example import AnswerKind
from vqa_cli.errors import SettingsError

Metric = Literal["auto", "vqa-fixed", "exact", "set"]
METRICS: dict[AnswerKind, str] = {
    "annotators": "vqa-accuracy",
    "alternatives": "exact-match",
    "set": "exact-match-first",
}
_CHANGED: dict[Metric, dict[AnswerKind, str]] = {
    "auto": {},
    "vqa-fixed": {"annotators": "vqa-accuracy-fixed"},
    "exact": {"annotators": "exact-match-most-frequent"},
    "set": {"set": "exact-match-set"},
}
METRIC_TITLES = {
    "vqa-accuracy": "official VQA accuracy",
    "vqa-accuracy-fixed": "VQA accuracy without the official quirks",
    "exact-match": "exact match",
    "exact-match-most-frequent": "exact match with the most frequent answer",
    "exact-match-first": "exact match with the first answer",
    "exact-match-set": "exact match with the whole set of answers",
}
NO_TYPE = "(none)"
"""Where questions without a type are counted, if others have one."""
NOTHING = frozenset({""})
"""The set of answers of an empty text."""


def metric_called(name: str) -> Metric:
    """The metric of that name. Raises SettingsError where there is none."""
    for metric in _CHANGED:
        if metric == name:
            return metric
    raise SettingsError(f"--metric must be one of {', '.join(_CHANGED)}, got {name!r}")


def score(
    answers: Sequence[str], kind: AnswerKind, prediction: str, metric: Metric = "auto"
) -> float:
    """The worth of one prediction, in [0, 1].

    Raises ValueError for a question without answers: it can be counted, not scored.
    """
    return scorer(answers, kind, metric)(prediction)


def scorer(answers: Sequence[str], kind: AnswerKind, metric: Metric = "auto") -> Scorer:
    """`score` of any prediction for one question, quicker for several of them.

    Raises ValueError for a question without answers.
    """
    if kind == "annotators" and metric != "exact":
        return fixed_scorer(answers) if metric == "vqa-fixed" else official_scorer(answers)
    if not answers:
        raise ValueError("a question without answers has no score")
    if kind == "set" and metric == "set":
        right = answer_set(",".join(answers))
        return lambda prediction: float(answer_set(prediction) == right)
    accepted = answers if kind == "alternatives" else (right_answer(answers, kind),)
    keys = set(map(answer_key, accepted))
    return lambda prediction: float(answer_key(prediction) in keys)


def answer_set(text: str) -> frozenset[str]:
    """The answers between the commas of a text, each by its `answer_key`; never empty."""
    return frozenset(answer_key(answer) for answer in text.split(",") if answer.strip()) or NOTHING


def right_answer(answers: Sequence[str], kind: AnswerKind) -> str:
    """The one answer that stands for a question where classes of answers are counted.

    `annotators`: what most of them said, compared by `answer_key`, the first among equals, spelt
    as it was first met; `alternatives` and `set`: the first. answers: at least one.
    """
    if kind != "annotators" or 2 * answers.count(answers[0]) >= len(answers):
        return answers[0]  # no other answer was given more often
    keys = [answer_key(answer) for answer in answers]
    return answers[keys.index(max(keys, key=keys.count))]


def metric_name(kinds: Iterable[AnswerKind], metric: Metric = "auto") -> str:
    """The metric of questions of these kinds; several are joined by "+"."""
    present = set(kinds)
    names = METRICS | _CHANGED[metric]
    return "+".join(name for kind, name in names.items() if kind in present)


def metric_title(name: str) -> str:
    """A name given by `metric_name` in words."""
    return " and ".join(METRIC_TITLES[part] for part in name.split("+"))


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
