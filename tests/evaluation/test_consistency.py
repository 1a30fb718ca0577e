import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluation.records import record
from vqa_cli.evaluation.consistency import consistency


def entailing(name, right, *implied):
    return record(
        "yes", "yes" if right else "no", question_id=name, extra={"entailed": list(implied)}
    )


def pair(group, right):
    return record("True", "true" if right else "False", extra={"consistency_group": group})


def test_entailed_questions_by_hand():
    # 1 is right: 2 of its 3 known ones are; 2 is right and implies one that is wrong;
    # 3 is right and implies itself alone; 4 is wrong; 9 is not in the split.
    records = [
        entailing("1", True, "1", "2", "3", "4", "9"),
        entailing("2", True, "4"),
        entailing("3", True, "3"),
        entailing("4", False, "1", "2"),
    ]
    assert consistency(records) == {
        "entailed": {
            "questions": 2,
            "consistency": pytest.approx((2 / 3 + 0) / 2),
            "coverage": 4 / 5,
        }
    }


def test_groups_by_hand():
    records = [
        pair("dev-1--0", True),
        pair("dev-1--0", True),
        pair("dev-2--0", False),
        pair("dev-2--0", True),
        pair("dev-3--1", True),
    ]
    assert consistency(records) == {"groups": {"groups": 3, "consistency": 2 / 3}}


def test_consistency_is_not_defined_everywhere():
    assert consistency([record("yes", "yes")]) == {}
    assert consistency([entailing("1", False, "2"), entailing("2", True)]) == {}
    assert consistency([entailing("1", True, "7")]) == {}


def official_gqa(answers, predictions, entailed):
    """The evaluator's definition: over all entailed questions, which are all there."""
    scores = []
    for name, implied in entailed.items():
        others = [one for one in implied if one != name]
        if predictions[name] == answers[name] and others:
            scores.append(sum(predictions[n] == answers[n] for n in others) / len(others))
    return sum(scores) / len(scores) if scores else None


def official_nlvr2(identifiers, right):
    consistent = {}
    for identifier, correct in zip(identifiers, right, strict=True):
        parts = identifier.split("-")
        parts[2] = ""
        name = "-".join(parts)
        consistent[name] = consistent.get(name, True) and correct
    return sum(consistent.values()) / len(consistent)


@given(st.lists(st.tuples(st.booleans(), st.sets(st.integers(0, 5))), min_size=6, max_size=6))
def test_entailed_questions_agree_with_the_evaluator(cases):
    entailed = {str(n): [str(i) for i in sorted(implied)] for n, (_, implied) in enumerate(cases)}
    predictions = {str(n): "yes" if right else "no" for n, (right, _) in enumerate(cases)}
    expected = official_gqa(dict.fromkeys(predictions, "yes"), predictions, entailed)
    records = [entailing(n, predictions[n] == "yes", *implied) for n, implied in entailed.items()]
    found = consistency(records).get("entailed")
    if expected is None:
        assert found is None
        return
    assert found["consistency"] == pytest.approx(expected)
    assert found["coverage"] == 1


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.booleans()), min_size=1))
def test_groups_agree_with_the_evaluator(cases):
    identifiers = [f"dev-{sentence}-{n}-{i}" for n, (sentence, i, _) in enumerate(cases)]
    right = [correct for _, _, correct in cases]
    records = [pair(f"dev-{sentence}--{i}", correct) for sentence, i, correct in cases]
    found = consistency(records)["groups"]["consistency"]
    assert found == pytest.approx(official_nlvr2(identifiers, right))
