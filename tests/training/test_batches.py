import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vqa_cli.training.batches import plan_epoch, share_of, step_seed

images = st.lists(st.integers(0, 20), min_size=1, max_size=80).map(np.array)
batch_sizes = st.integers(1, 30)


@given(images, batch_sizes, st.integers(0, 5))
def test_an_epoch_has_every_question_once(images: np.ndarray, batch_size: int, epoch: int) -> None:
    batches = plan_epoch(images, batch_size, 7, epoch, together=4)
    assert sorted(np.concatenate(batches)) == list(range(len(images)))
    assert all(len(batch) == batch_size for batch in batches[:-1])


@given(images, batch_sizes, st.integers(1, 9))
def test_the_questions_of_an_image_stay_together_up_to_a_limit(
    images: np.ndarray, batch_size: int, together: int
) -> None:
    order = images[np.concatenate(plan_epoch(images, batch_size, 0, 0, together=together))]
    begins = np.flatnonzero(np.diff(order, prepend=-1))
    _, counts = np.unique(images, return_counts=True)
    assert len(begins) <= sum(-(-count // together) for count in counts)


def test_a_batch_is_not_about_one_image_however_many_questions_it_has() -> None:
    images = np.repeat(np.arange(10), 1000)
    for batch in plan_epoch(images, 128, 0, 0, together=16)[:-1]:
        assert len(np.unique(images[batch])) > 1


def test_the_plan_is_a_function_of_seed_and_epoch() -> None:
    images = np.arange(100) // 5

    def plan(seed: int, epoch: int) -> list[int]:
        return np.concatenate(plan_epoch(images, 8, seed, epoch, together=4)).tolist()

    assert plan(1, 2) == plan(1, 2)
    assert plan(1, 2) != plan(1, 3)
    assert plan(1, 2) != plan(2, 2)


@given(images, st.integers(1, 5))
def test_the_shares_of_all_processes_are_the_batch(images: np.ndarray, world_size: int) -> None:
    batch = np.random.default_rng(0).permutation(len(images))
    shares = [share_of(batch, images, rank, world_size) for rank in range(world_size)]
    assert sorted(np.concatenate(shares)) == list(range(len(images)))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_step_seeds_differ_from_step_to_step_and_rank_to_rank() -> None:
    seeds = {step_seed(0, step, rank) for step in range(50) for rank in range(4)}
    assert len(seeds) == 200
    assert all(0 <= seed < 2**63 for seed in seeds)
