"""Views of images: alike for everybody, within what is allowed, and how the store calls them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tests.drawing import draw_shape
from vqa_cli.training import augmentation
from vqa_cli.training.augmentation import (
    STRENGTHS,
    ImageAugmentation,
    drawn_views,
    view_hash,
)
from vqa_cli.training.augmentation_rules import CHANGES

DIGEST = hashlib.sha256(b"an image").hexdigest()
EVERYTHING = frozenset(CHANGES)
Pixels = NDArray[np.uint8]


def picture(height: int = 24, width: int = 32) -> Pixels:
    """Coloured tiles, alike nowhere."""
    rows, columns = np.mgrid[0:height, 0:width]
    tiles = 60 * ((rows // 4 + columns // 4) % 2)
    channels = [40 + rows * 5, 60 + columns * 4 + tiles, 200 - rows * 3 - columns * 2 - tiles]
    return np.stack(channels, axis=-1).clip(0, 255).astype(np.uint8)


def augment(
    allowed: frozenset[str] = EVERYTHING, strength: str = "strong", seed: int = 0
) -> ImageAugmentation:
    return ImageAugmentation(strength, seed, {DIGEST: allowed})


def views(count: int = 60, pixels: Pixels | None = None, **options: object) -> list[Pixels]:
    plain = picture() if pixels is None else pixels
    show = augment(**options)
    return [show(plain, DIGEST, draw) for draw in range(count)]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_every_change_changes_pixels_at_every_strength(change: str, strength: str) -> None:
    shown = views(allowed=frozenset({change}), strength=strength)
    different = sum(not np.array_equal(view, picture()) for view in shown)
    assert 15 <= different <= 45  # half of the draws
    assert all(view.shape == picture().shape and view.dtype == np.uint8 for view in shown)


def test_stronger_is_further_away() -> None:
    far = {
        strength: np.mean([np.abs(view - picture().astype(float)) for view in views(200, **kind)])
        for strength in STRENGTHS
        for kind in [{"strength": strength, "allowed": EVERYTHING - {"mirror"}}]
    }
    assert 0 < far["light"] < far["medium"] < far["strong"]


@given(st.sets(st.sampled_from(CHANGES)), st.integers(0, 1 << 40))
@settings(max_examples=60)
def test_what_is_forbidden_is_never_done(allowed: set[str], draw: int) -> None:
    done: list[str] = []

    def spy(change: str) -> Callable[..., Image.Image]:
        def apply(image: Image.Image, extent: float, chances: object) -> Image.Image:
            done.append(change)
            return image

        return apply

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(augmentation, "_APPLY", {change: spy(change) for change in CHANGES})
        show = augment(frozenset(allowed))
        for each in range(draw, draw + 20):
            show(picture(), DIGEST, each)
    assert set(done) <= allowed
    assert not allowed or done


def test_nothing_allowed_and_images_without_questions_stay_as_they_are() -> None:
    pixels = picture()
    assert all(view is pixels for view in views(pixels=pixels, allowed=frozenset()))
    assert augment()(pixels, "of another", 1) is pixels


def test_what_one_question_forbids_moves_nothing_else() -> None:
    """The other changes of a draw are those that they were."""
    both = views(allowed=frozenset({"mirror", "light"}))
    one = views(allowed=frozenset({"light"}))
    mirrored = [view[:, ::-1] for view in one]
    assert all(
        np.array_equal(a, b) or np.array_equal(a, c)
        for a, b, c in zip(both, one, mirrored, strict=True)
    )


def test_a_mirror_image_is_exact() -> None:
    shown = views(allowed=frozenset({"mirror"}))
    assert {view.tobytes() for view in shown} == {
        picture().tobytes(),
        picture()[:, ::-1].tobytes(),
    }


@pytest.mark.parametrize("change", ["turn", "shrink"])
def test_turning_and_shrinking_lose_nothing(change: str) -> None:
    """Each of the four corners has a spot of its own colour, and every view has all four."""
    spots = [(255, 0, 0), (0, 200, 0), (0, 0, 255), (250, 250, 0)]
    image = Image.new("RGB", (96, 96), (128, 128, 128))
    pen = ImageDraw.Draw(image)
    for (left, top), spot in zip([(1, 1), (85, 1), (1, 85), (85, 85)], spots, strict=True):
        pen.rectangle((left, top, left + 9, top + 9), fill=spot)
    for view in views(pixels=np.asarray(image), allowed=frozenset({change})):
        for spot in spots:
            assert (np.abs(view.astype(int) - spot).sum(-1) < 60).any()


@pytest.mark.parametrize("change", ["turn", "shrink"])
def test_a_plain_background_stays_one(change: str) -> None:
    white = np.asarray(draw_shape("circle", "red", size=64))
    for view in views(pixels=white, allowed=frozenset({change})):
        assert (view[0] > 250).all()
        assert (view[:, -1] > 250).all()


def test_a_crop_keeps_most_and_the_shape_of_things() -> None:
    image = Image.new("RGB", (100, 100), "white")
    ImageDraw.Draw(image).ellipse((30, 30, 69, 69), fill="black")
    for view in views(pixels=np.asarray(image), allowed=frozenset({"crop"})):
        dark = view[..., 0] < 128
        high, wide = dark.any(1).sum(), dark.any(0).sum()
        assert abs(int(high) - int(wide)) <= 2
        assert 39 <= high <= 52


def test_holes_hide_no_thing() -> None:
    black = np.zeros((112, 112, 3), np.uint8)
    black[30:48, 30:48] = 255  # 1/6 of each side
    for view in views(200, pixels=black, allowed=frozenset({"erase"})):
        assert (view[30:48, 30:48] == 255).mean() > 0.3


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (8, 3), (32, 32)])
def test_images_of_any_size(size: tuple[int, int]) -> None:
    pixels = picture(*size)
    assert all(view.shape == pixels.shape for view in views(30, pixels=pixels))


def test_the_plain_pixels_are_left_alone() -> None:
    pixels = picture()
    pixels.flags.writeable = False
    views(pixels=pixels)
    assert np.array_equal(pixels, picture())


def test_a_view_is_a_function_of_seed_image_and_draw() -> None:
    first = augment()(picture(), DIGEST, 7)
    assert np.array_equal(augment()(picture(), DIGEST, 7), first)
    other = ImageAugmentation("strong", 0, {DIGEST[::-1]: EVERYTHING})
    assert not np.array_equal(other(picture(), DIGEST[::-1], 7), first)
    assert not np.array_equal(augment()(picture(), DIGEST, 8), first)
    assert not np.array_equal(augment(seed=1)(picture(), DIGEST, 7), first)


def test_threads_and_the_generators_of_the_process_make_no_difference() -> None:
    alone = views(64)
    show = augment()

    def see(draw: int) -> Pixels:
        random.seed(draw % 3)
        np.random.seed(draw % 3)
        return show(picture(), DIGEST, draw)

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(see, reversed(range(64))))
    assert all(np.array_equal(a, b) for a, b in zip(alone, reversed(together), strict=True))
    random.seed(5)
    before = random.getstate()
    views(5)
    assert random.getstate() == before


def test_the_draws_are_those_of_every_process() -> None:
    """Recorded: a run that goes on elsewhere sees what it would have seen here."""
    done: list[tuple[str, float, float]] = []

    def spy(change: str) -> Callable[..., Image.Image]:
        def apply(image: Image.Image, extent: float, chances: Sequence[float]) -> Image.Image:
            done.append((change, round(extent, 4), round(chances[-1], 4)))
            return image

        return apply

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(augmentation, "_APPLY", {change: spy(change) for change in CHANGES})
        augment(strength="strong", seed=3)(picture(), DIGEST, 5)
    assert done == [("turn", 0.955, 0.2744), ("color", 0.2365, 0.882), ("erase", 0.1289, 0.0339)]
    assert view_hash(3, DIGEST) == 12615573752750342407
    hashes = np.array([0, 1, view_hash(3, DIGEST)], dtype=np.uint64)
    assert [drawn_views(hashes, draw, 4).tolist() for draw in range(3)] == [
        [3, 1, 1],
        [0, 2, 2],
        [0, 3, 3],
    ]


def test_all_views_are_drawn_about_equally_often_and_pairs_differ() -> None:
    hashes = np.array([view_hash(0, str(i)) for i in range(500)], dtype=np.uint64)
    for count in (2, 3, 4, 7):
        drawn = np.array([drawn_views(hashes, draw, count) for draw in range(120)])
        shares = np.bincount(drawn.ravel(), minlength=count) / drawn.size
        assert shares == pytest.approx(1 / count, abs=0.02)
        assert (drawn[0::2] != drawn[1::2]).all()
        # by epoch, too: an image is not stuck with some of its views
        epochs = drawn[0::2]
        assert all(len(np.unique(epochs[:, image])) == count for image in range(100))


def test_what_the_store_calls_a_view() -> None:
    one = augment(strength="light")
    assert one.view_key(DIGEST, 0) == DIGEST
    assert augment(allowed=frozenset()).view_key(DIGEST, 3) == DIGEST
    keys = {
        one.view_key(DIGEST, 1),
        one.view_key(DIGEST, 2),
        augment(strength="medium").view_key(DIGEST, 1),
        augment(strength="light", seed=1).view_key(DIGEST, 1),
        augment(strength="light", allowed=frozenset({"turn"})).view_key(DIGEST, 1),
    }
    assert len(keys) == 5
    assert all(len(bytes.fromhex(key)) == 32 for key in keys)
    assert one.view_key(DIGEST, 1) == augment(strength="light").view_key(DIGEST, 1)


def test_which_views_are_to_be_stored() -> None:
    show = ImageAugmentation("light", 0, {DIGEST: EVERYTHING, "ab": frozenset()})
    stored = show.views([DIGEST, "ab", "cd"], 3)
    assert list(stored) == [show.view_key(DIGEST, 1), show.view_key(DIGEST, 2)]
    for number, view in enumerate(stored.values(), start=1):
        assert view.digest == DIGEST
        assert np.array_equal(view.change(picture()), show(picture(), DIGEST, number))
