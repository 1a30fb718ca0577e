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
import sys
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import chain

from vqa_cli.data.answers import (
    Scorer,
    answer_key,
    fixed_normalize,
    official_normalize,
    target_scores,
)
from vqa_cli.data.example import Example
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.evaluation.metrics import Metric, mean, scorer
from vqa_cli.memory import without_garbage_collection

Worth = dict[str, float]
"""What each answer earns, by its `answer_key`."""

_WORD = re.compile(r"\w+")
_LAST = chr(sys.maxunicode)  # sorts behind all that words begin with


@without_garbage_collection()
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
    predictions = _predictions(_Prior(train), questions)
    best = _BestChoice(vocabulary, metric) if vocabulary is not None and len(vocabulary) else None
    scores: dict[str, list[float]] = {name: [] for name in predictions}
    bounds: list[float] = []
    for question, *answers in zip(questions, *predictions.values(), strict=True):
        worth = scorer(question.answers, question.answer_kind, metric)
        for found, answer in zip(scores.values(), answers, strict=True):
            found.append(worth(answer))
        if best:
            bounds.append(best.worth(question.answers, worth))
    if best:
        scores["vocabulary_upper_bound"] = bounds
    return {name: mean(found).accuracy for name, found in scores.items()}


class _Prior:
    """Train's answered questions, by their places, and what each answer earns over some of them."""

    def __init__(self, train: Sequence[Example]) -> None:
        self.questions = [example for example in train if example.answers]
        self._worth: list[Worth] = []
        answers: list[str] = []
        for example in self.questions:
            scores = target_scores(example.answers, example.answer_kind)
            answers += scores
            self._worth.append({answer_key(answer): worth for answer, worth in scores.items()})
        spelt = Counter(answers)
        # Of equally frequent spellings the first in alphabetical order, whatever train's order.
        self._surface: dict[str, str] = {}
        for answer in sorted(spelt, key=lambda answer: (-spelt[answer], answer)):
            self._surface.setdefault(answer_key(answer), answer)

    @cached_property
    def _overall(self) -> Worth:
        return self._sum(range(len(self._worth)))

    @cached_property
    def majority(self) -> str:
        """The best answer over all questions, of which there is at least one."""
        return self._best(self._overall)

    def best(self, places: Sequence[int]) -> str:
        """The best answer over the questions in these places, of which there is at least one."""
        return self._best(self._sum(places))

    def _sum(self, places: Sequence[int]) -> Worth:
        total = dict(self._worth[places[0]])
        for place in places[1:]:
            for key, worth in self._worth[place].items():
                total[key] = total.get(key, 0.0) + worth
        return total

    def _best(self, total: Worth) -> str:
        most = max(total.values())
        equals = [key for key, worth in total.items() if worth == most]
        return self._surface[min(equals, key=lambda key: (-self._overall[key], key))]


def _predictions(prior: _Prior, questions: Sequence[Example]) -> dict[str, list[str]]:
    """What each baseline answers to each question; nothing where train has no answers."""
    if not prior.questions:
        return {}
    found = {"majority": [prior.majority] * len(questions)}
    if any(question.question_type for question in questions):
        found["per_question_type"] = _by_type(prior, questions)
    return found | {"question_only": _by_words(prior, questions)}


def _by_type(prior: _Prior, questions: Sequence[Example]) -> list[str]:
    places: dict[str | None, list[int]] = defaultdict(list)
    for place, question in enumerate(prior.questions):
        places[question.question_type].append(place)
    best = {kind: prior.best(own) for kind, own in places.items()}
    return [best.get(question.question_type, prior.majority) for question in questions]


def _by_words(prior: _Prior, questions: Sequence[Example]) -> list[str]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, question in enumerate(prior.questions):
        places[_words(question.question)].append(place)
    asked = [_words(question.question) for question in questions]
    wanted = set(asked)
    best = {words: prior.best(places[words]) for words in wanted & places.keys()}
    best |= _by_beginning(prior, places, wanted - places.keys())
    return [best[words] for words in asked]


@lru_cache(maxsize=1 << 18)
def _words(question: str) -> str:
    """A question's words with a space behind each, so that whole words are compared."""
    return " ".join([*_WORD.findall(answer_key(question)), ""])


def _by_beginning(
    prior: _Prior, places: Mapping[str, list[int]], unknown: Collection[str]
) -> dict[str, str]:
    """The best answer to questions that train lacks, by the longest beginning that it has."""
    known = sorted(places)  # those with the same beginning are neighbours
    longest = {words: _longest_beginning(words, known) for words in unknown}
    best = {"": prior.majority}
    for beginning in set(longest.values()) - {""}:
        same = known[bisect_left(known, beginning) : bisect_left(known, beginning + _LAST)]
        # In the order of train, so that rounding does not depend on the grouping.
        best[beginning] = prior.best(sorted(chain.from_iterable(places[words] for words in same)))
    return {words: best[beginning] for words, beginning in longest.items()}


def _longest_beginning(words: str, known: Sequence[str]) -> str:
    """The first words that some of the known questions, which are sorted, begin with; or none."""
    at = bisect_left(known, words)
    near = [_shared(words, other) for other in known[max(at - 1, 0) : at + 1]]
    return max(near, key=len, default="")


def _shared(words: str, other: str) -> str:
    """The words that both begin with."""
    # Most often all but the last few.
    end = len(words)
    while not other.startswith(words[:end]):
        end = words.rfind(" ", 0, end - 1) + 1
    return words[:end]


class _BestChoice:
    """What the best choice from a vocabulary earns."""

    def __init__(self, vocabulary: AnswerVocabulary, metric: Metric) -> None:
        self._vocabulary = vocabulary
        self._normalize = fixed_normalize if metric == "vqa-fixed" else official_normalize
        self._by_normal_form: dict[str, str] = {}
        for answer in vocabulary.answers:
            self._by_normal_form.setdefault(self._normalize(answer), answer)

    def worth(self, answers: Sequence[str], scorer: Scorer) -> float:
        """In [0, 1]; 0 where the vocabulary has nothing that earns. answers: the question's."""
        best = 0.0
        for answer in dict.fromkeys(answers):
            for choice in self._choices(answer):
                best = max(best, scorer(choice))
            if best == 1:  # nothing can be better
                break
        return best

    def _choices(self, answer: str) -> Iterator[str]:
        if (index := self._vocabulary.index(answer)) is not None:
            yield self._vocabulary.answers[index]
        if (choice := self._by_normal_form.get(self._normalize(answer))) is not None:
            yield choice
