from dataclasses import replace

from tests.evaluation.report.conftest import HOSTILE, record
from vqa_cli.data.example import Example
from vqa_cli.evaluation.further import further_metrics
from vqa_cli.evaluation.predictions import Predicted, Record
from vqa_cli.evaluation.report import gallery
from vqa_cli.evaluation.report.confusion import confusion
from vqa_cli.evaluation.report.gallery import (
    CHUNK,
    choose,
    class_names,
    counted_answers,
    data_elements,
    gallery_data,
)

QUESTION = Example("a.png", "is it?", ("Yes", "yes", "no", "YES"), "7", answer_kind="annotators")


def test_answers_are_counted_as_they_were_first_spelt():
    assert counted_answers(QUESTION) == [("Yes", 3), ("no", 1)]
    alternatives = replace(QUESTION, answers=("b", "a", "b"), answer_kind="alternatives")
    assert counted_answers(alternatives) == [("b", 1), ("a", 1)]


def test_a_question_is_a_row_that_points_into_the_tables():
    typed = replace(QUESTION, question_type="is it", image="b.png")
    records = [record(QUESTION, ("Yes", 0.123456), ("no", 0.5)), record(typed, ("no", 0.25))]
    data = gallery_data(records, 9, pictures=True)
    assert data["rows"] == [
        ["7", 0, "is it?", "Yes", 0.1235, round(records[0].score, 4), 0, None,
         [["Yes", 0.1235], ["no", 0.5]], [("Yes", 3), ("no", 1)], 0, 0],
        ["7", 1, "is it?", "no", 0.25, round(records[1].score, 4), 1, None,
         [["no", 0.25]], [("Yes", 3), ("no", 1)], 1, 0],
    ]  # fmt: skip
    assert data["images"] == ["a.png", "b.png"]
    assert data["types"] == ["(none)", "is it"]
    assert data["keys"] == ["yes", "no"]
    assert data["total"] == 9


def test_what_is_not_known_is_null():
    bare = Record(replace(QUESTION, answers=()), Predicted("red"), None)
    row = gallery_data([bare], 1, pictures=False)["rows"][0]
    assert row[4:10] == [None, None, None, None, [], []]
    assert row[11] is None


def test_of_too_many_questions_the_same_sample_is_shown_in_order(monkeypatch):
    records = [record(replace(QUESTION, question_id=str(n)), ("a", 0.5)) for n in range(50)]
    assert choose(records) == records
    monkeypatch.setattr(gallery, "LIMIT", 20)
    ids = [int(chosen.example.question_id) for chosen in choose(records)]
    assert len(set(ids)) == 20
    assert ids == sorted(ids)
    assert choose(records) == choose(records)


def test_thumbnails_lie_in_chunks_with_an_empty_line_for_a_missing_one():
    data = gallery_data([record(QUESTION, ("a", 0.5))], 1, pictures=True)
    _, first, second = data_elements(data, ["AAAA", None, *["BB=="] * (CHUNK - 1)])
    assert first.startswith('<script type="text/plain" class="thumbnails">AAAA\n\nBB==\n')
    assert second == '<script type="text/plain" class="thumbnails">BB==</script>'


def test_cells_of_the_confusion_lead_to_their_questions_by_the_gallerys_keys(result):
    classes = class_names(result.records)
    table = confusion(further_metrics(result.records)["confusion"], classes)
    assert '<a href="#truth=red&amp;answer=red">' in table
    assert HOSTILE not in table
    keys = gallery_data(result.records, 60, pictures=False)["keys"]
    assert {"red", "2", "many"} <= set(keys)  # "two" is 2 in the official form
    assert set(classes.values()) <= set(keys)
