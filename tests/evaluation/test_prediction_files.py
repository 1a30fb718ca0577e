import json

import pytest

from tests.evaluation.fakes import question
from vqa_cli.errors import DataError
from vqa_cli.evaluation.prediction_files import is_predictions, read_predictions
from vqa_cli.evaluation.predictions import Predicted

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
        ({"id": 1, "text": "a"}, "entry 1 has no question_id and no answer"),
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
        (b'[{"question_id": 1,\n "answer" "a"}]', "no valid JSON at line 2, column 11"),
        (b"", "no valid JSON at line 1, column 1"),
        (b'[{"question_id": 1, "answer": "\xff"}]', "is no UTF-8 text (byte 0xff"),
        (b'"yes"', "must be a list"),
        (b'{"results": [1]}', 'entry "results" has an answer that is no text: [1]'),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" + b"1" * 5000 + b"]", "Exceeds the limit"),
    ],
)
def test_files_that_are_no_predictions(tmp_path, content, problem):
    assert problem in problem_of(tmp_path, content)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"nothing\.json: cannot be read: No such file"):
        read_predictions(tmp_path / "nothing.json", QUESTIONS)


def write(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_what_was_saved_comes_back_with_its_confidences(tmp_path):
    entry = {
        "question_id": "1",
        "image": "elsewhere.png",
        "answer": "red",
        "confidence": 0.75,
        "answers": [{"answer": "red", "confidence": 0.75}, {"answer": "blue", "confidence": 0.25}],
    }
    path = write(tmp_path, "saved.json", json.dumps([entry]))
    assert read_predictions(path, QUESTIONS[:1]) == [
        Predicted("red", 0.75, (("red", 0.75), ("blue", 0.25)))
    ]


@pytest.mark.parametrize("answers", [["red", "red"], "a text", 7, None, [{"answer": "red"}]])
def test_answers_of_another_kind_are_not_ours(tmp_path, answers):
    entry = {"question_id": 1, "answer": "red", "answers": answers}
    path = write(tmp_path, "results.json", json.dumps([entry]))
    assert read_predictions(path, QUESTIONS[:1]) == [Predicted("red")]


@pytest.mark.parametrize("confidence", ["1.5", "-0.1", '"high"', "[1]", "NaN"])
def test_a_confidence_is_a_share(tmp_path, confidence):
    content = f'[{{"question_id": 1, "answer": "a", "confidence": {confidence}}}]'
    message = problem_of(tmp_path, content.encode())
    assert f"entry 1 has a confidence that is no number from 0 to 1: {confidence}" in message


def test_lines_of_json(tmp_path):
    path = write(tmp_path, "results.jsonl", "\n".join(map(json.dumps, WHOLE)) + "\n")
    assert [found.answer for found in read_predictions(path, QUESTIONS)] == ["a", "đỏ", "c"]
    broken = write(tmp_path, "broken.jsonl", '{"question_id": 1, "answer": "a"}\n{"question_id"\n')
    with pytest.raises(DataError, match=r"(?s)not all of it can be read.*line 2"):
        read_predictions(broken, QUESTIONS)


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_table(tmp_path, separator):
    rows = ["question_id,answer,confidence", "2,đỏ,0.5", "1,a,", "3,c,1"]
    path = write(tmp_path, "results.csv", "\ufeff" + "\r\n".join(rows).replace(",", separator))
    assert read_predictions(path, QUESTIONS) == [
        Predicted("a"),
        Predicted("đỏ", 0.5),
        Predicted("c", 1.0),
    ]
    short = write(tmp_path, "short.csv", "question_id,answer\n1\n")
    with pytest.raises(DataError, match="row 1 has 1 instead of 2"):
        read_predictions(short, QUESTIONS)


def test_the_names_that_gqa_has(tmp_path):
    entries = [{"questionId": str(n), "prediction": "yes"} for n in (3, 2, 1)]
    path = write(tmp_path, "gqa.json", json.dumps(entries))
    assert read_predictions(path, QUESTIONS) == [Predicted("yes")] * 3
    del entries[1]["prediction"]
    assert "entry 2 has no prediction" in problem_of(tmp_path, entries)


def test_questions_named_by_their_image(tmp_path):
    questions = [question(n, f"val/VizWiz_val_{n}.jpg", "what?") for n in (1, 2)]
    entries = [{"image": f"VizWiz_val_{n}.jpg", "answer": a} for n, a in ((2, "b"), (1, "a"))]
    path = write(tmp_path, "vizwiz.json", json.dumps(entries))
    assert read_predictions(path, questions) == [Predicted("a"), Predicted("b")]
    with pytest.raises(DataError, match=r"1 id without a prediction: VizWiz_val_3\.jpg"):
        read_predictions(path, [*questions, question(3, "val/VizWiz_val_3.jpg", "?")])
    with pytest.raises(DataError, match=r"several questions: a\.png; name the questions by"):
        read_predictions(path, QUESTIONS)


def test_answers_by_id_and_choices(tmp_path):
    path = write(tmp_path, "okvqa.json", '{"1": "a", "2": "b", "3": "c"}')
    assert [found.answer for found in read_predictions(path, QUESTIONS)] == ["a", "b", "c"]
    both = {
        "1": {"multiple_choice": "Cat", "direct_answer": "kitten"},
        "2": {"multiple_choice": "dog"},
        "3": {"direct_answer": "Cow"},
    }
    path = write(tmp_path, "aokvqa.json", json.dumps(both))
    questions = [question(n, "a.png", "?", choices=("dog", "Cat", "cow")) for n in (1, 2, 3)]
    assert read_predictions(path, questions) == [
        Predicted("kitten", choice="Cat"),
        Predicted("dog", choice="dog"),
        Predicted("Cow", choice="cow"),  # its answer is one of the choices
    ]
    both["2"] = {"multiple_choice": 1}
    assert 'entry "2" has an answer that is no text: 1' in problem_of(tmp_path, both)


def test_the_best_of_the_answers_that_is_a_choice(tmp_path):
    entry = {
        "question_id": 1,
        "answer": "kitten",
        "answers": [{"answer": a, "confidence": c} for a, c in (("kitten", 0.6), ("cat", 0.3))],
    }
    path = write(tmp_path, "saved.json", json.dumps([entry]))
    (found,) = read_predictions(path, [question(1, "a.png", "?", choices=("dog", "Cat"))])
    assert found.choice == "Cat"


def test_what_means_a_file_of_predictions(tmp_path):
    assert is_predictions(tmp_path / "not there.json")
    assert is_predictions(tmp_path / "results.JSONL")
    assert not is_predictions(tmp_path / "runs" / "latest")
    (tmp_path / "run.csv").mkdir()
    assert not is_predictions(tmp_path / "run.csv")
