"""What single datasets ask for besides an answer: answerability, a choice, a direct answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vqa_cli.data.answers import answer_key, official_normalize
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.evaluation.predictions import Record

UNANSWERABLE = "unanswerable"
"""VizWiz' answer to a question that its image does not answer."""

SURE = 0.5
"""VizWiz' threshold on the probability that a question is unanswerable."""

ENOUGH = 3
"""So many annotators who gave an answer make it wholly right."""


def answerability(records: Sequence[Record], watched: Sequence[str] = ()) -> dict[str, Any]:
    """VizWiz' second task: to tell which questions their images do not answer.

    As its evaluator does it, unanswerable questions are the positive class, scored by the
    probability that the question is unanswerable: average precision, and F1 at more than 0.5
    (Gurari et al. 2018; https://vizwiz.org/tasks-and-datasets/vqa). That probability is the one of
    the answer "unanswerable"; where only answers are known it is 1 for that answer, else 0.

    records: those that don't say whether they are answerable are left out. {} where none is
    unanswerable, and so nothing defined.
    """
    judged = [record for record in records if record.example.answerable is not None]
    unanswerable = [not record.example.answerable for record in judged]
    if not any(unanswerable):
        return {}
    from sklearn.metrics import average_precision_score, f1_score

    keys = [answer_key(answer) for answer in watched]
    place = keys.index(UNANSWERABLE) if UNANSWERABLE in keys else None
    scores = [_unanswerable(record, place) for record in judged]
    return {
        "questions": len(judged),
        "unanswerable": sum(unanswerable),
        "average_precision": float(average_precision_score(unanswerable, scores)),
        "f1": float(f1_score(unanswerable, [s > SURE for s in scores], zero_division=0.0)),
    }


def _unanswerable(record: Record, place: int | None) -> float:
    if place is not None and record.predicted.watched:
        return record.predicted.watched[place]
    return float(official_normalize(record.predicted.answer) == UNANSWERABLE)


def multiple_choice(
    records: Sequence[Record], vocabulary: AnswerVocabulary | None = None
) -> dict[str, Any]:
    """The share of questions where the right one of several choices was chosen (A-OKVQA).

    A prediction without a choice counts as its answer where that is one of the choices, else as
    wrong. records: those without a right choice are left out; {} where none has one.

    vocabulary: what the model can answer. With it comes how many choices are outside, which the
    model can never choose: `choices_out_of_vocabulary` of all choices, and
    `correct_out_of_vocabulary` of the right ones.
    """
    asked = [r for r in records if r.example.choices and "correct_choice" in r.example.extra]
    if not asked:
        return {}
    result = {
        "questions": len(asked),
        "accuracy": sum(_chose_right(record) for record in asked) / len(asked),
    }
    if vocabulary is None:
        return result
    choices = [choice for record in asked for choice in record.example.choices or ()]
    return result | {
        "choices_out_of_vocabulary": _outside(choices, vocabulary),
        "correct_out_of_vocabulary": _outside([_correct(r) for r in asked], vocabulary),
    }


def _correct(record: Record) -> str:
    choices = record.example.choices or ()
    correct: str = choices[record.example.extra["correct_choice"]]
    return correct


def _chose_right(record: Record) -> bool:
    predicted = record.predicted
    chosen = predicted.answer if predicted.choice is None else predicted.choice
    return answer_key(chosen) == answer_key(_correct(record))


def _outside(answers: Sequence[str], vocabulary: AnswerVocabulary) -> float:
    return sum(vocabulary.index(answer) is None for answer in answers) / len(answers)


def direct_answer(records: Sequence[Record]) -> dict[str, Any]:
    """A-OKVQA's score of direct answers, which differs from the VQA accuracy.

    As its evaluator does it (https://github.com/allenai/aokvqa, evaluation): min(1, matches / 3)
    over all annotators, compared letter by letter, and questions marked as difficult to answer
    directly are skipped. {} where no question is marked, or where all are.
    """
    if not any("difficult_direct_answer" in record.example.extra for record in records):
        return {}
    asked = [
        record
        for record in records
        if record.example.answers and not record.example.extra.get("difficult_direct_answer")
    ]
    if not asked:
        return {}
    matches = [record.example.answers.count(record.predicted.answer) for record in asked]
    worth = sum(min(1.0, count / ENOUGH) for count in matches)
    return {"questions": len(asked), "accuracy": worth / len(asked)}
