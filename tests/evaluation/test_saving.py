import csv
import json

import pytest

from tests.evaluation.fakes import question
from vqa_cli.errors import DataError, SettingsError
from vqa_cli.evaluation.prediction_files import read_predictions
from vqa_cli.evaluation.predictions import Predicted, Record
from vqa_cli.evaluation.saving import check_target, save_predictions

QUESTIONS = [question(1, "a.png", "what?", "red")]
RECORDS = [
    Record(QUESTIONS[0], Predicted("red", 0.75, (("red", 0.75), ("đỏ, thẫm", 0.25)), "red"), 1.0),
    Record(question(2, "a.png", 'what "is"\nit?'), Predicted("blue"), None),
]
SAVED = [
    {
        "question_id": "1",
        "image": "a.png",
        "question": "what?",
        "answer": "red",
        "confidence": 0.75,
        "answers": [
            {"answer": "red", "confidence": 0.75},
            {"answer": "đỏ, thẫm", "confidence": 0.25},
        ],
        "choice": "red",
        "ground_truth": ["red"],
        "score": 1.0,
    },
    {
        "question_id": "2",
        "image": "a.png",
        "question": 'what "is"\nit?',
        "answer": "blue",
        "confidence": None,
        "answers": [],
        "choice": None,
        "ground_truth": [],
        "score": None,
    },
]


@pytest.mark.parametrize("name", ["out.json", "out.jsonl", "out.csv"])
def test_what_was_saved_can_be_scored_again(tmp_path, name):
    path = tmp_path / name
    save_predictions(path, RECORDS)
    read = read_predictions(path, [record.example for record in RECORDS])
    assert read == [record.predicted for record in RECORDS]


def test_saved_json(tmp_path):
    path = tmp_path / "out.json"
    save_predictions(path, RECORDS)
    assert json.loads(path.read_text(encoding="utf-8")) == SAVED


def test_saved_jsonl(tmp_path):
    path = tmp_path / "out.jsonl"
    save_predictions(path, RECORDS)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == SAVED


def test_saved_csv(tmp_path):
    path = tmp_path / "out.CSV"
    save_predictions(path, RECORDS)
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == list(SAVED[0])
    assert [row["question"] for row in rows] == ["what?", 'what "is"\nit?']
    assert json.loads(rows[0]["answers"]) == SAVED[0]["answers"]
    assert (rows[0]["confidence"], rows[1]["confidence"]) == ("0.75", "")


def test_nothing_is_replaced_unasked(tmp_path):
    path = tmp_path / "out.json"
    path.write_text("precious", encoding="utf-8")
    with pytest.raises(DataError, match=r"out\.json: exists; --force"):
        save_predictions(path, RECORDS)
    assert path.read_text(encoding="utf-8") == "precious"
    save_predictions(path, RECORDS, force=True)
    assert json.loads(path.read_text(encoding="utf-8")) == SAVED


def test_what_fails_in_the_middle_leaves_nothing(tmp_path):
    path = tmp_path / "out.csv"
    broken = Record(RECORDS[0].example, Predicted("\ud800"), 1.0)  # no UTF-8 can hold it
    with pytest.raises(UnicodeEncodeError):
        save_predictions(path, [*RECORDS, broken])
    assert list(tmp_path.iterdir()) == []


def test_places_where_nothing_can_be_saved(tmp_path):
    with pytest.raises(SettingsError, match=r"must be one of \.json, \.jsonl, \.csv"):
        check_target(tmp_path / "out.parquet")
    with pytest.raises(DataError, match="there is no folder"):
        check_target(tmp_path / "nowhere" / "out.json")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        check_target(tmp_path / "folder.json", force=True)
