import json
import random
from pathlib import Path
from typing import get_args

import pytest

from tests.evaluation.records import record
from tests.evaluation.tiny_wordnet import write_wordnet
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.evaluation.further import further_metrics, further_sections
from vqa_cli.evaluation.metrics import METRIC_TITLES, Metric, mean_by_type

CHOICES = ("red", "blue", "pink")


def everything():
    """Four questions for which all metrics are defined at once."""
    extra = {"correct_choice": 0, "entailed": ["b"], "consistency_group": "g"}
    return [
        record(
            "red",
            ("red", "blue", "dog"),
            question_id="a",
            answerable=True,
            choices=CHOICES,
            choice="red",
            extra=extra,
            watched=(0.8, 0.1),
        ),
        record("red", ("blue", "red", "dog"), question_id="b", watched=(0.3, 0.2)),
        record("blue", ("blue", "red", "dog"), question_id="c", watched=(0.2, 0.0)),
        record(
            "unanswerable",
            ("dog", "red", "blue"),
            question_id="d",
            answerable=False,
            extra={"difficult_direct_answer": True},
            watched=(0.1, 0.7),
        ),
    ]


def test_everything_at_once(tmp_path):
    found = further_metrics(
        everything(),
        watched=("red", "unanswerable"),
        vocabulary=AnswerVocabulary.build(["red", "blue", "dog"]),
        wordnet=write_wordnet(tmp_path),
    )
    assert json.loads(json.dumps(found)) == found
    assert found == {
        "top_k": {"1": 0.5, "3": 0.75},
        "macro": pytest.approx({"classes": 3, "precision": 0.5, "recall": 0.5, "f1": 4 / 9}),
        "confusion": {
            "answers": ["red", "blue", "unanswerable"],
            "counts": [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]],
        },
        "auc": {"mean": 1.0, "answers": {"red": 1.0, "unanswerable": 1.0}},
        "answerability": {"questions": 2, "unanswerable": 1, "average_precision": 1.0, "f1": 1.0},
        "multiple_choice": {
            "questions": 1,
            "accuracy": 1.0,
            "choices_out_of_vocabulary": 1 / 3,
            "correct_out_of_vocabulary": 0.0,
        },
        "direct_answer": {"questions": 3, "accuracy": pytest.approx(2 / 9)},
        "consistency": {
            "entailed": {"questions": 1, "consistency": 0.0, "coverage": 1.0},
            "groups": {"groups": 1, "consistency": 1.0},
        },
        "wups": {"questions": 4, "0.9": 0.5, "0.0": 0.5},
    }


def test_sections_for_people(tmp_path):
    found = further_metrics(
        everything(),
        watched=("red", "unanswerable"),
        vocabulary=AnswerVocabulary.build(["red", "blue", "dog"]),
        wordnet=write_wordnet(tmp_path),
    )
    assert further_sections(found) == [
        ("top-k accuracy", [("right among the best 3", "75.00", "")]),
        (
            "averaged over the answers, each counting once",
            [("precision", "50.00", ""), ("recall", "50.00", ""), ("F1", "44.44", "")],
        ),
        (
            "area under the ROC curve, one answer against the rest",
            [("mean of 2 answers", "100.00", "")],
        ),
        (
            "multiple choice",
            [
                ("accuracy", "100.00", "1"),
                ("choices not in the vocabulary", "33.33", ""),
                ("right ones not in it", "0.00", ""),
            ],
        ),
        ("direct answers, as A-OKVQA scores them", [("accuracy", "22.22", "3")]),
        (
            "telling unanswerable questions",
            [("average precision", "100.00", "2"), ("F1", "100.00", "")],
        ),
        (
            "consistency",
            [
                ("entailed questions right where the first is", "0.00", "1"),
                ("entailed questions in this split", "100.00", ""),
                ("groups with all answers right", "100.00", "1"),
            ],
        ),
        ("WUPS", [("at 0.9", "50.00", ""), ("at 0.0", "50.00", "")]),
        ("most often confused", [("red, answered as blue", "50.00", "1")]),
    ]


def test_what_is_not_defined_is_absent():
    found = further_metrics([record("red", "red"), record("blue", "red")])
    assert set(found) == {"macro", "confusion"}
    assert further_metrics([record((), "red")]) == {}
    assert further_sections({}) == []


def test_at_most_top_k_answers_are_looked_at():
    assert "top_k" not in further_metrics(everything(), top_k=1)
    assert set(further_metrics(everything(), top_k=4)["top_k"]) == {"1", "3"}


def test_the_order_of_the_questions_makes_no_difference():
    records = everything()
    watched = ("red", "unanswerable")
    shuffled = random.Random(3).sample(records, len(records))
    assert further_metrics(shuffled, watched=watched) == further_metrics(records, watched=watched)


def test_open_and_closed_questions_are_answer_types():
    records = [
        record("yes", "yes", answer_type="CLOSED"),
        record("lung", "liver", answer_type="OPEN"),
        record("heart", "heart", answer_type="OPEN"),
    ]
    by_type = mean_by_type([one.score for one in records], [r.example.answer_type for r in records])
    assert {name: share.accuracy for name, share in by_type.items()} == {"OPEN": 0.5, "CLOSED": 1.0}


def test_every_metric_is_explained(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    found = further_metrics(
        everything(), watched=("red", "unanswerable"), wordnet=write_wordnet(tmp_path)
    )
    for name in [*METRIC_TITLES, *get_args(Metric), *found]:
        assert f"`{name}`" in page, name
