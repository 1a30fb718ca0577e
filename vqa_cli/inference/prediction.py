"""What a model says to a question: the best answers of its logits, with their confidence.

Shapes: Q questions, A answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.model_folder import Confidence


@dataclass(frozen=True)
class Answer:
    """One answer of the vocabulary and its calibrated probability."""

    text: str
    confidence: float


@dataclass(frozen=True)
class Prediction:
    """What a model says to one question: at least one answer, the most probable first."""

    question: str
    answers: tuple[Answer, ...]

    @property
    def answer(self) -> str:
        return self.answers[0].text

    @property
    def confidence(self) -> float:
        return self.answers[0].confidence

    def __str__(self) -> str:
        return self.answer


def calibrated(logits: NDArray[np.float32], confidence: Confidence) -> NDArray[np.float64]:
    """The probabilities, from 0 to 1, that logits (Q, A) stand for."""
    scaled = logits.astype(np.float64) / confidence.temperature
    activation = softmax if confidence.activation == "softmax" else sigmoid
    return confidence.ceiling * activation(scaled)


def best_answers(
    probabilities: NDArray[np.float64],
    vocabulary: AnswerVocabulary,
    top_k: int,
    sayable: NDArray[np.int64] | None = None,
) -> list[tuple[Answer, ...]]:
    """The `top_k` most probable answers to each question, of probabilities (Q, A).

    sayable: the numbers of the answers that may be given; None: all.
    """
    said = probabilities if sayable is None else probabilities[:, sayable]
    # Stable: among equals the answer that the vocabulary names first, on every machine.
    best = np.argsort(-said, axis=1, kind="stable")[:, :top_k]
    if sayable is not None:
        best = sayable[best]
    return [
        tuple(Answer(vocabulary.answers[number], float(row[number])) for number in order)
        for row, order in zip(probabilities, best, strict=True)
    ]


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities that sum to 1 along the last axis."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of their own; written so that no exponential overflows."""
    return np.exp(-np.logaddexp(0.0, -logits))
