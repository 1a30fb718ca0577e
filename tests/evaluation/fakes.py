"""A dataset in memory, and a model that reads its answers off the names of the images."""

import hashlib
import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd

from tests.tiny_runs import tiny_preprocessor
from vqa_cli.data.example import Example
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.errors import DataError
from vqa_cli.inference.prediction import softmax


class MemoryDataset:
    """What evaluation uses of a PreparedDataset."""

    folder = Path("prepared")
    image_root = Path("photos")

    def __init__(self, *, format="generic", leaks=None, problems=(), contents=None, **splits):
        self._rows = splits
        self._contents = contents or {}
        self.splits = tuple(splits)
        self.info = {"format": format, "leaks": leaks or {}, "problems": list(problems)}
        train = splits.get("train", [])
        self.vocabulary = AnswerVocabulary.build(a for e in train for a in e.answers)

    def rows(self, split):
        if split not in self._rows:
            raise DataError(f"no split {split}; there are {', '.join(self.splits)}")
        examples = self._rows[split]
        columns = {spec.name: [getattr(e, spec.name) for e in examples] for spec in fields(Example)}
        columns["extra"] = [json.dumps(extra) for extra in columns["extra"]]
        return pd.DataFrame({n: pd.Series(v, dtype=object) for n, v in columns.items()})

    def examples(self, split):
        return list(self._rows[split])

    def images(self):
        names = dict.fromkeys(e.image for examples in self._rows.values() for e in examples)
        digests = [
            self._contents.get(name, hashlib.sha256(name.encode()).hexdigest()) for name in names
        ]
        return pd.DataFrame({"image": list(names), "sha256": digests})


class FileNameModel:
    """Answers every question with the name of the image's file, 80 % sure; else with "other"."""

    def __init__(self, *answers):
        self.vocabulary = AnswerVocabulary.build({a: 99 - n for n, a in enumerate(answers)})
        self.preprocessor = tiny_preprocessor()
        self.seen = []
        self.looked_up = []

    def describe(self):
        return "the names of the images"

    def look_up(self, features, digests):
        self.looked_up.append((features, digests))

    def scores(self, items, *, report):
        """The rest of the probability falls on the other answers, the first ones more likely."""
        count = len(self.vocabulary)
        for image, questions in items:
            self.seen.append((image, list(questions)))
            name = image.stem if isinstance(image, Path) else "other"
            rest = np.arange(count, 0, -1, dtype=np.float64)
            rest[self.vocabulary.index(name)] = 0
            row = 0.2 * rest / rest.sum()
            row[self.vocabulary.index(name)] = 0.8
            yield np.log(np.tile(row, (len(questions), 1))).astype(np.float32)

    def probabilities(self, logits):
        return softmax(logits.astype(np.float64))


def question(number, image, text, *answers, **more):
    return Example(image, text, answers, str(number), **more)


def small_dataset(**more):
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
        **more,
    )


def small_model():
    return FileNameModel("red", "circle", "yes", "other")
