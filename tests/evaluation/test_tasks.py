import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score

from tests.evaluation.records import record
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.evaluation.tasks import answerability, direct_answer, multiple_choice


def asked(correct, predicted, **more):
    choices = ("toothpick", "food", "cigarette", "Straw")
    return record(
        choices[correct], predicted, choices=choices, extra={"correct_choice": correct}, **more
    )


def test_answerability_by_hand():
    # By falling probability: unanswerable, answerable, unanswerable: precision 1 and 2/3 where
    # one is found. Above 0.5: one of two found, and one that is not: F1 1/2.
    records = [
        record("red", "x", answerable=True, watched=(0.1, 0.6)),
        record("x", "x", answerable=False, watched=(0.1, 0.9)),
        record("x", "x", answerable=False, watched=(0.1, 0.5)),
        record("blue", "x", answerable=True, watched=(0.1, 0.2)),
    ]
    found = answerability(records, ("red", "unanswerable"))
    assert found == {
        "questions": 4,
        "unanswerable": 2,
        "average_precision": pytest.approx((1 + 2 / 3) / 2),
        "f1": pytest.approx(1 / 2),
    }


def test_answerability_of_answers_alone():
    # Both that are called unanswerable are at 1: precision 1/2 there, and 2/4 when all are in.
    records = [
        record("x", "Unanswerable.", answerable=False),
        record("red", "unanswerable", answerable=True),
        record("x", "red", answerable=False),
        record("red", "red", answerable=True),
        record("red", "red"),
    ]
    found = answerability(records, ("red", "unanswerable"))
    assert found["questions"] == 4
    assert found["average_precision"] == pytest.approx(0.5)
    assert found["f1"] == pytest.approx(0.5)


def test_answerability_is_asked_of_questions_without_answers_too():
    assert answerability([record((), "unanswerable", answerable=False)])["f1"] == 1


def test_answerability_is_not_defined_everywhere():
    assert answerability([record("red", "red")]) == {}
    assert answerability([record("red", "red", answerable=True)]) == {}


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=20))
def test_answerability_agrees_with_the_official_evaluator(cases):
    # Its lines, word for word: 1 - answerable, 1.0 - predicted, F1 above 0.5.
    truth = [1 - answerable for answerable, _ in cases]
    predicted = [1.0 - said for _, said in cases]
    found = answerability(
        [record("x", "x" if said else "unanswerable", answerable=a) for a, said in cases]
    )
    if not any(truth):
        assert found == {}
        return
    assert found["average_precision"] == average_precision_score(truth, predicted)
    assert found["f1"] == f1_score(truth, [p > 0.5 for p in predicted], zero_division=0.0)


def test_multiple_choice_by_hand():
    records = [
        asked(2, "smoke", choice="cigarette"),
        asked(2, "smoke", choice="food"),
        asked(2, "cigarette"),  # a predictions file has only answers
        asked(3, "straw"),
        asked(1, "smoke"),  # none of the choices can be given
        record("red", "red", choices=("red", "blue")),  # the right one is not known
    ]
    assert multiple_choice(records) == {"questions": 5, "accuracy": 3 / 5}


def test_choices_outside_the_vocabulary_are_told():
    vocabulary = AnswerVocabulary.build(["cigarette", "Food", "red"])
    found = multiple_choice([asked(2, "x"), asked(2, "x"), asked(0, "x")], vocabulary)
    assert found["choices_out_of_vocabulary"] == 6 / 12
    assert found["correct_out_of_vocabulary"] == pytest.approx(1 / 3)


def test_without_choices_there_is_no_multiple_choice():
    assert multiple_choice([record("red", "red")]) == {}


def test_direct_answers_as_a_okvqa_scores_them():
    hard = {"extra": {"difficult_direct_answer": True}}
    records = [
        record(["net"] * 3 + ["b"] * 7, "net", "annotators"),  # 1, where VQA's has 0.9
        record(["net"] + ["b"] * 9, "net", "annotators"),  # 1/3, where VQA's has 0.3
        record(["net"] * 10, "Net", "annotators"),  # letter by letter: 0
        record(["net"] * 10, "net", "annotators", **hard),
        record((), "net", "annotators"),
    ]
    found = direct_answer(records)
    assert found == {"questions": 3, "accuracy": pytest.approx((1 + 1 / 3 + 0) / 3)}


def test_direct_answers_are_not_defined_everywhere():
    assert direct_answer([record("red", "red")]) == {}
    hard = {"difficult_direct_answer": True}
    assert direct_answer([record(["red"], "red", "annotators", extra=hard)]) == {}
