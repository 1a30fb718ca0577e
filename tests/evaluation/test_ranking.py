import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.records import record
from vqa_cli.evaluation.classes import Labels
from vqa_cli.evaluation.ranking import one_vs_rest_auc, top_k_accuracy

PROBABILITIES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])


def auc(records, watched):
    return one_vs_rest_auc(records, Labels.of(records), watched)


def test_top_k_by_hand():
    records = [
        record("a", tuple("abcde")),
        record("c", tuple("abcde")),
        record("e", tuple("abcde")),
        record("x", tuple("abcde")),
    ]
    assert top_k_accuracy(records) == {"1": 0.25, "3": 0.5, "5": 0.75}
    assert top_k_accuracy(records, deepest=3) == {"1": 0.25, "3": 0.5}


def test_the_best_of_the_first_answers_counts():
    ten = ["net"] * 2 + ["fish"] * 4 + ["b"] * 4
    found = top_k_accuracy([record(ten, ["net", "fish", "x"], "annotators")])
    assert found == pytest.approx({"1": 0.6, "3": 1.0})


def test_top_k_is_by_the_metric_in_use():
    ten = ["net"] * 3 + list("abcdefg")
    ranked = [record(ten, ["a", "net", "x"], "annotators")]
    assert top_k_accuracy(ranked, metric="exact") == {"1": 0.0, "3": 1.0}
    assert top_k_accuracy(ranked) == pytest.approx({"1": 0.3, "3": 0.9})


def test_top_k_needs_so_many_answers_for_every_question():
    assert top_k_accuracy([record("a", tuple("abcde")), record("a", tuple("abc"))]) == {
        "1": 1.0,
        "3": 1.0,
    }
    assert top_k_accuracy([record("a", "a"), record("a", tuple("abc"))]) == {}


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.permutations("abcde")), min_size=1))
def test_top_k_never_falls_with_k(pairs):
    found = list(top_k_accuracy([record(right, ranked) for right, ranked in pairs]).values())
    assert found == sorted(found)
    assert 0 <= found[0] <= found[-1] <= 1


def test_auc_by_hand():
    # "yes" is right in two of four: pairs (0.9, 0.5), (0.9, 0.2), (0.5, 0.5), (0.5, 0.2), of
    # which one is a tie. "no": all the same, so the model can't give it; "red": right nowhere.
    records = [
        record("yes", "x", watched=(0.9, 0.0, 0.1)),
        record("yes", "x", watched=(0.5, 0.0, 0.2)),
        record("no", "x", watched=(0.5, 0.0, 0.3)),
        record("no", "x", watched=(0.2, 0.0, 0.4)),
    ]
    found = auc(records, ("Yes", "no", "red"))
    assert found == {"mean": 0.875, "answers": {"Yes": 0.875}}


def test_every_alternative_is_right_for_the_auc():
    records = [record(("sofa", "couch"), "x", watched=(0.6,)), record("dog", "x", watched=(0.5,))]
    assert auc(records, ("couch",))["mean"] == 1


def test_without_probabilities_there_is_no_auc():
    records = [record("yes", "x"), record("no", "x")]
    assert auc(records, ("yes",)) == {}
    assert auc(records, ()) == {}


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), PROBABILITIES), min_size=2, max_size=12))
def test_auc_is_the_share_of_pairs_in_the_right_order(cases):
    records = [record("yes" if right else "no", "x", watched=(p,)) for right, p in cases]
    above = [p for right, p in cases if right]
    below = [p for right, p in cases if not right]
    found = auc(records, ("yes",))
    if not above or not below or len({*above, *below}) == 1:
        assert found == {}
        return
    wins = sum((a > b) + (a == b) / 2 for a in above for b in below)
    assert found["mean"] == pytest.approx(wins / (len(above) * len(below)))
