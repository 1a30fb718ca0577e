"""Evaluation: predictions for a split, scored, beside what can be scored blindly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError
from vqa_cli.evaluation.baselines import blind_baselines
from vqa_cli.evaluation.calibration import expected_calibration_error
from vqa_cli.evaluation.metrics import Share, mean, mean_by_type, metric_name, score
from vqa_cli.evaluation.predictions import Predicted, Record, predict, read_predictions

if TYPE_CHECKING:
    import pandas as pd

    from vqa_cli.data.prepared import PreparedDataset
    from vqa_cli.inference.answerer import Answerer

_SCORED_COLUMNS = (
    "image",
    "question",
    "answers",
    "question_id",
    "answer_kind",
    "answer_type",
    "question_type",
)


@dataclass(frozen=True)
class Calibration:
    """How much the confidences mean, over the scored questions; both in [0, 1]."""

    expected_error: float
    mean_confidence: float


@dataclass(frozen=True)
class EvaluationResult:
    """What an evaluation found.

    overall: over the questions that have answers; without_answers: how many have none.
    baselines: name -> accuracy in [0, 1]. calibration: None where there are no confidences.
    records: every question of the split, in its order.
    """

    split: str
    metric: str
    overall: Share
    without_answers: int
    per_answer_type: dict[str, Share]
    per_question_type: dict[str, Share]
    baselines: dict[str, float]
    calibration: Calibration | None
    records: tuple[Record, ...]

    @property
    def accuracy(self) -> float:
        return self.overall.accuracy

    def to_json(self) -> dict[str, Any]:
        """The documented JSON object; all shares are from 0 to 1."""
        result = {
            "split": self.split,
            "metric": self.metric,
            "questions": self.overall.questions,
            "questions_without_answers": self.without_answers,
            "accuracy": self.accuracy,
            "per_answer_type": {t: s.to_json() for t, s in self.per_answer_type.items()},
            "per_question_type": {t: s.to_json() for t, s in self.per_question_type.items()},
            "baselines": self.baselines,
        }
        if self.calibration:
            result["calibration"] = {
                "expected_calibration_error": self.calibration.expected_error,
                "mean_confidence": self.calibration.mean_confidence,
            }
        return result


def evaluate(
    dataset: PreparedDataset,
    split: str,
    source: Answerer | Path,
    *,
    top_k: int = 1,
    report: Reporter = SILENT,
) -> EvaluationResult:
    """Score a model, or a file of predictions in the official results format, on a split.

    top_k: how many answers a model gives to each question; the first one is scored.

    Raises DataError where the split is absent or has no answers at all, where an image cannot be
    read, or where the predictions do not fit the questions.
    """
    questions = examples_of(dataset.rows(split))
    if not any(question.answers for question in questions):
        having = [s for s in dataset.splits if s != split]
        hint = f"; other splits: {', '.join(having)} (--split)" if having else ""
        raise DataError(
            f"{dataset.folder}: none of the {len(questions):,} questions of split {split} has an "
            f"answer, so nothing can be scored{hint}"
        )
    if isinstance(source, Path):
        predicted = read_predictions(source, questions)
        vocabulary = dataset.vocabulary
    else:
        predicted = predict(source, questions, dataset.image_root, top_k=top_k, report=report)
        vocabulary = source.vocabulary
    records = [_record(*pair) for pair in zip(questions, predicted, strict=True)]
    train = examples_of(dataset.rows("train")) if "train" in dataset.splits else []
    answered = [question for question in questions if question.answers]
    return summarize(split, records, blind_baselines(train, answered, vocabulary))


def _record(question: Example, predicted: Predicted) -> Record:
    answers, kind = question.answers, question.answer_kind
    return Record(question, predicted, score(answers, kind, predicted.answer) if answers else None)


def summarize(
    split: str, records: Sequence[Record], baselines: dict[str, float]
) -> EvaluationResult:
    """Average the scores of records, of which at least one has a score."""
    scored = [(r.example, r.score, r.predicted) for r in records if r.score is not None]
    scores = [worth for _, worth, _ in scored]
    return EvaluationResult(
        split=split,
        metric=metric_name(example.answer_kind for example, _, _ in scored),
        overall=mean(scores),
        without_answers=len(records) - len(scored),
        per_answer_type=mean_by_type(scores, [example.answer_type for example, _, _ in scored]),
        per_question_type=mean_by_type(scores, [example.question_type for example, _, _ in scored]),
        baselines=baselines,
        calibration=_calibration([predicted.confidence for _, _, predicted in scored], scores),
        records=tuple(records),
    )


def _calibration(
    confidences: Sequence[float | None], scores: Sequence[float]
) -> Calibration | None:
    sure = [confidence for confidence in confidences if confidence is not None]
    if len(sure) < len(scores):
        return None
    return Calibration(expected_calibration_error(sure, scores), sum(sure) / len(sure))


def examples_of(rows: pd.DataFrame) -> list[Example]:
    """The questions of a split's table, as far as scoring needs them."""
    return [
        Example(**(row | {"answers": tuple(row["answers"])}))
        for row in rows[list(_SCORED_COLUMNS)].to_dict("records")
    ]
