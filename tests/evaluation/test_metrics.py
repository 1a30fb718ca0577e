import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa_cli.errors import SettingsError
from vqa_cli.evaluation.metrics import (
    METRIC_TITLES,
    NO_TYPE,
    mean,
    mean_by_type,
    metric_called,
    metric_name,
    metric_title,
    right_answer,
    score,
)

SHARED = Path(__file__).parents[3] / "shared" / "data"
KINDS = ["annotators", "alternatives", "set"]
METRICS = ["auto", "vqa-fixed", "exact", "set"]
WORDS = st.sampled_from(["yes", "no", "Red ", "red", "đỏ", "红色"]) | st.text(max_size=5)


@pytest.mark.parametrize(
    ("answers", "kind", "prediction", "worth"),
    [
        (["net"] * 3 + ["a"] * 7, "annotators", "the net", 0.9),
        (["sofa", "couch"], "alternatives", "Couch ", 1.0),
        (["sofa", "couch"], "alternatives", "chair", 0.0),
        (["table", "chair"], "set", "Table", 1.0),
        (["table", "chair"], "set", "chair", 0.0),
        (["table", "chair"], "set", "table, chair", 0.0),
        (["xe đạp"], "alternatives", "XE ĐẠP", 1.0),
        ([""], "alternatives", " ", 1.0),
    ],
)
def test_each_kind_of_answers_has_its_metric(answers, kind, prediction, worth):
    assert score(answers, kind, prediction) == pytest.approx(worth)


@pytest.mark.parametrize(
    ("answers", "kind", "metric", "prediction", "worth"),
    [
        (["yes"] * 10, "annotators", "vqa-fixed", "Yes", 1.0),
        (["net"] * 3 + ["a"] * 7, "annotators", "vqa-fixed", "the net", 0.9),
        (["net"] * 3 + ["b", "c", "d"], "annotators", "exact", " Net", 1.0),
        (["net"] * 3 + ["b", "b", "d"], "annotators", "exact", "b", 0.0),
        (["table", "chair"], "set", "set", "chair,  Table", 1.0),
        (["table", "chair"], "set", "set", "table", 0.0),
        (["table", "chair"], "set", "set", "table, chair, lamp", 0.0),
        (["table"], "set", "set", "table, Table", 1.0),
        (["table, chair"], "set", "set", "chair, table", 1.0),
    ],
)
def test_another_metric_can_be_chosen(answers, kind, metric, prediction, worth):
    assert score(answers, kind, prediction, metric) == pytest.approx(worth)


@pytest.mark.parametrize(
    ("kind", "metric"),
    [
        ("annotators", "set"),
        ("alternatives", "vqa-fixed"),
        ("alternatives", "exact"),
        ("alternatives", "set"),
        ("set", "vqa-fixed"),
        ("set", "exact"),
    ],
)
@given(st.lists(WORDS, min_size=1, max_size=6), WORDS)
def test_a_choice_leaves_the_other_kinds_as_they_are(kind, metric, answers, prediction):
    assert score(answers, kind, prediction, metric) == score(answers, kind, prediction)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_question_without_answers_cannot_be_scored(kind, metric):
    with pytest.raises(ValueError, match="without answers"):
        score([], kind, "red", metric)


@given(
    st.lists(WORDS, min_size=1, max_size=10),
    st.sampled_from(KINDS),
    WORDS,
    st.sampled_from(METRICS),
)
def test_a_score_is_a_share(answers, kind, prediction, metric):
    assert 0 <= score(answers, kind, prediction, metric) <= 1


@given(st.lists(WORDS, min_size=1, max_size=6), st.randoms())
def test_a_whole_set_has_no_order(answers, random):
    shuffled = random.sample(answers, len(answers))
    assert score(answers, "set", ", ".join(shuffled), "set") == 1


@pytest.mark.parametrize(
    ("answers", "kind", "right"),
    [
        (["Red ", "blue", "red", "blue", "RED"], "annotators", "Red "),
        (["b", "a", "a", "b"], "annotators", "b"),
        (["sofa", "couch", "couch"], "alternatives", "sofa"),
        (["table", "chair", "chair"], "set", "table"),
    ],
)
def test_one_answer_stands_for_a_question(answers, kind, right):
    assert right_answer(answers, kind) == right


