from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluation.records import record
from tests.evaluation.tiny_wordnet import NOUNS, write_wordnet
from vqa_cli.evaluation.wordnet import WordNet
from vqa_cli.evaluation.wups import Wups, wups

WORDS = st.sampled_from([word for words, _ in NOUNS.values() for word in words] + ["xyz", "3"])
SETS = st.lists(WORDS, min_size=1, max_size=4, unique=True)
TABLE_CHAIR = 2 * 3 / (4 + 5)
CHAIR_ARMCHAIR = 2 * 5 / (5 + 6)


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory):
    with WordNet(write_wordnet(tmp_path_factory.mktemp("wordnet"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def scores(wordnet):
    return Wups(wordnet)


@pytest.mark.parametrize(
    ("answers", "prediction", "at_0_9", "at_0"),
    [
        (["chair"], "Chair", 1.0, 1.0),
        (["chair"], "table", 0.1 * TABLE_CHAIR, TABLE_CHAIR),
        (["chair"], "armchair", CHAIR_ARMCHAIR, CHAIR_ARMCHAIR),
        (["3"], "4", 0.0, 0.0),
        (["3"], "3", 1.0, 1.0),
        (["table", "chair"], "chair, table", 1.0, 1.0),
        # One way every word has its like, the other way the table finds the armchair alone.
        (["table", "chair"], "armchair", 0.1 * 0.6 * CHAIR_ARMCHAIR, 0.6 * CHAIR_ARMCHAIR),
        (["chair"], "chair, table", 0.1 * TABLE_CHAIR, TABLE_CHAIR),
        (["chair"], "", 0.0, 0.0),
    ],
)
def test_sets_by_hand(scores, answers, prediction, at_0_9, at_0):
    assert scores.score(answers, "set", prediction, 0.9) == pytest.approx(at_0_9)
    assert scores.score(answers, "set", prediction, 0.0) == pytest.approx(at_0)


def test_the_best_alternative_and_the_mean_annotator_count(scores):
    answers = ["chair", "table", "chair"]
    assert scores.score(answers, "alternatives", "table", 0.0) == 1
    mean = (2 * TABLE_CHAIR + 1) / 3
    assert scores.score(answers, "annotators", "table", 0.0) == pytest.approx(mean)


def test_the_mean_over_the_questions(wordnet):
    records = [record(["chair"], "table", "set"), record(["chair"], "chair", "set")]
    assert wups(records, wordnet) == {
        "questions": 2,
        "0.9": pytest.approx((0.1 * TABLE_CHAIR + 1) / 2),
        "0.0": pytest.approx((TABLE_CHAIR + 1) / 2),
    }


def published(predicted, right, similarity, threshold):
    """The authors' script: score_it, its fuzzy membership, and their measure of two words."""

    def measure(a, b):
        if a == b:
            return 1.0
        found = similarity(a, b)
        return found * (0.1 if found < threshold else 1.0)

    left = prod(max(measure(a, t) for t in right) for a in predicted)
    return min(left, prod(max(measure(t, a) for a in predicted) for t in right))


@given(SETS, SETS, st.sampled_from([0.9, 0.0]))
def test_sets_agree_with_the_published_formula(wordnet, right, predicted, threshold):
    expected = published(predicted, right, wordnet.similarity, threshold)
    found = Wups(wordnet).score(right, "set", ", ".join(predicted), threshold)
    assert found == pytest.approx(expected)


@given(SETS, SETS, st.randoms())
def test_sets_have_no_order_and_a_higher_threshold_earns_no_more(scores, right, predicted, random):
    strict = scores.score(right, "set", ",".join(predicted), 0.9)
    shuffled = random.sample(right, len(right))
    assert scores.score(shuffled, "set", ",".join(reversed(predicted)), 0.9) == strict
    assert 0 <= strict <= scores.score(right, "set", ",".join(predicted), 0.0) <= 1
