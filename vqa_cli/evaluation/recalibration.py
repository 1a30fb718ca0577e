"""Fitting the confidence of a finished model anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.example import Example
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.errors import DataError, ModelError
from vqa_cli.evaluation.calibration import fit_confidence
from vqa_cli.evaluation.metrics import score
from vqa_cli.evaluation.predictions import by_image, use_features
from vqa_cli.evaluation.questions import examples_of
from vqa_cli.model_folder import DEMO_MODEL, Confidence, write_confidence

if TYPE_CHECKING:
    from vqa_cli.data.prepared import PreparedDataset
    from vqa_cli.inference.answerer import Answerer

QUESTIONS = 10_000
"""Enough for one number, and their scores fit in memory with any answer vocabulary."""


@dataclass(frozen=True)
class Recalibration:
    """How logits became confidences before and do now, fitted on so many questions."""

    before: Confidence
    after: Confidence
    questions: int


def recalibrate(
    answerer: Answerer,
    folder: Path,
    dataset: PreparedDataset,
    report: Reporter = SILENT,
) -> Recalibration:
    """Fit the confidence on val, use it, and write it into the model's folder.

    folder: what the answerer was loaded from. Of more than `QUESTIONS` questions so many are taken
    that are spread over val.

    Raises DataError where there is no val, or none of its answers is known to the model;
    ModelError where the folder cannot be written, or is the package's own.
    """
    if "val" not in dataset.splits:
        raise DataError(
            f"--calibrate fits on the split val, which {dataset.folder} does not have; prepare "
            "data with one"
        )
    if folder.resolve() == DEMO_MODEL.resolve():
        raise ModelError(
            "--calibrate writes into the model's folder, and the demo model's belongs to the "
            f"package: copy {folder}, and name the copy with -m"
        )
    use_features(answerer, dataset, report)
    questions = examples_of(dataset.rows("val"))
    asked = spread(questions)
    known = answerer.vocabulary.index
    if all(known(answer) is None for question in asked for answer in question.answers):
        raise DataError(
            f"--calibrate: none of the {len(questions):,} questions of val has an answer that "
            f"{folder} knows, so there is nothing to fit on; name the data that it was trained on"
        )
    logits = logits_of(answerer, asked, dataset.image_root, report)
    before = answerer.confidence
    worth = worth_of(asked, logits, answerer.vocabulary)
    answerer.confidence = fit_confidence(logits, worth, before.activation)
    write_confidence(folder, answerer.confidence)
    return Recalibration(before, answerer.confidence, len(asked))


def spread(questions: Sequence[Example]) -> list[Example]:
    """Of the questions with an answer so many as suffice for one number, from all of them."""
    answered = [question for question in questions if question.answers]
    places = np.linspace(0, len(answered) - 1, min(len(answered), QUESTIONS)).astype(np.int64)
    return [answered[place] for place in places]


def logits_of(
    answerer: Answerer, questions: Sequence[Example], image_root: Path, report: Reporter
) -> NDArray[np.float32]:
    """The logits (Q, A) of questions about images below `image_root`, in their order."""
    groups = by_image(questions, image_root)
    items = [(image, [questions[place].question for place in places]) for image, places in groups]
    logits = np.empty((len(questions), len(answerer.vocabulary)), dtype=np.float32)
    for (_, places), scores in zip(groups, answerer.scores(items, report=report), strict=True):
        logits[list(places)] = scores
    return logits


def worth_of(
    questions: Sequence[Example], logits: NDArray[np.float32], vocabulary: AnswerVocabulary
) -> list[float]:
    """What the best answer to each question scores."""
    return [
        score(question.answers, question.answer_kind, vocabulary.answers[best])
        for question, best in zip(questions, logits.argmax(axis=1), strict=True)
    ]
