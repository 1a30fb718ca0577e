"""Evaluation: predictions for a split, scored, beside what can be scored blindly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.answers import answer_key
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError
from vqa_cli.evaluation.ablations import ablate
from vqa_cli.evaluation.baselines import blind_baselines
from vqa_cli.evaluation.further import further_metrics
from vqa_cli.evaluation.intervals import Comparison, clustered_interval, compare
from vqa_cli.evaluation.metrics import (
    Metric,
    mean,
    mean_by_type,
    metric_name,
    right_answer,
    score,
)
from vqa_cli.evaluation.prediction_files import read_predictions
from vqa_cli.evaluation.predictions import Predicted, Record, by_image, predict, use_features
from vqa_cli.evaluation.questions import examples_of, watched_in
from vqa_cli.evaluation.reliability import Calibration
from vqa_cli.evaluation.result import EvaluationResult
from vqa_cli.memory import without_garbage_collection

if TYPE_CHECKING:
    from vqa_cli.data.prepared import PreparedDataset
    from vqa_cli.inference.answerer import Answerer

TOP_K = 5
ANSWERS_LISTED = 20
"""For so many of the most frequent right answers the accuracy is told."""


@dataclass(frozen=True)
class Scoring:
    """How predictions are scored, and beside what.

    top_k: how many answers a model gives to each question; the first one is scored.
    baseline: another model, or predictions, to compare with; baseline_name: what it is called.
    ablate_image: score the model with blank and with shuffled images as well.
    wordnet: WordNet's folder, where WUPS is wanted.
    """

    metric: Metric = "auto"
    top_k: int = TOP_K
    baseline: Answerer | Path | None = None
    baseline_name: str = "baseline"
    ablate_image: bool = False
    wordnet: Path | None = None


def evaluate(
    dataset: PreparedDataset,
    split: str,
    source: Answerer | Path,
    scoring: Scoring | None = None,
    *,
    report: Reporter = SILENT,
) -> EvaluationResult:
    """Score a model, or a file of predictions, on a split.

    Raises DataError where the split is absent or has no answers at all, where an image cannot be
    read, or where predictions do not fit the questions.
    """
    scoring = scoring or Scoring()
    questions = examples_of(dataset.rows(split))
    if not any(question.answers for question in questions):
        having = [s for s in dataset.splits if s != split]
        hint = f"; other splits: {', '.join(having)} (--split)" if having else ""
        raise DataError(
            f"{dataset.folder}: none of the {len(questions):,} questions of split {split} has an "
            f"answer, so nothing can be scored{hint}"
        )
    baseline = scoring.baseline
    if isinstance(baseline, Path):  # what is wrong with a file is told before the long work
        theirs = read_predictions(baseline, questions)
    records = _scored(
        questions, _predictions(dataset, questions, source, scoring, report), scoring.metric
    )
    if baseline is not None and not isinstance(baseline, Path):
        report.notice(f"answering by {scoring.baseline_name}")
        theirs = _predictions(dataset, questions, baseline, Scoring(top_k=1), report)
    model = None if isinstance(source, Path) else source
    vocabulary = model.vocabulary if model else dataset.vocabulary
    train = examples_of(dataset.rows("train")) if "train" in dataset.splits else []
    answered = [question for question in questions if question.answers]
    baselines = blind_baselines(train, answered, vocabulary, scoring.metric)
    if split == "train":  # a look-up would find the very question that it is asked
        baselines.pop("question_only", None)
    return replace(
        summarize(split, records, scoring.metric),
        baselines=baselines,
        ablations=_ablations(dataset, answered, model, scoring, report),
        leaks=tuple(dataset.info.get("leaks", {}).get(split, ())),
        comparison=_comparison(records, theirs, scoring) if baseline is not None else None,
        further=further_metrics(
            records,
            top_k=scoring.top_k,
            metric=scoring.metric,
            watched=watched_in(questions) if model else (),
            vocabulary=model.vocabulary if model else None,
            wordnet=scoring.wordnet,
        ),
    )


def is_scorable(dataset: PreparedDataset, split: str) -> bool:
    """Whether any question of a split has an answer. Raises DataError where it is absent."""
    return any(map(len, dataset.rows(split)["answers"]))


def answer(
    dataset: PreparedDataset,
    split: str,
    source: Answerer | Path,
    scoring: Scoring | None = None,
    *,
    report: Reporter = SILENT,
) -> list[Record]:
    """Answer the questions of a split, whether or not they can be scored.

    Raises DataError as `evaluate` does, but for a split without answers.
    """
    scoring = scoring or Scoring()
    questions = examples_of(dataset.rows(split))
    predicted = _predictions(dataset, questions, source, scoring, report)
    return _scored(questions, predicted, scoring.metric)


def _predictions(
    dataset: PreparedDataset,
    questions: Sequence[Example],
    source: Answerer | Path,
    scoring: Scoring,
    report: Reporter,
) -> list[Predicted]:
    if isinstance(source, Path):
        return read_predictions(source, questions)
    use_features(source, dataset, report)
    return predict(
        source,
        questions,
        by_image(questions, dataset.image_root),
        top_k=scoring.top_k,
        watched=watched_in(questions),
        report=report,
    )


@without_garbage_collection()
def _scored(
    questions: Sequence[Example], predicted: Sequence[Predicted], metric: Metric
) -> list[Record]:
    return [
        Record(q, p, score(q.answers, q.answer_kind, p.answer, metric) if q.answers else None)
        for q, p in zip(questions, predicted, strict=True)
    ]


def _ablations(
    dataset: PreparedDataset,
    answered: Sequence[Example],
    model: Answerer | None,
    scoring: Scoring,
    report: Reporter,
) -> dict[str, float]:
    if model is None or not scoring.ablate_image:
        return {}
    return {
        name: mean(_worth(_scored(answered, predicted, scoring.metric))).accuracy
        for name, predicted in ablate(model, dataset, answered, report).items()
    }


def _worth(records: Sequence[Record]) -> list[float]:
    return [record.score for record in records if record.score is not None]


def _comparison(
    records: Sequence[Record], theirs: Sequence[Predicted], scoring: Scoring
) -> Comparison:
    others = _scored([record.example for record in records], theirs, scoring.metric)
    images = [record.example.image for record in records if record.score is not None]
    return compare(scoring.baseline_name, _worth(records), _worth(others), images)


@without_garbage_collection()
def summarize(split: str, records: Sequence[Record], metric: Metric = "auto") -> EvaluationResult:
    """Average the scores of records, of which at least one has a score."""
    scored = [(r.example, r.score, r.predicted) for r in records if r.score is not None]
    examples = [example for example, _, _ in scored]
    scores = [worth for _, worth, _ in scored]
    per_answer = mean_by_type(scores, _right_answers(examples))
    return EvaluationResult(
        split=split,
        metric=metric_name((example.answer_kind for example in examples), metric),
        overall=mean(scores),
        interval=clustered_interval(scores, [example.image for example in examples]),
        without_answers=len(records) - len(scored),
        per_answer_type=mean_by_type(scores, [example.answer_type for example in examples]),
        per_question_type=mean_by_type(scores, [example.question_type for example in examples]),
        per_answer=dict(list(per_answer.items())[:ANSWERS_LISTED]),
        calibration=_calibration([predicted.confidence for _, _, predicted in scored], scores),
        records=tuple(records),
    )


def _right_answers(examples: Sequence[Example]) -> list[str]:
    """The answer that stands for each question, spelt as where it was first met."""
    spelt: dict[str, str] = {}
    answers = [right_answer(example.answers, example.answer_kind) for example in examples]
    return [spelt.setdefault(answer_key(answer), answer) for answer in answers]


def _calibration(
    confidences: Sequence[float | None], scores: Sequence[float]
) -> Calibration | None:
    sure = [confidence for confidence in confidences if confidence is not None]
    return Calibration.of(sure, scores) if len(sure) == len(scores) else None
