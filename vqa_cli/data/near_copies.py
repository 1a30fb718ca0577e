"""Images that look alike: a perceptual hash that finds candidates, a thumbnail that confirms them.

The hash is pHash (Zauner 2010, "Implementation and benchmarking of perceptual image hash
functions"): the signs of the 8x8 lowest frequencies of the luma, against their median. It knows no
colours and little of small shapes, so that drawings share it by the thousand; a thumbnail of 8x8
luma and 4x4 chroma values has to agree as well.

The limits were chosen on photos and on drawings (benchmarks/near_copies.py measures them again):
of a million pairs of different DAQUAR photos none is taken for a copy, and of the eight million
pairs of 4,000 easy-VQA drawings 36, all of them the same shape about a pixel further. Saved anew
as JPEG of quality 30, or at half the size, every photo is still found; with a border of 1 % cut
off 96 % of them; what lost more of its border, or was mirrored or turned, is not.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

MAX_BITS = 6
"""Hashes of copies differ in at most so many of their 64 bits."""
MAX_DIFFERENCE = 12.0
"""No value of copies' thumbnails differs by more, of 255, once both are equally bright."""
MAX_GAIN = 1.25
Look = bytes
"""LOOK_BYTES bytes: 8 of hash, then the thumbnail, its luma before its chroma."""
LOOK_BYTES = 8 + 64 + 2 * 16

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
    grey = luma.reshape(8, 4, 8, 4).mean((1, 3))
    coarse = pixels.reshape(4, 8, 4, 8, 3).mean((1, 3))
    chroma = (coarse[..., [2, 0]] - (coarse @ _LUMA)[..., None]) * (0.564, 0.713) + 128
    thumbnail = np.concatenate([grey.ravel(), chroma[..., 0].ravel(), chroma[..., 1].ravel()])
    cells = np.rint(thumbnail).clip(0, 255).astype(np.uint8)
    return bytes(np.concatenate([bits, cells]))


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
    gain = a[:, :64].mean(1) / np.maximum(b[:, :64].mean(1), 1)
    gain = gain.clip(1 / MAX_GAIN, MAX_GAIN)[:, None]
    grey = np.abs(a[:, :64] - b[:, :64] * gain).max(1)
    chroma = np.abs((a[:, 64:] - 128) - (b[:, 64:] - 128) * gain).max(1)
    return np.asarray(np.maximum(grey, chroma) <= MAX_DIFFERENCE)
