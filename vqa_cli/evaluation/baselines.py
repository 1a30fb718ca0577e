"""What can be scored without looking at the image: the numbers that a model must beat.

All learn from train's questions and answers alone and are scored by the same metric on the same
questions as the model. "Best" is the answer that earns most over the train questions concerned,
each answer counted with what it is worth there (`target_scores`); among equals the one that earns
more over all of train.

- `majority`: the best answer over all of train.
- `per_question_type`: the best within the question's type; only where the data has types.
- `question_only`: the best over train's questions of the same words. For a question that train
  does not have: over train's questions that begin with the same words, as many as possible
  ("what is on the big stove" falls back on "what is on the ..."), in the end over all.
- `vocabulary_upper_bound`: the best that any choice from the answer vocabulary can earn.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence

from vqa_cli.data.answers import (
    answer_key,
    fixed_normalize,
    official_normalize,
    target_scores,
)
from vqa_cli.data.example import Example
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.evaluation.metrics import Metric, mean, score

Contexts = Callable[[Example], list[Hashable]]
"""What a blind baseline goes by for a question, from the most specific to the most general."""

Worth = dict[str, float]
"""What each answer earns, by its `answer_key`."""

EVERYTHING = "everything"
_WORD = re.compile(r"\w+")


def blind_baselines(
    train: Sequence[Example],
    questions: Sequence[Example],
    vocabulary: AnswerVocabulary | None = None,
    metric: Metric = "auto",
) -> dict[str, float]:
    """Score the baselines on `questions` by `metric`: name -> accuracy in [0, 1].

    questions: each with at least one answer.
    vocabulary: the answers to choose from; without one there is no upper bound. Without an answer
    in train there is nothing to learn from, and the upper bound stands alone.
    """
    if not questions:
        return {}
    learned: dict[str, Contexts] = {"majority": _no_context}
    if any(question.question_type for question in questions):
        learned["per_question_type"] = _type_contexts
    learned["question_only"] = _question_contexts
    prior = _Prior(train)
    predictions = {
        name: prior.predict(questions, contexts)
        for name, contexts in learned.items()
        if prior.has_answers
    }
    best = _BestChoice(vocabulary, metric) if vocabulary is not None and len(vocabulary) else None
    scores: dict[str, list[float]] = {name: [] for name in predictions}
    bounds: list[float] = []
    # Question by question, because a question's second score costs much less than its first.
    for question, *answers in zip(questions, *predictions.values(), strict=True):
        for found, answer in zip(scores.values(), answers, strict=True):
            found.append(score(question.answers, question.answer_kind, answer, metric))
        if best:
            bounds.append(best.score(question))
    if best:
        scores["vocabulary_upper_bound"] = bounds
    return {name: mean(found).accuracy for name, found in scores.items()}


def _no_context(_: Example) -> list[Hashable]:
    return [EVERYTHING]


def _type_contexts(example: Example) -> list[Hashable]:
    return [("type", example.question_type), EVERYTHING]


def _question_contexts(example: Example) -> list[Hashable]:
    words = tuple(_WORD.findall(answer_key(example.question)))
    shorter = [("begins", words[:length]) for length in range(len(words), 0, -1)]
    return [("same", words), *shorter, EVERYTHING]


class _Prior:
    """What each answer earns over train, as a whole and in a context."""

    def __init__(self, train: Sequence[Example]) -> None:
        self._targets: list[tuple[Example, Worth]] = []
        self._overall: Worth = defaultdict(float)
        surfaces: dict[str, Counter[str]] = defaultdict(Counter)
        for example in train:
            scores = target_scores(example.answers, example.answer_kind)
            for answer in scores:
                surfaces[answer_key(answer)][answer] += 1
            keyed = {answer_key(answer): worth for answer, worth in scores.items()}
            self._targets.append((example, keyed))
            _add(self._overall, keyed)
        # Of equally frequent spellings the first in alphabetical order, whatever train's order.
        self._surface = {
            key: min(counts, key=lambda answer: (-counts[answer], answer))
            for key, counts in surfaces.items()
        }

    @property
    def has_answers(self) -> bool:
        return bool(self._overall)

    def predict(self, questions: Sequence[Example], contexts: Contexts) -> list[str]:
        """Answer each question with the best answer of the first context that train has."""
        exact = {contexts(example)[0] for example, scores in self._targets if scores}
        chains = [contexts(question) for question in questions]
        # The general contexts are counted only for questions whose own one train does not have.
        chains = [chain[:1] if chain[0] in exact else chain for chain in chains]
        wanted = {context for chain in chains for context in chain}
        worth: dict[Hashable, Worth] = defaultdict(lambda: defaultdict(float))
        for example, scores in self._targets:
            for context in wanted.intersection(contexts(example)):
                _add(worth[context], scores)
        best = {context: self._best(counts) for context, counts in worth.items() if counts}
        return [next(best[context] for context in chain if context in best) for chain in chains]

    def _best(self, worth: Worth) -> str:
        key = min(worth, key=lambda answer: (-worth[answer], -self._overall[answer], answer))
        return self._surface[key]


def _add(total: Worth, scores: Worth) -> None:
    for key, worth in scores.items():
        total[key] += worth


class _BestChoice:
    """What the best choice from a vocabulary earns."""

    def __init__(self, vocabulary: AnswerVocabulary, metric: Metric) -> None:
        self._vocabulary, self._metric = vocabulary, metric
        self._normalize = fixed_normalize if metric == "vqa-fixed" else official_normalize
        self._by_normal_form: dict[str, str] = {}
        for answer in vocabulary.answers:
            self._by_normal_form.setdefault(self._normalize(answer), answer)

    def score(self, question: Example) -> float:
        """In [0, 1]; 0 where the vocabulary has nothing that earns."""
        best, tried = 0.0, set()
        for answer, _ in Counter(question.answers).most_common():
            for choice in self._choices(answer):
                if choice not in tried:
                    tried.add(choice)
                    kind = question.answer_kind
                    best = max(best, score(question.answers, kind, choice, self._metric))
            if best == 1:  # most often so with the first, and nothing can be better
                break
        return best

    def _choices(self, answer: str) -> Iterator[str]:
        if (index := self._vocabulary.index(answer)) is not None:
            yield self._vocabulary.answers[index]
        if (choice := self._by_normal_form.get(self._normalize(answer))) is not None:
            yield choice
