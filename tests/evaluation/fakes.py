"""A dataset in memory, and a model that reads its answers off the names of the images."""

import json
from dataclasses import fields
from pathlib import Path

import pandas as pd

from vqa_cli.data.example import Example
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.errors import DataError
from vqa_cli.inference.answerer import Answer, Prediction


class MemoryDataset:
    """What evaluation uses of a PreparedDataset."""

    folder = Path("prepared")
    image_root = Path("photos")

    def __init__(self, **splits):
        self._rows = splits
        self.splits = tuple(splits)
        train = splits.get("train", [])
        self.vocabulary = AnswerVocabulary.build(a for e in train for a in e.answers)

    def rows(self, split):
        if split not in self._rows:
            raise DataError(f"no split {split}; there are {', '.join(self.splits)}")
        examples = self._rows[split]
        columns = {spec.name: [getattr(e, spec.name) for e in examples] for spec in fields(Example)}
        columns["extra"] = [json.dumps(extra) for extra in columns["extra"]]
        return pd.DataFrame({n: pd.Series(v, dtype=object) for n, v in columns.items()})


class FileNameModel:
    """Answers every question with the name of the image's file."""

    def __init__(self, vocabulary):
        self.vocabulary = vocabulary
        self.seen = []

    def describe(self):
        return "the names of the images"

    def predict(self, items, *, top_k, report):
        for image, questions in items:
            self.seen.append((image, list(questions)))
            rest = [Answer("other", 0.1)] * (top_k - 1)
            answers = (Answer(image.stem, 0.8), *rest)
            yield [Prediction(question, answers) for question in questions]


def question(number, image, text, *answers, **more):
    return Example(image, text, answers, str(number), **more)


def small_dataset():
    colour, shape = {"question_type": "colour"}, {"question_type": "shape"}
    return MemoryDataset(
        train=[
            question(1, "a.png", "what colour?", "red", answer_type="other", **colour),
            question(2, "b.png", "what colour?", "red", answer_type="other", **colour),
            question(3, "c.png", "what shape?", "circle", answer_type="other", **shape),
        ],
        val=[question(21, "red.png", "what colour?")],
        test=[
            question(11, "red.png", "what colour?", "red", answer_type="other", **colour),
            question(12, "circle.png", "what shape?", "circle", answer_type="other", **shape),
            question(13, "red.png", "what shape?", "square", answer_type="other", **shape),
            question(14, "yes.png", "is it red?", "Yes", answer_type="yes/no", **colour),
            question(15, "red.png", "where?"),
        ],
    )
