import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluation.fakes import FileNameModel, MemoryDataset, question
from vqa_cli.errors import DataError
from vqa_cli.evaluation.evaluate import evaluate
from vqa_cli.evaluation.table import as_text


def test_a_model_is_scored_beside_the_baselines(dataset, model):
    result = evaluate(dataset, "test", model)
    assert result.to_json() == {
        "split": "test",
        "metric": "exact-match",
        "questions": 4,
        "questions_without_answers": 1,
        "accuracy": 0.75,
        "interval": [0.5, 1.0],
        "per_answer_type": {
            "other": {"questions": 3, "accuracy": pytest.approx(2 / 3)},
            "yes/no": {"questions": 1, "accuracy": 1.0},
        },
        "per_question_type": {
            "colour": {"questions": 2, "accuracy": 1.0},
            "shape": {"questions": 2, "accuracy": 0.5},
        },
        "per_answer": {
            "Yes": {"questions": 1, "accuracy": 1.0},
            "circle": {"questions": 1, "accuracy": 1.0},
            "red": {"questions": 1, "accuracy": 1.0},
            "square": {"questions": 1, "accuracy": 0.0},
        },
        "baselines": {
            "majority": 0.25,
            "per_question_type": 0.5,
            "question_only": 0.5,
            "vocabulary_upper_bound": 0.5,
        },
        "calibration": {
            "expected_calibration_error": pytest.approx(0.05),
            "mean_confidence": pytest.approx(0.8),
            "risk_coverage_area": 0.25,
            "bins": [
                {
                    "low": 12 / 15,
                    "high": 13 / 15,
                    "questions": 4,
                    "mean_confidence": pytest.approx(0.8),
                    "accuracy": 0.75,
                }
            ],
            "risk_coverage": [[0.25, 0.25], [0.5, 0.25], [0.75, 0.25], [1.0, 0.25]],
        },
        "ablations": {},
        "leaks": [],
        "comparison": None,
    }
    json.dumps(result.to_json(), allow_nan=False)


def test_each_image_is_given_once_with_all_its_questions(dataset, model):
    result = evaluate(dataset, "test", model)
    assert model.seen == [
        (Path("photos/red.png"), ["what colour?", "what shape?", "where?"]),
        (Path("photos/circle.png"), ["what shape?"]),
        (Path("photos/yes.png"), ["is it red?"]),
    ]
    asked = [record.example.question_id for record in result.records]
    assert asked == ["11", "12", "13", "14", "15"]
    assert [record.predicted.answer for record in result.records] == [
        "red",
        "circle",
        "red",
        "yes",
        "red",
    ]
    assert [record.score for record in result.records] == [1, 1, 0, 1, None]


def test_the_upper_bound_is_that_of_the_models_own_vocabulary(dataset, model):
    other = replace(dataset.vocabulary, answers=("yes", "square"), counts=(1, 1))
    result = evaluate(dataset, "test", FileNameModel(other))
    assert result.baselines["vocabulary_upper_bound"] == 0.5


def test_top_k_answers_are_kept(dataset, model):
    result = evaluate(dataset, "test", model, top_k=3)
    assert [len(record.predicted.answers) for record in result.records] == [3] * 5


def write(path, entries):
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def test_a_file_of_predictions_is_scored(dataset, tmp_path):
    entries = [{"question_id": n, "answer": "yes"} for n in (15, 14, 13)]
    entries += [{"question_id": "11", "answer": "Red", "extra": 1}]
    entries += [{"question_id": 12, "answer": "oval"}]
    result = evaluate(dataset, "test", write(tmp_path / "results.json", entries))
    assert result.accuracy == 0.5
    assert result.calibration is None
    assert result.to_json()["calibration"] is None
    assert result.baselines["vocabulary_upper_bound"] == 0.5


def test_a_split_without_answers_cannot_be_scored(dataset, model):
    with pytest.raises(DataError, match=r"split val has an answer.*train, test \(--split\)"):
        evaluate(dataset, "val", model)
    assert model.seen == []


def test_an_absent_split_is_an_error(dataset, model):
    with pytest.raises(DataError, match="no split dev"):
        evaluate(dataset, "dev", model)


def test_without_train_the_bound_stands_alone(model):
    dataset = MemoryDataset(test=[question(1, "red.png", "what colour?", "red")])
    assert evaluate(dataset, "test", model).baselines == {"vocabulary_upper_bound": 1.0}


def test_the_table_is_in_percent(dataset, model):
    assert (
        as_text(evaluate(dataset, "test", model))
        == """\
test: exact match; 1 more without answers are not scored
                                          %   questions
  accuracy                            75.00           4

without looking at the image
  majority answer                     25.00
  best answer of the question type    50.00
  look-up of the question             50.00
  best possible with the vocabulary   50.00

by answer type
  other                               66.67           3
  yes/no                             100.00           1

by question type
  colour                             100.00           2
  shape                               50.00           2

mean confidence 80.00 %, calibration error 5.00 %"""
    )


def test_the_table_leaves_out_what_there_is_not(tmp_path):
    rows = [question(1, "a.png", "what?", *["net"] * 3, *["b"] * 7, answer_kind="annotators")]
    path = write(tmp_path / "results.json", [{"question_id": 1, "answer": "the net"}])
    text = as_text(evaluate(MemoryDataset(test=rows), "test", path))
    assert (
        text
        == """\
test: official VQA accuracy
                 %   questions
  accuracy   90.00           1"""
    )


def test_columns_stand_in_line_below_wide_letters(dataset, model):
    rows = [
        question(1, "a.png", "?", "a", question_type="颜色是什么颜色是什么颜色是什么颜色是什么"),
        question(2, "a.png", "?", "a", question_type="màu gì"),
    ]
    lines = as_text(evaluate(MemoryDataset(test=rows), "test", model)).splitlines()
    assert "  颜色是什么颜色是什么颜色是什么颜色是什么  100.00           1" in lines
    assert "  màu gì" + " " * 36 + "100.00           1" in lines
