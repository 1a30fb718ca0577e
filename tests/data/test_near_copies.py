from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.drawing import COLORS, SHAPES, draw_shape
from vqa_cli.data import near_copies as module
from vqa_cli.data.near_copies import LOOK_BYTES, Looks, copies_among, look_of


def photo(seed: int, size: int = 128) -> Image.Image:
    """Something like a photo: smooth, colourful, and unlike that of any other seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)


def looks(*images: Image.Image) -> Looks:
    data = b"".join(map(look_of, images))
    return np.frombuffer(data, dtype=np.uint8).reshape(-1, LOOK_BYTES)


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    data = BytesIO()
    image.save(data, "JPEG", quality=quality)
    return Image.open(BytesIO(data.getvalue())).convert("RGB")


def alike(one: Image.Image, other: Image.Image) -> bool:
    return bool(copies_among(looks(one), looks(other))[0] == 0)


@pytest.mark.parametrize("seed", range(5))
def test_a_picture_saved_anew_is_found(seed: int) -> None:
    image = photo(seed)
    half = image.resize((64, 64))
    brighter = image.point(lambda value: min(255, round(value * 1.05)))
    for copy in (image.copy(), as_jpeg(image, 30), half, as_jpeg(half, 60), brighter):
        assert alike(copy, image)


def test_other_pictures_are_not_copies() -> None:
    many = looks(*map(photo, range(200)))
    assert copies_among(many[:100], many[100:]).tolist() == [-1] * 100
    image = photo(0)
    for changed in (
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        image.rotate(90),
        image.crop((20, 20, 128, 128)),
        image.convert("L").convert("RGB"),
    ):
        assert not alike(changed, image)


def test_drawings_that_differ_in_colour_shape_or_place_are_not_copies() -> None:
    drawings = [
        draw_shape(shape, color, size=64, shift=shift)
        for shape in SHAPES
        for color in COLORS
        for shift in (-2, 1)
    ]
    every = looks(*drawings)
    for place in range(len(drawings)):
        others = np.delete(every, place, axis=0)
        assert copies_among(every[place : place + 1], others).tolist() == [-1]


def test_blocks_make_no_difference_and_the_first_copy_wins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine = looks(*map(photo, range(30)))
    among = np.concatenate([looks(photo(99)), mine[::-1], mine])
    expected = [30 - place for place in range(30)]
    assert copies_among(mine, among).tolist() == expected
    monkeypatch.setattr(module, "_BLOCK", 7)
    monkeypatch.setattr(module, "_PAIRS", 2)
    assert copies_among(mine, among).tolist() == expected


def test_none_among_none() -> None:
    none = np.zeros((0, LOOK_BYTES), dtype=np.uint8)
    some = looks(photo(0))
    assert copies_among(none, some).tolist() == []
    assert copies_among(some, none).tolist() == [-1]


def test_plain_pictures_of_one_colour_are_told_apart() -> None:
    red, blue = (Image.new("RGB", (20, 20), color) for color in ("red", "blue"))
    assert alike(red, red.resize((50, 40)))
    assert not alike(red, blue)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (5000, 2)])
def test_pictures_of_every_size_have_a_look(size: tuple[int, int]) -> None:
    assert len(look_of(Image.new("RGB", size, "teal"))) == LOOK_BYTES


def test_photos_of_one_data_set_are_no_copies_of_each_other() -> None:
    folder = Path(__file__).parents[3] / "shared/data/daquar/images"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    paths = sorted(folder.iterdir())[:60]
    every = looks(*(Image.open(path).convert("RGB") for path in paths))
    assert copies_among(every[:30], every[30:]).tolist() == [-1] * 30
    again = looks(*(as_jpeg(Image.open(path).convert("RGB"), 40) for path in paths[:10]))
    assert copies_among(again, every).tolist() == list(range(10))
