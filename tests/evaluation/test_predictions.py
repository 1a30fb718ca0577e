import csv
import json

import pytest

from tests.evaluation.fakes import question
from vqa_cli.errors import DataError, SettingsError
from vqa_cli.evaluation.predictions import (
    Predicted,
    Record,
    check_target,
    read_predictions,
    save_predictions,
)

QUESTIONS = [question(n, "a.png", "what?", "red") for n in (1, 2, 3)]
WHOLE = [{"question_id": n, "answer": a} for n, a in ((3, "c"), (1, "a"), ("2", "đỏ"))]


def test_predictions_come_in_the_order_of_the_questions(tmp_path):
    path = tmp_path / "results.json"
    path.write_text("\ufeff" + json.dumps(WHOLE, ensure_ascii=False), encoding="utf-8")
    assert read_predictions(path, QUESTIONS) == [Predicted("a"), Predicted("đỏ"), Predicted("c")]


def problem_of(tmp_path, content):
    path = tmp_path / "results.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(DataError) as caught:
        read_predictions(path, QUESTIONS)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_missing_unknown_and_repeated_ids_are_told_at_once(tmp_path):
    entries = [{"question_id": n, "answer": "a"} for n in (1, 1, 7, 8, 9, 10)]
    message = problem_of(tmp_path, entries)
    assert "2 ids without a prediction: 2, 3\n" in message
    assert "4 ids predicted but not in this split: 7, 8, 9, ...\n" in message
    assert message.endswith("1 id predicted more than once: 1")


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (["a"], 'entry 1 is no object but ["a"]'),
        ({"questionId": 1, "prediction": "a"}, "entry 1 has no question_id and no answer"),
        ({"question_id": 1}, "entry 1 has no answer"),
        ({"question_id": 1.5, "answer": "a"}, "question_id that is neither number nor text: 1.5"),
        ({"question_id": True, "answer": "a"}, "question_id that is neither number nor text: true"),
        ({"question_id": 1, "answer": 3}, "an answer that is no text: 3"),
        ({"question_id": 1, "answer": ["a"] * 99}, '["a", "a", "a", '),
        ({"question_id": 1, "answer": "\ud83d"}, r'an answer that is no text: "\ud83d"'),
        ({"question_id": 1, "answer": None}, "an answer that is no text: null"),
    ],
)
def test_entries_of_a_wrong_type(tmp_path, entry, problem):
    message = problem_of(tmp_path, [entry, *WHOLE])
    assert problem in message
    assert "1 of 4 entries" in message
    assert '[{"question_id": 1, "answer": "yes"}, ...]' in message
    assert max(map(len, message.splitlines()[1:])) < 150


def test_many_wrong_entries_are_counted(tmp_path):
    message = problem_of(tmp_path, [1] * 2000)
    assert "2,000 of 2,000" in message
    assert message.endswith("and 1,997 more")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'[{"question_id": 1,\n "answer" "a"}]', "no valid JSON: line 2, column 11"),
        (b"", "no valid JSON: line 1, column 1"),
        (b'[{"question_id": 1, "answer": "\xff"}]', "not UTF-8 text (byte 31)"),
        (b'{"1": "yes"}', "one dict, not a list"),
        (b"[" * 100_000, "cannot be read as JSON: maximum recursion"),
        (b"[" + b"1" * 5000 + b"]", "cannot be read as JSON: Exceeds the limit"),
    ],
)
def test_files_that_are_no_predictions(tmp_path, content, problem):
    assert problem in problem_of(tmp_path, content)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"nothing\.json: cannot be read: No such file"):
        read_predictions(tmp_path / "nothing.json", QUESTIONS)


RECORDS = [
    Record(QUESTIONS[0], Predicted("red", 0.75, (("red", 0.75), ("đỏ, thẫm", 0.25))), 1.0),
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
        "ground_truth": [],
        "score": None,
    },
]


def test_saved_json_can_be_scored_again(tmp_path):
    path = tmp_path / "out.json"
    save_predictions(path, RECORDS)
    assert json.loads(path.read_text(encoding="utf-8")) == SAVED
    read = read_predictions(path, [record.example for record in RECORDS])
    assert [predicted.answer for predicted in read] == ["red", "blue"]


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
