import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from tests.evaluation.records import record
from vqa_cli.evaluation.classes import Labels, most_frequent_answers, right_classes

LETTERS = st.sampled_from("abcde")
PAIRS = st.lists(st.tuples(LETTERS, LETTERS), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("answers", "kind", "classes"),
    [
        (["The Net"] * 3 + ["a fish"] * 7, "annotators", ("fish",)),
        (["Sofa", "couch"], "alternatives", ("sofa", "couch")),
        (["Table", "chair"], "set", ("table",)),
    ],
)
def test_the_classes_that_are_right(answers, kind, classes):
    assert right_classes(record(answers, "x", kind).example) == classes


def test_the_most_frequent_answers_are_spelt_as_first_met():
    records = [record(answer, "x") for answer in ["Red", "blue", "red ", "dog", "blue", "RED"]]
    examples = [one.example for one in records]
    assert most_frequent_answers(examples, 2) == ("Red", "blue")
    assert most_frequent_answers([record((), "x").example], 2) == ()


def test_macro_averages_by_hand():
    # yes: asked 3 times, predicted 3 times, 2 right; no: asked once, predicted once, wrong;
    # red: asked once, never predicted ("pink" is no class). Precision (2/3 + 0 + 0) / 3.
    labels = Labels.of(
        [
            record("yes", "Yes"),
            record("yes", "yes"),
            record("yes", "no"),
            record("no", "yes"),
            record("red", "pink"),
        ]
    )
    macro = labels.macro()
    assert macro["classes"] == 3
    assert macro["precision"] == pytest.approx(2 / 9)
    assert macro["recall"] == pytest.approx(2 / 9)
    assert macro["f1"] == pytest.approx(2 / 9)


def test_every_alternative_counts_as_the_questions_class():
    labels = Labels.of([record(("sofa", "couch"), "Couch"), record("couch", "sofa")])
    assert labels.predicted == ["sofa", "sofa"]
    assert labels.macro()["recall"] == 0.5


def test_annotators_are_compared_in_the_official_form():
    ten = ["t-shirt"] * 6 + ["shirt"] * 4
    assert Labels.of([record(ten, "the t shirt", "annotators")]).macro()["f1"] == 1


@settings(max_examples=30)
@given(PAIRS)
def test_macro_averages_agree_with_scikit_learn(pairs):
    right, predicted = zip(*pairs, strict=True)
    labels = Labels.of([record(*pair) for pair in pairs])
    present = sorted(set(right))
    expected = f1_score(right, predicted, labels=present, average="macro", zero_division=0.0)
    assert labels.macro()["f1"] == pytest.approx(expected)


@settings(max_examples=30)
@given(PAIRS, st.randoms())
def test_classes_have_no_order(pairs, random):
    records = [record(*pair) for pair in pairs]
    shuffled = random.sample(records, len(records))
    answers = most_frequent_answers([one.example for one in records], 3)
    one, other = Labels.of(records), Labels.of(shuffled)
    assert one.macro() == other.macro()
    assert one.confusion(answers) == other.confusion(answers)


@given(PAIRS)
def test_the_confusion_counts_every_pair(pairs):
    records = [record(*pair) for pair in pairs]
    answers = most_frequent_answers([one.example for one in records], 5)
    counts = Labels.of(records).confusion(answers)["counts"]
    for right, row in zip(answers, counts, strict=True):
        assert row[:-1] == [pairs.count((right, other)) for other in answers]
    assert sum(map(sum, counts)) == len(pairs)


def test_rare_answers_are_confused_as_others():
    records = [record(*pair) for pair in ["aa", "aa", "ab", "bb", "ba", "ca", "az"]]
    confusion = Labels.of(records).confusion(("a", "b"))
    assert confusion == {"answers": ["a", "b"], "counts": [[2, 1, 1], [1, 1, 0]]}
