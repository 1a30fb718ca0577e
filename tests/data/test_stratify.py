from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vqa_cli.data.splits import TEST, TRAIN, VAL
from vqa_cli.data.stratify import draw_groups

Group = tuple[str, list[int]]
groups_of_answers = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.lists(st.integers(-1, 5), min_size=1, max_size=4),
    min_size=1,
)


def drawn(groups: list[Group], val: float = 0.1, test: float = 0.1, seed: int = 0) -> list[int]:
    group_of = np.repeat(np.arange(len(groups)), [len(answers) for _, answers in groups])
    answer_of = np.array([answer for _, answers in groups for answer in answers])
    names = [name for name, _ in groups]
    return draw_groups(names, group_of, answer_of, {VAL: val, TEST: test}, seed).tolist()


def skewed(count: int, seed: int = 0) -> list[Group]:
    """Groups of 1 to 9 questions, whose answers are as unevenly spread as people's."""
    random = np.random.default_rng(seed)
    return [
        (f"{number}.png", (random.zipf(1.5, random.integers(1, 10)) % 300).tolist())
        for number in range(count)
    ]


def distance(groups: list[Group], split_of: list[int], split: int) -> float:
    """The total variation between the answers of a split and those of all."""
    there: Counter[int] = Counter()
    everywhere: Counter[int] = Counter()
    for (_, answers), code in zip(groups, split_of, strict=True):
        everywhere.update(answers)
        if code == split:
            there.update(answers)
    total, size = everywhere.total(), max(there.total(), 1)
    return sum(abs(there[a] / size - n / total) for a, n in everywhere.items()) / 2


def test_every_split_has_about_its_share_of_every_answer() -> None:
    groups = skewed(500)
    split_of = drawn(groups)
    shuffled = np.random.default_rng(1).permutation(split_of).tolist()
    for split in (VAL, TEST):
        assert split_of.count(split) == 50
        assert distance(groups, split_of, split) < 0.75 * distance(groups, shuffled, split)


def test_an_answer_in_ten_groups_is_once_in_each_small_split() -> None:
    groups = [(f"{answer}-{number}", [answer]) for answer in range(20) for number in range(10)]
    split_of = drawn(groups)
    for answer in range(20):
        assert Counter(split_of[answer * 10 : answer * 10 + 10]) == {TRAIN: 8, VAL: 1, TEST: 1}


def test_rare_answers_are_not_kept_in_train() -> None:
    groups = [(f"{number}", [number]) for number in range(1000)]
    assert Counter(drawn(groups)) == {TRAIN: 800, VAL: 100, TEST: 100}


@given(groups_of_answers, st.floats(0.001, 0.49), st.floats(0, 0.49))
def test_the_shares_are_kept_and_train_keeps_some(
    groups: dict[str, list[int]], val: float, test: float
) -> None:
    counts = Counter(drawn(list(groups.items()), val, test))
    left = len(groups) - 1
    wanted = min(left, max(1, round(val * len(groups))))
    assert counts[VAL] == wanted
    assert counts[TEST] == (
        min(left - wanted, max(1, round(test * len(groups)))) if test > 0 else 0
    )
    assert counts[TRAIN] >= 1


@given(groups_of_answers, st.randoms())
def test_the_order_of_the_groups_makes_no_difference(
    groups: dict[str, list[int]], random: "np.random.Generator"
) -> None:
    one = list(groups.items())
    other = one.copy()
    random.shuffle(other)  # type: ignore[arg-type]
    names = [name for name, _ in one]
    assert dict(zip(names, drawn(one), strict=True)) == dict(
        zip([name for name, _ in other], drawn(other), strict=True)
    )


def test_the_seed_makes_a_difference() -> None:
    groups = skewed(60)
    assert drawn(groups, seed=0) != drawn(groups, seed=1)
    assert drawn(groups, seed=1) == drawn(groups, seed=1)
