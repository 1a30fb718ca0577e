"""Views of an image: changed a little, in ways that no question about it forbids.

timm's operations with magnitudes of our own drawing. Its random transforms draw from the generators
of the process, which threads share; here everything drawn is a function of the seed, the image's
content and the number of the draw. So ranks, threads and a resumed run see the same views, and so
does the feature store.

Views are made of the encoder's own input, after the resize: images are kept decoded in memory, and
a view costs the same whatever the size of the photo.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vqa_cli.models.extraction import View
from vqa_cli.models.libraries import explained_imports
from vqa_cli.training.augmentation_rules import CHANGES

with explained_imports():
    from timm.data import auto_augment as timm_ops

VERSION = 1
"""Part of what names a stored view: another number wherever the same draw would look different."""

STRENGTHS = {"light": 1 / 3, "medium": 2 / 3, "strong": 1.0}
"""Share of each change's greatest extent, which is drawn evenly from none to that."""

PROBABILITY = 0.5
"""Of each change that is allowed."""

TURN_DEGREES = 15.0
SHRINK = 0.2
CROP = 0.2
COLOR = 0.8
POSTERIZE_BITS = 4
LIGHT = 0.3
SHARPNESS = 0.9
BLUR_SHARE = 0.8 / 224
HOLES = 8
HOLE_SHARE = 1 / 14
"""Sides as shares of the image's. Holes are small, so that none can hide a thing that is asked
about; a crop keeps the aspect ratio, as shapes are told by it."""

Pixels = NDArray[np.uint8]


class ImageAugmentation:
    """Draws views of images at one strength.

    allowed: the hex SHA-256 of an image's content -> the changes that its questions survive; an
    image that is not named stays as it is.
    """

    def __init__(self, strength: str, seed: int, allowed: Mapping[str, frozenset[str]]) -> None:
        self.strength, self.seed = strength, seed
        self._level = STRENGTHS[strength]
        self._allowed = allowed

    def allowed(self, digest: str) -> frozenset[str]:
        """What may be done to an image."""
        return self._allowed.get(digest, frozenset())

    def __call__(self, pixels: Pixels, digest: str, draw: int) -> Pixels:
        """View number `draw` of an image, uint8 (H,W,3); of any thread, any time, the same."""
        allowed = self.allowed(digest)
        if not allowed:
            return pixels
        # A text seeds by its SHA-512: alike in every process, unlike hash().
        draws = random.Random(f"{self.seed} {digest} {draw}")
        image = Image.fromarray(pixels)
        for change in CHANGES:
            # Drawn whether or not it is allowed: what one question forbids moves nothing else.
            wanted, extent, *chances = (draws.random() for _ in range(_NUMBERS))
            if wanted < PROBABILITY and change in allowed:
                image = _APPLY[change](image, extent * self._level, chances)
        return np.asarray(image)

    def view_key(self, digest: str, view: int) -> str:
        """What view `view` of an image is called in the feature store (hex SHA-256).

        The plain image's own name where it is the plain one, or where nothing may be done to it.
        """
        if not view or not self.allowed(digest):
            return digest
        recipe = [VERSION, self.strength, sorted(self.allowed(digest)), self.seed, digest, view]
        return hashlib.sha256(repr(recipe).encode()).hexdigest()

    def views(self, digests: Sequence[str], count: int) -> dict[str, View]:
        """What has to be stored beside the plain images, for `count` views of each."""
        return {
            self.view_key(digest, view): View(digest, partial(self, digest=digest, draw=view))
            for digest in digests
            for view in range(1, count)
            if self.allowed(digest)
        }


