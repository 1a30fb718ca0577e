"""Evaluation: predictions for a split, scored, beside what can be scored blindly."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.answers import answer_key
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError
from vqa_cli.evaluation.baselines import blind_baselines
from vqa_cli.evaluation.intervals import clustered_interval
from vqa_cli.evaluation.metrics import mean, mean_by_type, metric_name, score
from vqa_cli.evaluation.predictions import Predicted, Record, predict, read_predictions
from vqa_cli.evaluation.reliability import Calibration
from vqa_cli.evaluation.result import EvaluationResult

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
    "answerable",
    "choices",
    "group",
    "extra",
)
ANSWERS_LISTED = 20
"""For so many of the most frequent right answers the accuracy is told."""


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
    examples = [example for example, _, _ in scored]
    scores = [worth for _, worth, _ in scored]
    per_answer = mean_by_type(scores, _right_answers(examples))
    return EvaluationResult(
        split=split,
        metric=metric_name(example.answer_kind for example in examples),
        overall=mean(scores),
        interval=clustered_interval(scores, [example.image for example in examples]),
        without_answers=len(records) - len(scored),
        per_answer_type=mean_by_type(scores, [example.answer_type for example in examples]),
        per_question_type=mean_by_type(scores, [example.question_type for example in examples]),
        per_answer=dict(list(per_answer.items())[:ANSWERS_LISTED]),
        baselines=baselines,
        calibration=_calibration([predicted.confidence for _, _, predicted in scored], scores),
        records=tuple(records),
    )


def _right_answers(examples: Sequence[Example]) -> list[str]:
    """What most annotators said, else the first answer, spelt as where it was first met."""
    spelt: dict[str, str] = {}
    return [spelt.setdefault(answer_key(answer), answer) for answer in map(_right_answer, examples)]


def _right_answer(example: Example) -> str:
    if example.answer_kind != "annotators":
        return example.answers[0]
    keys = [answer_key(answer) for answer in example.answers]
    (most, _), *_ = Counter(keys).most_common(1)
    return example.answers[keys.index(most)]


def _calibration(
    confidences: Sequence[float | None], scores: Sequence[float]
) -> Calibration | None:
    sure = [confidence for confidence in confidences if confidence is not None]
    return Calibration.of(sure, scores) if len(sure) == len(scores) else None


def examples_of(rows: pd.DataFrame) -> list[Example]:
    """The questions of a split's table, as far as scoring needs them."""
    examples = []
    for row in rows[list(_SCORED_COLUMNS)].to_dict("records"):
        values: dict[str, Any] = {str(name): value for name, value in row.items()}
        values["answers"] = tuple(values["answers"])
        values["choices"] = tuple(values["choices"]) if values["choices"] else None
        values["extra"] = json.loads(values["extra"])
        examples.append(Example(**values))
    return examples
