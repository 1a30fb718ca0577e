"""The questions as the page's script reads them, and the form that filters them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from vqa_cli.data.answers import answer_key
from vqa_cli.data.example import Example
from vqa_cli.evaluation.classes import Labels, class_of
from vqa_cli.evaluation.metrics import NO_TYPE, right_answer
from vqa_cli.evaluation.predictions import Record
from vqa_cli.evaluation.report.markup import Html, embedded_json, tag

LIMIT = 10_000
"""Questions that a page can hold and still be quick; of more, a sample is shown."""

CHUNK = 100
"""Thumbnails in one script element: the page splits up only those that it shows."""

DIGITS = 4


def choose(records: Sequence[Record]) -> list[Record]:
    """The records that the gallery shows, in their order: all, or a sample of `LIMIT`."""
    if len(records) <= LIMIT:
        return list(records)
    chosen = random.Random(0).sample(range(len(records)), LIMIT)
    return [records[place] for place in sorted(chosen)]


class Numbering:
    """Gives each different text a number, in the order in which they come."""

    def __init__(self) -> None:
        self.texts: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        return self.texts.setdefault(text, len(self.texts))


def gallery_data(records: Sequence[Record], total: int, *, pictures: bool) -> dict[str, Any]:
    """What the script shows: tables of texts, and one list a question that points into them.

    A question is [id, image, question, answer, confidence, score, question type, answer type,
    [[answer, confidence], ...], [[right answer, how many said so], ...], key of the answer, key of
    the right answer]; what is not known is null. total: how many questions there are in all.
    """
    images, types, answer_types, keys = Numbering(), Numbering(), Numbering(), Numbering()
    typed = any(record.example.question_type for record in records)
    answer_typed = any(record.example.answer_type for record in records)
    rows = []
    for record in records:
        example, predicted = record.example, record.predicted
        given, own = classes_of(record)
        rows.append(
            [
                example.question_id,
                images(example.image),
                example.question,
                predicted.answer,
                _rounded(predicted.confidence),
                _rounded(record.score),
                types(example.question_type or NO_TYPE) if typed else None,
                answer_types(example.answer_type or NO_TYPE) if answer_typed else None,
                [[answer, _rounded(confidence)] for answer, confidence in predicted.answers],
                counted_answers(example),
                keys(given),
                keys(own) if own is not None else None,
            ]
        )
    return {
        "total": total,
        "pictures": pictures,
        "chunk": CHUNK,
        "images": list(images.texts),
        "types": list(types.texts),
        "answerTypes": list(answer_types.texts),
        "keys": list(keys.texts),
        "rows": rows,
    }


def classes_of(record: Record) -> tuple[str, str | None]:
    """The class of the answer, and that of the question; None where it has no answers."""
    if not record.example.answers:
        return class_of(record.predicted.answer, record.example.answer_kind), None
    labels = Labels.of([record])
    return labels.predicted[0], labels.accepted[0][0]


def class_names(records: Sequence[Record]) -> dict[str, str]:
    """By right answers, as they are written: their classes, which the gallery goes by."""
    found: dict[str, str] = {}
    for record in records:
        answers, kind = record.example.answers, record.example.answer_kind
        if answers:
            answer = right_answer(answers, kind)
            found.setdefault(answer, class_of(answer, kind))
    return found


def counted_answers(example: Example) -> list[tuple[str, int]]:
    """The right answers and how many people gave each; the most frequent first, else in order."""
    if example.answer_kind != "annotators":
        return [(answer, 1) for answer in dict.fromkeys(example.answers)]
    spelt: dict[str, str] = {}
    counts = Counter(spelt.setdefault(answer_key(a), a) for a in example.answers)
    return counts.most_common()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def data_elements(data: dict[str, Any], thumbnails: Sequence[str | None]) -> list[Html]:
    """The script elements that hold the questions and the thumbnails; browsers do not run them."""
    found = [tag("script", embedded_json(data), type="application/json", id="questions")]
    for start in range(0, len(thumbnails), CHUNK):
        chunk = "\n".join(thumbnail or "" for thumbnail in thumbnails[start : start + CHUNK])
        found.append(tag("script", Html(chunk), type="text/plain", class_="thumbnails"))
    return found
