"""What an evaluation found, as one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vqa_cli.evaluation.intervals import Comparison, Interval
from vqa_cli.evaluation.metrics import Share
from vqa_cli.evaluation.predictions import Record
from vqa_cli.evaluation.reliability import Calibration


@dataclass(frozen=True)
class EvaluationResult:
    """What an evaluation found; all shares are from 0 to 1.

    overall: over the questions that have answers; without_answers: how many have none.
    interval: 95 %, clustered by image; None where all questions are about one image.
    per_answer: by the most frequent right answers.
    baselines: name -> accuracy of answering blindly. ablations: name -> accuracy of the model
        with blank or with other images; empty unless asked for.
    calibration: None where there are no confidences.
    leaks: what the preparation found of this split in another one.
    comparison: with another model; None unless asked for.
    further: other metrics, as they stand in the JSON object.
    records: every question of the split, in its order.
    """

    split: str
    metric: str
    overall: Share
    interval: Interval | None
    without_answers: int
    per_answer_type: dict[str, Share]
    per_question_type: dict[str, Share]
    per_answer: dict[str, Share]
    calibration: Calibration | None
    records: tuple[Record, ...]
    baselines: dict[str, float] = field(default_factory=dict)
    ablations: dict[str, float] = field(default_factory=dict)
    leaks: tuple[str, ...] = ()
    comparison: Comparison | None = None
    further: dict[str, Any] = field(default_factory=dict)

    @property
    def accuracy(self) -> float:
        return self.overall.accuracy

    def to_json(self) -> dict[str, Any]:
        """The documented JSON object; what does not apply is null or empty, never absent."""
        return {
            "split": self.split,
            "metric": self.metric,
            "questions": self.overall.questions,
            "questions_without_answers": self.without_answers,
            "accuracy": self.accuracy,
            "interval": self.interval and self.interval.to_json(),
            "per_answer_type": _shares(self.per_answer_type),
            "per_question_type": _shares(self.per_question_type),
            "per_answer": _shares(self.per_answer),
            "baselines": self.baselines,
            "ablations": self.ablations,
            "calibration": self.calibration and self.calibration.to_json(),
            "leaks": list(self.leaks),
            "comparison": self.comparison and self.comparison.to_json(),
            **self.further,
        }


def unscored_json(split: str, questions: int) -> dict[str, Any]:
    """The JSON object for a split without any answers."""
    return {
        "split": split,
        "metric": None,
        "questions": 0,
        "questions_without_answers": questions,
        "accuracy": None,
    }


def _shares(groups: dict[str, Share]) -> dict[str, Any]:
    return {name: share.to_json() for name, share in groups.items()}