@given(st.lists(WORDS, min_size=1, max_size=6), WORDS, st.randoms())
def test_alternatives_have_no_order(answers, prediction, random):
    shuffled = random.sample(answers, len(answers))
    assert score(shuffled, "alternatives", prediction) == score(answers, "alternatives", prediction)


@given(st.lists(WORDS, min_size=1, max_size=6))
def test_every_alternative_and_the_first_of_a_set_are_right(answers):
    assert all(score(answers, "alternatives", answer) == 1 for answer in answers)
    assert score(answers, "set", answers[0]) == 1


def test_metric_name():
    assert metric_name(["set"]) == "exact-match-first"
    assert metric_name(iter(["set", "annotators", "set"])) == "vqa-accuracy+exact-match-first"
    assert metric_name(["annotators", "set"], "set") == "vqa-accuracy+exact-match-set"
    assert metric_name(KINDS, "exact").split("+")[0] == "exact-match-most-frequent"


def test_every_metric_has_a_title():
    names = {name for metric in METRICS for name in metric_name(KINDS, metric).split("+")}
    assert names == set(METRIC_TITLES)
    assert metric_title("vqa-accuracy+exact-match") == "official VQA accuracy and exact match"


def test_mean_by_type_counts_every_question():
    by_type = mean_by_type([1.0, 0.0, 0.5, 1.0], ["colour", None, "colour", "shape"])
    assert {kind: (share.questions, share.accuracy) for kind, share in by_type.items()} == {
        "colour": (2, 0.75),
        NO_TYPE: (1, 0.0),
        "shape": (1, 1.0),
    }
    assert next(iter(by_type)) == "colour"


def test_no_types_no_table():
    assert mean_by_type([1.0, 0.0], [None, None]) == {}


def official_figures(scores, question_types, answer_types):
    """All averages in the official evaluator's form: percent, two decimals."""
    return {
        "overall": round(mean(scores).percent, 2),
        "perQuestionType": {
            kind: round(share.percent, 2)
            for kind, share in mean_by_type(scores, question_types).items()
        },
        "perAnswerType": {
            kind: round(share.percent, 2)
            for kind, share in mean_by_type(scores, answer_types).items()
        },
    }


def test_averages_of_the_recorded_cases():
    folder = SHARED / "vqa_accuracy"
    if not folder.exists():
        pytest.skip(f"{folder} is not on this machine")
    lines = (folder / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    scores = [score(case["answers"], "annotators", case["prediction"]) for case in cases]
    figures = official_figures(
        scores, [c["question_type"] for c in cases], [c["answer_type"] for c in cases]
    )
    assert figures == json.loads((folder / "summary.json").read_text(encoding="utf-8"))


def test_every_figure_of_the_official_evaluator_on_real_questions():
    folder = SHARED / "vqa_v2_excerpt"
    if not folder.exists():
        pytest.skip(f"{folder} is not on this machine")

    def read(name):
        return json.loads((folder / name).read_text(encoding="utf-8"))

    predicted = {entry["question_id"]: entry["answer"] for entry in read("results.json")}
    questions = read("v2_mscoco_train2014_annotations.json")["annotations"]
    scores = [
        score([a["answer"] for a in q["answers"]], "annotators", predicted[q["question_id"]])
        for q in questions
    ]
    figures = official_figures(
        scores, [q["question_type"] for q in questions], [q["answer_type"] for q in questions]
    )
    figures["perQuestion"] = {
        str(q["question_id"]): round(100 * worth, 2)
        for q, worth in zip(questions, scores, strict=True)
    }
    assert figures == read("official_accuracy.json")


def test_a_metric_is_called_by_its_name() -> None:
    assert metric_called("vqa-fixed") == "vqa-fixed"
    wanted = r"--metric must be one of auto, vqa-fixed, exact, set, got 'foo'"
    with pytest.raises(SettingsError, match=wanted):
        metric_called("foo")
