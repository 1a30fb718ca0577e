import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_sample_weight

from vqa_cli.training.class_weights import question_weights
from vqa_cli.training.objective import SoftTargets


def targets_of(questions: list[dict[int, float]]) -> SoftTargets:
    """Give questions as {class: score}."""
    return SoftTargets(
        np.cumsum([0, *map(len, questions)]),
        np.array([c for worth in questions for c in worth], dtype=np.int64),
        np.array([s for worth in questions for s in worth.values()], dtype=np.float32),
    )


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40))
def test_balanced_weights_of_single_answers_are_scikit_learns(classes: list[int]) -> None:
    weights = question_weights("balanced", targets_of([{c: 1.0} for c in classes]))
    np.testing.assert_allclose(weights, compute_sample_weight("balanced", classes), rtol=1e-5)


def test_the_root_lies_between_balanced_and_none() -> None:
    # Class 0 thrice, class 1 once: roots 1/sqrt(3) and 1, whose mean is (sqrt(3) + 1) / 4.
    weights = question_weights("root", targets_of([{0: 1.0}, {0: 1.0}, {0: 1.0}, {1: 1.0}]))
    mean = (3**0.5 + 1) / 4
    assert weights.tolist() == pytest.approx([3**-0.5 / mean] * 3 + [1 / mean], rel=1e-6)


def test_several_answers_count_and_weigh_by_their_shares() -> None:
    # The second question is 3/4 class 0 and 1/4 class 1: n_0 = 1.75, n_1 = 0.25, and
    # n / (C n_c) = 4/7 and 4; so it weighs 3/4 * 4/7 + 1/4 * 4 = 10/7.
    weights = question_weights("balanced", targets_of([{0: 1.0}, {0: 0.9, 1: 0.3}]))
    assert weights.tolist() == pytest.approx([4 / 7, 10 / 7], rel=1e-6)


@pytest.mark.parametrize("kind", ["none", "balanced", "root"])
def test_the_mean_is_1_over_questions_with_a_target_and_others_weigh_nothing(kind: str) -> None:
    targets = targets_of([{0: 1.0}, {}, {0: 0.6, 2: 1.0}, {1: 0.3}, {0: 1.0}])
    weights = question_weights(kind, targets)
    assert weights.dtype == np.float32
    assert weights[1] == 0
    assert weights[[0, 2, 3, 4]].mean() == pytest.approx(1.0, rel=1e-6)
