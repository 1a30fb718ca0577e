"""Images that look alike: a perceptual hash that finds candidates, a thumbnail that confirms them.

The hash is pHash (Zauner 2010, "Implementation and benchmarking of perceptual image hash
functions"): the signs of the 8x8 lowest frequencies of the luma, against their median. It knows no
colours and little of small shapes, so that drawings share it by the thousand; a thumbnail of 8x8
coloured pixels has to agree as well.

The limits were chosen on photos and on drawings (benchmarks/near_copies.py measures them again):
of a million pairs of different DAQUAR photos none is taken for a copy, and of the twelve million
pairs of 5,000 easy-VQA drawings 8, all of them the same shape in the same colour and place. Saved
anew as JPEG of quality 30, or at half the size, every photo is still found; with 1 % cut off each
side, nine of ten; what lost more, or was mirrored or turned, is not.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

MAX_BITS = 6
"""Hashes of copies differ in at most so many of their 64 bits."""
MAX_DIFFERENCE = 16.0
"""No value of copies' thumbnails differs by more, of 255, once both are equally bright."""
MAX_GAIN = 1.25
Look = bytes
"""LOOK_BYTES bytes: 8 of hash, then the thumbnail: 8x8 pixels of red, green and blue."""
LOOK_BYTES = 8 + 8 * 8 * 3

Looks = npt.NDArray[np.uint8]
"""(N, LOOK_BYTES): a row for each image."""
_SIDE = 32
_BLOCK = 256
_PAIRS = 1 << 14
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as in JPEG


def look_of(image: Image.Image) -> Look:
    """What stands for how an RGB image looks."""
    small = image.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float64)
    luma = pixels @ _LUMA
    basis = _low_frequencies()
    waves = (basis @ luma @ basis.T).ravel()
    waves[0] = 0  # the mean brightness says nothing about the picture
    bits = np.packbits(waves > np.median(waves[1:]))
    thumbnail = pixels.reshape(8, 4, 8, 4, 3).mean((1, 3))
    return bytes(np.concatenate([bits, np.rint(thumbnail).astype(np.uint8).ravel()]))


@lru_cache(maxsize=1)
def _low_frequencies() -> npt.NDArray[np.float64]:
    """(8, 32): the first rows of the discrete cosine transform (DCT-II)."""
    k, i = np.arange(8)[:, None], np.arange(_SIDE)[None]
    return np.asarray(np.cos(np.pi * k * (2 * i + 1) / (2 * _SIDE)))


def copies_among(looks: Looks, among: Looks) -> npt.NDArray[np.int64]:
    """For each of `looks` the place of one in `among` that looks alike, or -1.

    Every pair is compared, in blocks: 50,000 with 50,000 take seconds, and no more memory than
    50 with 50.
    """
    found = np.full(len(looks), -1, dtype=np.int64)
    hashes, others = _hashes(looks), _hashes(among)
    for start in range(0, len(among), _BLOCK):
        block = others[start : start + _BLOCK]
        for low in range(0, len(looks), _BLOCK):
            open_ = low + np.flatnonzero(found[low : low + _BLOCK] < 0)
            bits = np.bitwise_count(hashes[open_, None] ^ block[None])
            rows, columns = np.nonzero(bits <= MAX_BITS)
            for first in range(0, len(rows), _PAIRS):
                mine = open_[rows[first : first + _PAIRS]]
                other = start + columns[first : first + _PAIRS]
                alike = _alike(looks[mine], among[other])
                # Written backwards, so that the first of several stays.
                found[mine[alike][::-1]] = other[alike][::-1]
    return found


def _hashes(looks: Looks) -> npt.NDArray[np.uint64]:
    return np.ascontiguousarray(looks[:, :8]).view(np.uint64).ravel()


def _alike(first: Looks, second: Looks) -> npt.NDArray[np.bool_]:
    """Whether thumbnails (P, LOOK_BYTES) agree once the second is as bright as the first."""
    a, b = (looks[:, 8:].astype(np.float32) for looks in (first, second))
    gain = (a.mean(1) / np.maximum(b.mean(1), 1)).clip(1 / MAX_GAIN, MAX_GAIN)
    return np.asarray(np.abs(a - b * gain[:, None]).max(1) <= MAX_DIFFERENCE)