def drawn_views(hashes: NDArray[np.uint64], draw: int, views: int) -> NDArray[np.int64]:
    """Which of `views` stored views each image shows at a draw; two draws of a pair differ.

    hashes (B,): a number of each image and the seed, as `view_hash` gives it. The pairs are the
    draws 2k and 2k + 1. Mixed by SplitMix64 (Steele, Lea and Flood 2014, OOPSLA).
    """
    mixed = hashes + np.uint64((draw // 2 + 1) * 0x9E3779B97F4A7C15 % (1 << 64))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return ((mixed % np.uint64(views)).astype(np.int64) + draw % 2) % views


def view_hash(seed: int, digest: str) -> int:
    """A number of 64 bits of an image and the seed, for `drawn_views`."""
    return int.from_bytes(hashlib.sha256(f"{seed} {digest}".encode()).digest()[:8], "little")


def _signed(extent: float, chance: float) -> float:
    return extent if chance < 0.5 else -extent


def _edge_color(image: Image.Image) -> tuple[int, ...]:
    """The median colour of the image's own edge: a plain background stays one."""
    pixels = np.asarray(image)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return tuple(int(value) for value in np.median(edge, axis=0))


def _mirror(image: Image.Image, extent: float, chances: Sequence[float]) -> Image.Image:
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _turn(image: Image.Image, extent: float, chances: Sequence[float]) -> Image.Image:
    """Turn, and make smaller by what keeps the corners in."""
    turned = timm_ops.rotate(
        image,
        _signed(extent * TURN_DEGREES, chances[0]),
        resample=Image.Resampling.BILINEAR,
        fillcolor=_edge_color(image),
        expand=True,
    )
    return turned.resize(image.size, Image.Resampling.BILINEAR)


def _shrink(image: Image.Image, extent: float, chances: Sequence[float]) -> Image.Image:
    """Make smaller and put anywhere on a ground of the edge's colour: nothing is lost."""
    width, height = (max(1, round(side * (1 - SHRINK * extent))) for side in image.size)
    ground = Image.new("RGB", image.size, _edge_color(image))
    left = round(chances[0] * (image.width - width))
    top = round(chances[1] * (image.height - height))
    ground.paste(image.resize((width, height), Image.Resampling.BILINEAR), (left, top))
    return ground


def _crop(image: Image.Image, extent: float, chances: Sequence[float]) -> Image.Image:
    """Cut out most of it, and make that as large as it was."""
    width, height = (side * (1 - CROP * extent) for side in image.size)
    left, top = chances[0] * (image.width - width), chances[1] * (image.height - height)
    box = (left, top, left + width, top + height)
    return image.resize(image.size, Image.Resampling.BILINEAR, box=box)


def _color(image: Image.Image, extent: float, chances: Sequence[float]) -> Image.Image:
    """More or less saturation, or fewer bits a channel."""
    if chances[0] < 0.25:
        return timm_ops.posterize(image, 8 - round(extent * POSTERIZE_BITS))
    return timm_ops.color(image, 1 + _signed(extent * COLOR, chances[1]))


def _light(image: Image.Image, extent: float, chances: Sequence[float]) -> Image.Image:
    """More or less brightness, and contrast."""
    image = timm_ops.brightness(image, 1 + _signed(extent * LIGHT, chances[0]))
    return timm_ops.contrast(image, 1 + _signed(extent * LIGHT * chances[1], chances[2]))


def _detail(image: Image.Image, extent: float, chances: Sequence[float]) -> Image.Image:
    """Sharper, or blurred."""
    if chances[0] < 0.5:
        return timm_ops.sharpness(image, 1 + extent * SHARPNESS)
    return timm_ops.gaussian_blur(image, extent * BLUR_SHARE * min(image.size))


def _erase(image: Image.Image, extent: float, chances: Sequence[float]) -> Image.Image:
    """Cover small squares with the mean colour, as in random erasing (arXiv:1708.04896)."""
    pixels = np.array(image)
    side = max(1, round(extent * HOLE_SHARE * min(image.size)))
    mean = image.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    for hole in range(HOLES):
        top = int(chances[2 * hole] * (image.height - side + 1))
        left = int(chances[2 * hole + 1] * (image.width - side + 1))
        pixels[top : top + side, left : left + side] = mean
    return Image.fromarray(pixels)


_NUMBERS = 2 + 2 * HOLES
_APPLY: dict[str, Callable[[Image.Image, float, Sequence[float]], Image.Image]] = {
    "mirror": _mirror,
    "turn": _turn,
    "shrink": _shrink,
    "crop": _crop,
    "color": _color,
    "light": _light,
    "detail": _detail,
    "erase": _erase,
}
