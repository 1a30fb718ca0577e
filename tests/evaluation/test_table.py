import json
from dataclasses import replace

import pytest

from tests.evaluation.fakes import (
    FileNameModel,
    MemoryDataset,
    question,
    small_dataset,
    small_model,
)
from vqa_cli.evaluation.evaluate import Scoring, evaluate
from vqa_cli.evaluation.intervals import Comparison, Interval
from vqa_cli.evaluation.metrics import Share
from vqa_cli.evaluation.table import as_text


def test_the_table_is_in_percent():
    leaks = {"test": ["3 questions are about images that train has"]}
    scoring = Scoring(
        ablate_image=True,
        baseline=FileNameModel("red", "other", "circle", "yes"),
        baseline_name="runs/2",
    )
    result = evaluate(small_dataset(leaks=leaks), "test", small_model(), scoring)
    assert (
        as_text(result)
        == """\
test: exact match; 1 more without answers are not scored
                                          %   questions
  accuracy                            75.00           4
  95 % interval                      50.00 to 100.00
  leak: 3 questions are about images that train has

compared with runs/2
  its accuracy                        75.00
  difference                          +0.00
  95 % interval                      +0.00 to +0.00
  better on 0, worse on 0 questions (McNemar's test: p = 1.000)

without looking at the image
  majority answer                     25.00
  best answer of the question type    50.00
  look-up of the question             50.00
  best possible with the vocabulary   75.00
  the model, with blank images         0.00
  the model, with other images         0.00

by answer type
  other                               66.67           3
  yes/no                             100.00           1

by question type
  colour                             100.00           2
  shape                               50.00           2

by right answer
  Yes                                100.00           1
  circle                             100.00           1
  red                                100.00           1
  square                               0.00           1

top-k accuracy
  right among the best 3              75.00

averaged over the answers, each counting once
  precision                           62.50
  recall                              75.00
  F1                                  66.67

area under the ROC curve, one answer against the rest
  mean of 3 answers                   94.44

most often confused
  square, answered as red            100.00           1

mean confidence 80.00 %, calibration error 5.00 %; of the surest half 75.00 % are right"""
    )


def test_the_table_leaves_out_what_there_is_not(tmp_path):
    rows = [question(1, "a.png", "what?", *["net"] * 3, *["b"] * 7, answer_kind="annotators")]
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{"question_id": 1, "answer": "the net"}]), encoding="utf-8")
    lines = as_text(evaluate(MemoryDataset(test=rows), "test", path)).splitlines()
    titles = [line for line in lines if line and not line.startswith(" ")]
    assert titles == [
        "test: official VQA accuracy",
        "by right answer",
        "averaged over the answers, each counting once",
    ]
    assert lines[2] == "  accuracy    90.00           1"  # one image, no interval


@pytest.mark.parametrize(
    ("p", "shown"),
    [(0.0312, " (McNemar's test: p = 0.031)"), (1e-9, " (McNemar's test: p < 0.001)"), (None, "")],
)
def test_how_sure_a_difference_is(p, shown):
    comparison = Comparison("other.json", 0.8, -0.05, Interval(-0.08, 0.01), 1, 4_000, p)
    result = evaluate(small_dataset(), "test", small_model())
    text = as_text(replace(result, comparison=comparison))
    assert "  difference                          -5.00\n" in text
    assert "  95 % interval                      -8.00 to +1.00\n" in text
    assert f"  better on 1, worse on 4,000 questions{shown}\n" in text


def test_no_section_is_endless():
    result = evaluate(small_dataset(), "test", small_model())
    types = {f"type {n}": Share(9, 3.0) for n in range(65)}
    lines = as_text(replace(result, per_question_type=types)).splitlines()
    start = lines.index("by question type")
    section = lines[start + 1 : lines.index("", start)]
    assert len(section) == 12
    assert section[-1] == "  and 54 more (--json)"


def test_columns_stand_in_line_below_wide_letters():
    rows = [
        question(1, "a.png", "?", "a", question_type="颜色是什么颜色是什么颜色是什么颜色是什么"),
        question(2, "a.png", "?", "a", question_type="màu gì"),
    ]
    model = FileNameModel("a", "b")
    lines = as_text(evaluate(MemoryDataset(test=rows), "test", model)).splitlines()
    assert "  颜色是什么颜色是什么颜色是什么颜色是什么  100.00           1" in lines
    assert "  màu gì" + " " * 36 + "100.00           1" in lines
