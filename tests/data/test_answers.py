import json
import unicodedata
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa_cli.data.answers import (
    answer_key,
    fixed_normalize,
    fixed_soft_score,
    official_normalize,
    official_soft_score,
    target_scores,
)

EXTRACT = Path(__file__).parent / "vqa_accuracy_extract.jsonl"
SHARED = Path(__file__).parents[3] / "shared" / "data"

# Words that meet one another often, so that drawn answers agree now and then.
WORDS = st.sampled_from(
    ["yes", "Yes", "the yes", "no", "two", "2", "t-shirt", "t shirt", "红色", ""]
)
ANSWERS = st.lists(WORDS | st.text(max_size=6), min_size=1, max_size=12)


def read_cases(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def percent(case: dict) -> float:
    return round(100 * official_soft_score(case["answers"], case["prediction"]), 2)


@pytest.mark.parametrize("path", [EXTRACT, SHARED / "vqa_accuracy" / "cases.jsonl"])
def test_recorded_cases_of_the_official_evaluator(path):
    if not path.exists():
        pytest.skip(f"{path} is not on this machine")
    cases = read_cases(path)
    assert len(cases) >= 200
    wrong = [case for case in cases if percent(case) != case["accuracy"]]
    assert wrong == []


@pytest.mark.parametrize(
    ("answers", "prediction", "accuracy"),
    [
        (["yes"] * 10, "yes", 100.0),
        (["yes"] * 10, "Yes", 0.0),
        (["yes"] * 9 + ["no"], "Yes", 100.0),
        (["net"] * 4 + ["b"] * 6, "the net", 100.0),
        (["net"] * 3 + ["a"] * 7, "net", 90.0),
        (["net"] * 2 + ["b"] * 8, "net", 60.0),
        (["net"] * 1 + ["b"] * 9, "net", 30.0),
        (["2"] * 5 + ["two"] * 5, "two", 100.0),
        (["none"] * 9 + ["0"], "none", 100.0),
        (["1,000"] * 9 + ["b"], "1000", 100.0),
        (["yes\n"] * 5 + ["yes"] * 5, "\tyes", 100.0),
    ],
)
def test_golden_vectors(answers, prediction, accuracy):
    assert round(100 * official_soft_score(answers, prediction), 2) == accuracy


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("a.b", "ab"),
        ("3.5", "3.5"),
        (".5", ".5"),
        ("1.a", "1a"),
        ("1,000", "1000"),
        ("U.S.", "us"),
        ("10:30 p.m.", "10:30 pm"),
        ("t-shirt", "t shirt"),
        ("a/b", "b"),
        ("yes, it is", "yes it is"),
        ("(red)", "red"),
        ("dark- blue-green", "dark bluegreen"),
        ("dark -blue-green", "dark bluegreen"),
        ("dont", "don't"),
        ("couldnt've", "couldn't've"),
        ("couldntve", "couldntve"),
        ("'ow'sat", "'ow's'at"),
        ("somebody'd", "somebodyd"),
        ("Im", "im"),
        ("man's", "man's"),
        ("None", "0"),
        ("ten", "10"),
        ("eleven", "eleven"),
        ("the", ""),
        ("." * 33, "."),
        ("một con mèo", "một con mèo"),
    ],
)
def test_official_normalize(text, normal):
    assert official_normalize(text) == normal


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("a.b", "ab"),
        ("3.5", "3.5"),
        (".5", ".5"),
        ("1.a", "1.a"),
        ("U.S.", "us"),
        ("." * 40, ""),
        ("The t-shirt", "t shirt"),
        ("1,000", "1000"),
        ("None", "0"),
    ],
)
def test_fixed_normalize(text, normal):
    assert fixed_normalize(text) == normal


@pytest.mark.parametrize(
    ("answers", "prediction", "official", "fixed"),
    [
        (["yes"] * 10, "Yes", 0.0, 1.0),  # normalised although all agree
        (["1.a"] * 9 + ["b"], "1a", 1.0, 0.0),  # a period behind a digit stays
        (["." * 40 + "x"] * 9 + ["b"], "x", 0.0, 1.0),  # more than 32 periods go
        (["net"] * 3 + ["a"] * 7, "net", 0.9, 0.9),
        (["red"], "The red", 0.0, 1.0),
    ],
)
def test_what_the_fixed_score_mends(answers, prediction, official, fixed):
    assert official_soft_score(answers, prediction) == pytest.approx(official)
    assert fixed_soft_score(answers, prediction) == pytest.approx(fixed)


