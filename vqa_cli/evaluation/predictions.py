"""What is predicted for a question, what it is worth, and how a model predicts a whole split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.answers import answer_key
from vqa_cli.data.example import Example
from vqa_cli.data.feature_cache import features_folder

if TYPE_CHECKING:
    from vqa_cli.data.images import ImageSource
    from vqa_cli.data.prepared import PreparedDataset
    from vqa_cli.data.vocabulary import AnswerVocabulary
    from vqa_cli.inference.answerer import Answerer

Probabilities = NDArray[np.float64]

Group = tuple["ImageSource", Sequence[int]]
"""An image, and the places of the questions that are asked about it."""


@dataclass(frozen=True)
class Predicted:
    """The answer to one question.

    confidence: in [0, 1], None where the source gives none. answers: the best (answer,
    confidence), best first; empty where the source gives none.
    choice: the most probable of the question's choices; None where it has none, or where the
    model knows none of them. watched: the probabilities of the answers that are watched over the
    whole split; empty where the source gives none.
    """

    answer: str
    confidence: float | None = None
    answers: tuple[tuple[str, float], ...] = ()
    choice: str | None = None
    watched: tuple[float, ...] = ()


@dataclass(frozen=True)
class Record:
    """A question, what was predicted, and its score in [0, 1]; None where it is not scored."""

    example: Example
    predicted: Predicted
    score: float | None

    def to_json(self) -> dict[str, Any]:
        example, predicted = self.example, self.predicted
        return {
            "question_id": example.question_id,
            "image": example.image,
            "question": example.question,
            "answer": predicted.answer,
            "confidence": predicted.confidence,
            "answers": [{"answer": a, "confidence": c} for a, c in predicted.answers],
            "choice": predicted.choice,
            "ground_truth": list(example.answers),
            "score": self.score,
        }


def predict(
    answerer: Answerer,
    questions: Sequence[Example],
    groups: Iterable[Group],
    *,
    top_k: int = 1,
    watched: Sequence[str] = (),
    report: Reporter = SILENT,
) -> list[Predicted]:
    """Answer the questions, in their order; the image of a group is read and encoded once.

    groups: which questions are asked about which image, each in one of them (see `by_image`).
    watched: answers whose probabilities are kept; one that the vocabulary lacks has 0.

    Raises DataError for an image that cannot be read.
    """
    listed = list(groups)
    items = [(image, [questions[place].question for place in places]) for image, places in listed]
    classes = [answerer.vocabulary.index(answer) for answer in watched]
    found: dict[int, Predicted] = {}
    for (_, places), logits in zip(listed, answerer.scores(items, report=report), strict=True):
        probabilities = answerer.probabilities(logits)
        for place, row in zip(places, probabilities, strict=True):
            answers = tuple(
                (answerer.vocabulary.answers[index], float(row[index]))
                for index in best_classes(row, top_k)
            )
            found[place] = Predicted(
                answer=answers[0][0],
                confidence=answers[0][1],
                answers=answers,
                choice=_best_choice(answerer.vocabulary, row, questions[place].choices or ()),
                watched=tuple(0.0 if c is None else float(row[c]) for c in classes),
            )
    return [found[place] for place in range(len(questions))]


def use_features(answerer: Answerer, dataset: PreparedDataset, report: Reporter = SILENT) -> None:
    """Let a model take from the dataset's features what training stored of its images.

    They are float16: a probability differs by less than 0.001 from one of images encoded anew.

    Raises DataError where the dataset was prepared without images.
    """
    table = dataset.images()
    digests = {
        dataset.image_root / image: digest
        for image, digest in zip(table["image"], table["sha256"], strict=True)
    }
    if found := answerer.look_up(features_folder(dataset.folder), digests):
        report.notice(
            f"image features: {len(found):,} of {len(digests):,} images found in "
            f"{found.store.folder}"
        )


def by_image(questions: Sequence[Example], image_root: Path) -> list[Group]:
    """Group questions by their image, in the order in which the images are first met."""
    places: dict[str, list[int]] = {}
    for place, question in enumerate(questions):
        places.setdefault(question.image, []).append(place)
    return [(image_root / image, asked) for image, asked in places.items()]


def best_classes(probabilities: Probabilities, count: int) -> list[int]:
    """The places of the `count` largest of (A,), largest first; among equals the first ones."""
    count = min(count, len(probabilities))
    least = np.partition(probabilities, -count)[-count]
    candidates = np.flatnonzero(probabilities >= least)
    order = np.argsort(-probabilities[candidates], kind="stable")[:count]
    return [int(place) for place in candidates[order]]


def choice_among(choices: Sequence[str], ranked: Iterable[str]) -> str | None:
    """The first of the ranked answers that is one of the choices, spelt as there."""
    if not choices:
        return None
    by_key = {answer_key(choice): choice for choice in reversed(choices)}
    return next((by_key[key] for answer in ranked if (key := answer_key(answer)) in by_key), None)


def _best_choice(
    vocabulary: AnswerVocabulary, probabilities: Probabilities, choices: Sequence[str]
) -> str | None:
    known = [(c, i) for c in choices if (i := vocabulary.index(c)) is not None]
    return max(known, key=lambda pair: probabilities[pair[1]], default=(None, -1))[0]
