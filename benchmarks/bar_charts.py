"""Draw bar charts and questions about them: a generated dataset that is not the demo's.

Written and put aside before any default was chosen on other data (docs/defaults.md).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIDE = 64
COLORS = {
    "red": (215, 35, 35),
    "green": (30, 165, 50),
    "blue": (40, 60, 220),
    "orange": (245, 150, 30),
    "purple": (140, 40, 170),
    "gray": (120, 120, 120),
}
HIGHEST = 6
IMAGES = {"train": 600, "val": 200, "test": 300}
COLUMNS = ("image", "question", "answer", "question_type", "question_id")

Chart = list[tuple[str, int]]
"""From left to right: each bar's color and height in lines of the grid."""
Rng = np.random.Generator


def draw_chart(rng: Rng) -> Chart:
    """Two to five bars, each of another color."""
    number = int(rng.integers(2, 6))
    colors = rng.permutation(list(COLORS))[:number]
    return [(str(color), int(rng.integers(1, HIGHEST + 1))) for color in colors]


def paint(chart: Chart, rng: Rng) -> Image.Image:
    """Paint the chart with its grid, at jittered widths and brightness."""
    paper = int(rng.integers(225, 256))
    picture = Image.new("RGB", (SIDE, SIDE), (paper, paper, paper))
    pen = ImageDraw.Draw(picture)
    step = int(rng.integers(8, 10))
    floor = SIDE - int(rng.integers(2, 5))
    for line in range(HIGHEST + 1):
        pen.line((0, floor - line * step, SIDE, floor - line * step), fill=(190, 190, 190))
    slot = SIDE / len(chart)
    for place, (color, height) in enumerate(chart):
        width = slot * rng.uniform(0.45, 0.8)
        left = place * slot + (slot - width) / 2
        shade = tuple(np.clip(np.array(COLORS[color]) + rng.integers(-12, 13, 3), 0, 255).tolist())
        pen.rectangle((left, floor - height * step, left + width, floor), fill=shade)
    return picture


def ask(chart: Chart, rng: Rng) -> Iterator[tuple[str, str, str]]:
    """Yield (question, answer, question type)."""
    yield "how many bars are there?", str(len(chart)), "count"
    color, height = chart[int(rng.integers(len(chart)))]
    yield f"how high is the {color} bar?", str(height), "height"
    heights = [height for _, height in chart]
    for word, extreme in (("highest", max(heights)), ("lowest", min(heights))):
        if heights.count(extreme) == 1:
            yield f"which bar is the {word}?", chart[heights.index(extreme)][0], "extreme"
    one, other = (chart[i] for i in rng.permutation(len(chart))[:2])
    if one[1] != other[1]:
        answer = "yes" if one[1] > other[1] else "no"
        yield f"is the {one[0]} bar higher than the {other[0]} bar?", answer, "comparison"
    place = int(rng.integers(len(chart) - 1))
    yield f"which bar is right of the {chart[place][0]} bar?", chart[place + 1][0], "position"


def write_bar_charts(out: Path, seed: int = 0) -> Path:
    """Write `out`: images, and train.csv, val.csv and test.csv. The same seed, the same bytes."""
    (out / "images").mkdir(parents=True, exist_ok=True)
    for number, (split, count) in enumerate(IMAGES.items()):
        rng = np.random.default_rng([seed, number])
        with (out / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for index in range(count):
                chart = draw_chart(rng)
                name = f"images/{split}_{index:04d}.png"
                paint(chart, rng).save(out / name)
                for k, (question, answer, kind) in enumerate(ask(chart, rng)):
                    writer.writerow((name, question, answer, kind, f"{split}-{index:04d}-{k}"))
    return out
