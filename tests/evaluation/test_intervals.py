from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa_cli.evaluation.intervals import (
    Interval,
    _resampled_means,
    clustered_interval,
    compare,
    mcnemar,
)


def test_independent_questions_have_the_textbook_interval():
    right = np.arange(2_000) < 1_200
    found = clustered_interval(right, range(2_000))
    half = 1.96 * (0.6 * 0.4 / 2_000) ** 0.5
    assert (found.low, found.high) == pytest.approx((0.6 - half, 0.6 + half), abs=0.002)


def test_questions_that_stand_and_fall_together_are_worth_one():
    once = clustered_interval(np.arange(300) % 3 == 0, range(300))
    tenfold = clustered_interval(
        np.repeat(np.arange(300) % 3 == 0, 10), np.repeat(np.arange(300), 10).tolist()
    )
    assert (tenfold.low, tenfold.high) == pytest.approx((once.low, once.high))
    alone = clustered_interval(np.repeat(np.arange(300) % 3 == 0, 10), range(3_000))
    assert alone.high - alone.low < 0.4 * (once.high - once.low)


def test_drawing_by_kind_is_drawing_image_by_image():
    generator = np.random.default_rng(1)
    sizes = generator.integers(1, 5, 60).astype(float)
    sums = (sizes * generator.random(60)).round(1)
    drawn = generator.integers(0, 60, (2_000, 60))
    expected = sums[drawn].sum(1) / sizes[drawn].sum(1)
    found = _resampled_means(sums, sizes)
    assert found.mean() == pytest.approx(expected.mean(), abs=0.005)
    assert found.std() == pytest.approx(expected.std(), rel=0.1)


def test_the_same_every_time_whatever_the_order():
    values, images = [0.3, 1.0, 0.6, 0.0, 0.9], ["a", "b", "a", "c", "b"]
    assert clustered_interval(values, images) == clustered_interval(values[::-1], images[::-1])


def test_one_image_has_no_interval():
    assert clustered_interval([0, 1, 1], ["a"] * 3) is None
    assert clustered_interval([], []) is None
    assert clustered_interval([1, 1], ["a", "b"]) == Interval(1.0, 1.0)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=1, max_size=30).filter(
        lambda rows: len({cluster for _, cluster in rows}) > 1
    )
)
def test_the_interval_lies_within_the_values(rows):
    values, clusters = zip(*rows, strict=True)
    found = clustered_interval(values, clusters)
    assert min(values) - 1e-8 <= found.low <= found.high <= max(values) + 1e-8


@pytest.mark.parametrize(("better", "worse"), [(0, 0), (1, 0), (5, 1), (10, 2), (7, 7), (40, 21)])
def test_mcnemar_is_the_exact_binomial_test(better, worse):
    count = better + worse
    tail = sum(comb(count, k) for k in range(min(better, worse) + 1)) / 2**count
    assert mcnemar(better, worse) == pytest.approx(min(1, 2 * tail))
    assert mcnemar(better, worse) == mcnemar(worse, better)


def test_mcnemar_of_very_many():
    assert mcnemar(50_000, 50_000) == 1
    assert mcnemar(50_700, 50_000) == pytest.approx(0.0275, abs=0.0005)  # z = 2.205
    assert mcnemar(100_000, 0) == 0


def test_comparing_question_by_question():
    ours, theirs = [1, 1, 0, 1, 0, 1], [1, 0, 0, 0, 1, 0]
    found = compare("other.json", ours, theirs, list("aabbcd"))
    assert (found.baseline, found.accuracy) == ("other.json", pytest.approx(1 / 3))
    assert found.difference == pytest.approx(1 / 3)
    assert (found.better, found.worse, found.mcnemar_p) == (3, 1, pytest.approx(0.625))
    assert found.interval.low <= found.difference <= found.interval.high


def test_what_both_get_wrong_does_not_widen_the_difference():
    generator = np.random.default_rng(0)
    theirs = generator.integers(0, 2, 400)
    ours = theirs.copy()
    ours[:10] = 1
    found = compare("other", ours, theirs, range(400))
    assert found.interval.high - found.interval.low < 0.03
    alone = clustered_interval(ours, range(400))
    assert alone.high - alone.low > 0.08


def test_soft_scores_have_no_mcnemar():
    assert compare("other", [1, 0.3], [0, 1], "ab").mcnemar_p is None


@pytest.mark.parametrize(("ours", "theirs"), [([], []), ([1], [1, 0])])
def test_shapes_that_do_not_fit_together(ours, theirs):
    with pytest.raises(ValueError, match="expected two"):
        compare("other", ours, theirs, ["a"] * len(ours))
