"""WUPS: accuracy that gives credit to answers of a similar meaning.

After Malinowski and Fritz, "A Multi-World Approach to Question Answering about Real-World Scenes
based on Uncertain Input", NIPS 2014. Of the predicted answers A and the right ones T of a question:

    min(prod_{a in A} max_{t in T} s(a, t), prod_{t in T} max_{a in A} s(t, a))

where s is 1 for equal words, else the best Wu-Palmer similarity of any two of their noun senses in
WordNet, times 0.1 where that is below the threshold. The published thresholds are 0.9 and 0.0 (at
0.0 nothing is weighed down). The mean over the questions is the result. Of several annotators each
is an own T, and the question earns the mean over them ("average consensus" in Malinowski, Rohrbach
and Fritz, ICCV 2015); of several alternatives each is an own T, and the best counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import prod
from typing import Any

from vqa_cli.data.example import AnswerKind
from vqa_cli.evaluation.metrics import answer_set
from vqa_cli.evaluation.predictions import Record
from vqa_cli.evaluation.wordnet import WordNet

THRESHOLDS = (0.9, 0.0)
DOWNWEIGHT = 0.1


class Wups:
    """Scores single questions; keeps the similarities of the words that it has met."""

    def __init__(self, wordnet: WordNet) -> None:
        self._similarity = lru_cache(maxsize=1 << 20)(wordnet.similarity)

    def score(
        self, answers: Sequence[str], kind: AnswerKind, prediction: str, threshold: float
    ) -> float:
        """The WUPS of one prediction, in [0, 1]; with several answers see the module's top.

        answers: at least one. A prediction with commas is the set of what is between them.
        """
        predicted = answer_set(prediction)
        if kind == "set":
            return self._sets(predicted, answer_set(",".join(answers)), threshold)
        scores = {
            answer: self._sets(predicted, answer_set(answer), threshold) for answer in set(answers)
        }
        if kind == "alternatives":
            return max(scores.values())
        return sum(scores[answer] for answer in answers) / len(answers)

    def _sets(self, predicted: frozenset[str], right: frozenset[str], threshold: float) -> float:
        if predicted == right:
            return 1.0
        return min(
            self._membership(predicted, right, threshold),
            self._membership(right, predicted, threshold),
        )

    def _membership(self, words: Iterable[str], of: Iterable[str], threshold: float) -> float:
        # Sorted, because the last bit of a product depends on the order of its factors.
        return prod(
            max(self._weighed(word, other, threshold) for other in of) for word in sorted(words)
        )

    def _weighed(self, word: str, other: str, threshold: float) -> float:
        similarity = 1.0 if word == other else self._similarity(word, other)
        return similarity if similarity >= threshold else DOWNWEIGHT * similarity


def wups(records: Sequence[Record], wordnet: WordNet) -> dict[str, Any]:
    """The mean WUPS over scored records at both thresholds: {"questions", "0.9", "0.0"}."""
    scores = Wups(wordnet)
    means = {
        str(threshold): sum(
            scores.score(
                record.example.answers,
                record.example.answer_kind,
                record.predicted.answer,
                threshold,
            )
            for record in records
        )
        / len(records)
        for threshold in THRESHOLDS
    }
    return {"questions": len(records), **means}
