"""How often near copies of images are found, and how often other images are taken for them.

    python benchmarks/near_copies.py FOLDER_OF_IMAGES [--limit 4000]

Prints the pairs of different files that count as near copies (look at them: are they?), the share
of images that are still found after each kind of change, and how long it takes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from vqa_cli.data.image_files import IMAGE_SUFFIXES
from vqa_cli.data.images import read_image
from vqa_cli.data.near_copies import LOOK_BYTES, Looks, copies_among, look_of

SHOWN = 5
CHANGED = 300


def as_jpeg(quality: int) -> Callable[[Image.Image], Image.Image]:
    def change(image: Image.Image) -> Image.Image:
        data = BytesIO()
        image.save(data, "JPEG", quality=quality)
        return Image.open(BytesIO(data.getvalue())).convert("RGB")

    return change


def half(image: Image.Image) -> Image.Image:
    return image.resize((max(1, image.width // 2), max(1, image.height // 2)))


def cropped(share: float) -> Callable[[Image.Image], Image.Image]:
    def change(image: Image.Image) -> Image.Image:
        x, y = round(image.width * share), round(image.height * share)
        return image.crop((x, y, image.width - x, image.height - y))

    return change


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG, quality 75": as_jpeg(75),
    "JPEG, quality 30": as_jpeg(30),
    "half the size": half,
    "half the size, JPEG, quality 50": lambda image: as_jpeg(50)(half(image)),
    "10 % brighter": lambda image: image.point(lambda value: min(255, round(value * 1.1))),
    "1 % off each side": cropped(0.01),
    "2 % off each side": cropped(0.02),
    "5 % off each side": cropped(0.05),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}


def as_looks(looks: list[bytes]) -> Looks:
    return np.frombuffer(b"".join(looks), dtype=np.uint8).reshape(-1, LOOK_BYTES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=4000)
    arguments = parser.parse_args()
    found = (path for path in arguments.folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    paths = sorted(found)[: arguments.limit]
    started = time.perf_counter()
    images = [read_image(path) for path in paths]
    decoding = time.perf_counter() - started
    started = time.perf_counter()
    looks = as_looks([look_of(image) for image in images])
    looking = time.perf_counter() - started
    count = len(paths)
    print(f"{count:,} images: {decoding / count * 1e3:.2f} ms each to decode,", end=" ")
    print(f"{looking / count * 1e3:.2f} ms more for their looks")
    started = time.perf_counter()
    pairs = [
        (paths[place], paths[other])
        for place in range(1, count)
        for other in copies_among(looks[place : place + 1], looks[:place])
        if other >= 0
    ]
    seconds = time.perf_counter() - started
    print(f"images that look like an earlier one: {len(pairs):,}; {seconds:.1f} s")
    for one, other in pairs[:SHOWN]:
        print(f"  {one} = {other}")
    for name, change in CHANGES.items():
        step = max(1, count // CHANGED)
        changed = as_looks([look_of(change(image)) for image in images[::step]])
        again = [
            copies_among(changed[i : i + 1], looks[place : place + 1])[0] == 0
            for i, place in enumerate(range(0, count, step))
        ]
        print(f"found again, {name}: {np.mean(again):.1%}")


if __name__ == "__main__":
    main()