def test_the_fixed_score_differs_on_few_recorded_cases_alone():
    # On texts without periods, where annotators disagree, there is nothing to mend.
    plain = [
        case
        for case in read_cases(EXTRACT)
        if "." not in "".join([*case["answers"], case["prediction"]])
        and len(set(case["answers"])) > 1
    ]
    assert len(plain) > 50
    assert [100 * fixed_soft_score(c["answers"], c["prediction"]) for c in plain] == pytest.approx(
        [c["accuracy"] for c in plain], abs=0.006
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("  Floor\tmat ", "floor mat", True),
        ("STRASSE", "straße", True),
        ("cafe\u0301", "CAFÉ", True),
        ("t-shirt", "t shirt", False),
        ("table, chair", "chair, table", False),
        ("红", "红色", False),
    ],
)
def test_answer_key_tells_what_is_one_answer(one, other, same):
    assert (answer_key(one) == answer_key(other)) is same


@given(st.text())
def test_answer_key_is_stable_and_composed(text):
    key = answer_key(text)
    assert answer_key(key) == key
    assert unicodedata.is_normalized("NFC", key)
    assert answer_key(unicodedata.normalize("NFD", f"  {text}\n")) == key


def leave_one_out(answers: list[str], prediction: str) -> Fraction:
    """The definition, word for word, on strings that need no normalisation."""
    if len(answers) == 1:
        return Fraction(answers[0] == prediction)
    scores = []
    for left_out in range(len(answers)):
        others = answers[:left_out] + answers[left_out + 1 :]
        scores.append(min(Fraction(1), Fraction(others.count(prediction), 3)))
    return sum(scores, Fraction(0)) / len(scores)


@given(st.lists(st.sampled_from("bcde"), min_size=1, max_size=14), st.sampled_from("bcde"))
def test_any_number_of_annotators_agrees_with_the_definition(answers, prediction):
    expected = float(leave_one_out(answers, prediction))
    assert official_soft_score(answers, prediction) == pytest.approx(expected, abs=1e-12)


@given(ANSWERS, WORDS | st.text(max_size=6), st.randoms())
def test_the_score_is_a_share_and_knows_no_order_of_annotators(answers, prediction, random):
    score = official_soft_score(answers, prediction)
    shuffled = random.sample(answers, len(answers))
    assert 0 <= score <= 1
    assert official_soft_score(shuffled, prediction) == pytest.approx(score, abs=1e-12)
    fixed = fixed_soft_score(answers, prediction)
    assert 0 <= fixed <= 1
    assert fixed_soft_score(shuffled, prediction) == pytest.approx(fixed, abs=1e-12)


def test_a_lone_answer_is_worth_one():
    assert official_soft_score(["red"], "red") == 1
    assert official_soft_score(["red"], "blue") == 0


@pytest.mark.parametrize("soft_score", [official_soft_score, fixed_soft_score])
def test_no_answers_have_no_score(soft_score):
    with pytest.raises(ValueError, match="without answers"):
        soft_score([], "red")


@given(ANSWERS)
def test_targets_of_annotators_are_what_the_metric_would_give(answers):
    targets = target_scores(answers, "annotators")
    assert {answer_key(answer) for answer in answers} == {answer_key(key) for key in targets}
    assert len(targets) == len({answer_key(answer) for answer in answers})
    for answer, worth in targets.items():
        assert answer in answers
        assert 0 < worth == official_soft_score(answers, answer)


def test_targets_take_the_spelling_of_most_annotators():
    answers = ["Red", "red", "red", "blue"]
    assert list(target_scores(answers, "annotators")) == ["red", "blue"]
    assert target_scores(answers, "alternatives") == {"red": 1.0, "blue": 1.0}


def test_targets_of_a_set_are_its_first_answer():
    assert target_scores(["table", "chair"], "set") == {"table": 1.0}


@pytest.mark.parametrize("kind", ["annotators", "alternatives", "set"])
def test_no_answers_give_no_targets(kind):
    assert target_scores([], kind) == {}
