"""How often an explanation's peak lies on the object that was asked for, on the demo shapes.

    python benchmarks/explaining.py [RUN] [SHAPES] [--choose]

RUN is a run on the demo shapes (default demo/runs/latest, of `make demo`), SHAPES the folder of
examples/shapes.py (default demo/shapes), whose boxes.json says where every shape is. Asked are the
test questions about one shape alone: the colour, the kind or the place of a shape, and whether
something is there that is there once. Questions for a number, and for what is not there, have no
box that would explain them.

Counted is, among the right answers, in how many the peak lies inside the box; for comparison with
the model's weights drawn at random (there nothing is right but by accident: all questions count),
and with the share of the image that the boxes cover. An untrained network sees edges already, and
the shapes have the only sharp ones: its peak lies on some shape more often than the boxes' area
would have it, but not more often on the one that is asked for. So where an image has several shapes
it is counted, too, how often the peak lies on the asked one and how often on each of the others: at
chance these are alike.

`--choose` compares on val ways to hide and to score; the package's were chosen so.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from vqa_cli.data.images import read_image
from vqa_cli.inference.answerer import Answerer, Floats
from vqa_cli.inference.explanation import (
    DEFAULT,
    HEAT_SIDE,
    Masking,
    explain_all,
    heat_of,
    log_odds,
)
from vqa_cli.inference.loading import load_answerer

RANDOM_SEEDS = 3


Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Asked:
    """A question about one shape: its right answer, the shape's box in pixels, the others'."""

    question: str
    answer: str
    kind: str
    box: Box
    others: tuple[Box, ...]

    def holds(self, x: float, y: float) -> bool:
        return holds(self.box, x, y)

    def others_hold(self, x: float, y: float) -> float:
        """The share of the other shapes whose box holds a pixel."""
        return float(np.mean([holds(box, x, y) for box in self.others]))


def holds(box: Box, x: float, y: float) -> bool:
    left, top, right, bottom = box
    return left <= x < right and top <= y < bottom


def read_asked(shapes: Path, split: str) -> dict[Path, list[Asked]]:
    """The questions about one shape alone, by image."""
    places = json.loads((shapes / "boxes.json").read_text(encoding="utf-8"))
    asked: defaultdict[Path, list[Asked]] = defaultdict(list)
    with (shapes / f"{split}.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            number = places["asked"].get(row["question_id"])
            if number is not None:
                boxes = [tuple(shape["box"]) for shape in places["shapes"][row["image"]]]
                box = boxes.pop(number)
                one = Asked(row["question"], row["answer"], row["question_type"], box, tuple(boxes))
                asked[shapes / row["image"]].append(one)
    return dict(asked)


@dataclass
class Count:
    """How many peaks lay inside the box, of how many; and how much of the images they cover.

    several: how many there are where the image has other shapes too; of these on_asked peaks lay
    on the shape that was asked for, and on_another on another one (on average over the others).
    """

    inside: int = 0
    asked: int = 0
    area: float = 0.0
    several: int = 0
    on_asked: int = 0
    on_another: float = 0.0

    def add(self, peak: tuple[float, float] | None, asked: Asked, pixels: int) -> None:
        left, top, right, bottom = asked.box
        inside = peak is not None and asked.holds(*peak)
        self.inside += inside
        self.asked += 1
        self.area += (right - left) * (bottom - top) / pixels
        if asked.others:
            self.several += 1
            self.on_asked += inside
            self.on_another += asked.others_hold(*peak) if peak is not None else 0.0

    def __str__(self) -> str:
        share = self.inside / max(1, self.asked)
        area = self.area / max(1, self.asked)
        own, other = (n / max(1, self.several) for n in (self.on_asked, self.on_another))
        return (
            f"{share:6.1%} ({self.inside:,} of {self.asked:,}), boxes cover {area:.1%};"
            f" of {self.several:,} among several: {own:.1%} on it, {other:.1%} on each other shape"
        )


def count_peaks(answerer: Answerer, images: dict[Path, list[Asked]], *, right: bool) -> None:
    """Print how often the peak lies inside the box: of right answers, or of all."""
    counts: defaultdict[str, Count] = defaultdict(Count)
    nowhere = 0
    started = time.perf_counter()
    for path, questions in images.items():
        explanations = explain_all(answerer, path, [one.question for one in questions])
        for one, told in zip(questions, explanations, strict=True):
            if right and told.answer != one.answer:
                continue
            peak = told.peak
            nowhere += peak is None
            for name in ("all", one.kind):
                counts[name].add(peak, one, told.size[0] * told.size[1])
    seconds = time.perf_counter() - started
    for name, count in counts.items():
        print(f"  {name:10} {count}")
    print(f"  {nowhere} without a peak; {seconds / len(images):.2f} s an image, all its questions")


def random_answerer(run: Path, seed: int) -> Answerer:
    """The run's answerer with all weights drawn anew."""
    import torch

    from vqa_cli.inference.torch_answerer import TorchAnswerer
    from vqa_cli.models.vqa_model import VQAModel

    answerer = load_answerer(run)
    assert isinstance(answerer, TorchAnswerer)
    torch.manual_seed(seed)
    answerer.model = VQAModel.from_config(answerer.model.config).eval().to(answerer.device.name)
    return answerer


# --- choosing on val


@dataclass(frozen=True)
class Way:
    """A way to explain: masks (P, side, side), 1 visible; what is shown instead; what is scored.

    to_heat: scores behind the masks (P,) -> the heat map.
    """

    masks: Floats
    to_heat: Callable[[NDArray[np.float64]], NDArray[np.floating]]
    cover: str = "mean"


def masked(masks: Floats, cover: str = "mean") -> Way:
    return Way(masks, lambda scores: heat_of(scores, masks), cover)


def patches(*grids: int) -> Way:
    """Single patches, of 1/grid of the side, that overlap by half (Zeiler and Fergus, 2014)."""
    masks = []
    for grid in grids:
        starts = np.rint(np.linspace(0, HEAT_SIDE * (1 - 1 / grid), 2 * grid - 1)).astype(int)
        side = round(HEAT_SIDE / grid)
        for top in starts:
            for left in starts:
                masks.append(np.ones((HEAT_SIDE, HEAT_SIDE), dtype=np.float32))
                masks[-1][top : top + side, left : left + side] = 0

    def to_heat(scores: NDArray[np.float64]) -> NDArray[np.floating]:
        """Each size counts alike; between the centres of its patches it is interpolated."""
        heat, first = np.zeros((HEAT_SIDE, HEAT_SIDE)), 0
        places = (np.arange(HEAT_SIDE) + 0.5) / HEAT_SIDE
        for grid in grids:
            count = 2 * grid - 1
            centres = np.linspace(0.5 / grid, 1 - 0.5 / grid, count)
            costs = -scores[first : first + count**2].reshape(count, count)
            first += count**2
            rows = np.stack([np.interp(places, centres, column) for column in costs.T], axis=1)
            heat += np.stack([np.interp(places, centres, row) for row in rows])
        return heat

    return Way(np.stack(masks), to_heat)


def ways() -> dict[str, Way]:
    found = {
        f"{masks} random masks of {cells}x{cells} cells": masked(Masking(masks, cells).visible())
        for masks, cells in ((192, 8), (96, 8), (192, 5), (192, 6), (192, 10))
    }
    found["192 of 8x8 cells, before a blur"] = masked(DEFAULT.visible(), "blur")
    for grids in ((4,), (6,), (4, 6), (3, 5), (3, 4, 6)):
        way = patches(*grids)
        found[f"{len(way.masks)} single patches, 1/{', 1/'.join(map(str, grids))}"] = way
    return found


def logit(answerer: Answerer, logits: Floats, answer: int) -> NDArray[np.float64]:
    return logits[:, answer].astype(np.float64)


def log_probability(answerer: Answerer, logits: Floats, answer: int) -> NDArray[np.float64]:
    values = logits.astype(np.float64)
    return values[:, answer] - np.logaddexp.reduce(values, axis=1)


MEASURES: dict[str, Callable[[Answerer, Floats, int], NDArray[np.float64]]] = {
    "log-odds": log_odds,
    "logit": logit,
    "log-probability": log_probability,
}


def behind(path: Path, way: Way) -> Iterator[Image.Image]:
    """The image behind each mask."""
    image = read_image(path)
    pixels = np.asarray(image, dtype=np.float32)
    blur = ImageFilter.GaussianBlur(0.25 * image.width)
    cover = pixels.mean(axis=(0, 1)) if way.cover == "mean" else np.float32(image.filter(blur))
    for mask in way.masks:
        fitted = Image.fromarray(mask).resize(image.size, Image.Resampling.BILINEAR)
        shown = cover + (pixels - cover) * np.asarray(fitted)[..., None]
        yield Image.fromarray(np.rint(shown).astype(np.uint8))


def compare_ways(answerer: Answerer, images: dict[Path, list[Asked]]) -> None:
    """Print how often the peak of each way lies inside the box, the best way first."""
    counts: defaultdict[str, Count] = defaultdict(Count)
    compared = ways()
    for path, asked in images.items():
        (plain,) = answerer.scores([(path, [one.question for one in asked])])
        answers = [int(best) for best in plain.argmax(axis=1)]
        kept = [
            n
            for n, one in enumerate(asked)
            if one.answer == answerer.vocabulary.answers[answers[n]]
        ]
        questions = [asked[n].question for n in kept]
        width, height = read_image(path).size
        for name, way in compared.items():
            logits = list(answerer.scores((image, questions) for image in behind(path, way)))
            for place, number in enumerate(kept):
                own = np.stack([row[place] for row in logits])
                for measure, odds in MEASURES.items():
                    heat = way.to_heat(odds(answerer, own, answers[number]))
                    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
                    x, y = (column + 0.5) / HEAT_SIDE * width, (row + 0.5) / HEAT_SIDE * height
                    counts[f"{name}, {measure}"].add((x, y), asked[number], width * height)
    for name, count in sorted(counts.items(), key=lambda item: -item[1].inside):
        print(f"  {name:62} {count}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, nargs="?", default=Path("demo/runs/latest"))
    parser.add_argument("shapes", type=Path, nargs="?", default=Path("demo/shapes"))
    parser.add_argument("--choose", action="store_true", help="compare ways to explain, on val")
    parser.add_argument("--images", type=int, help="so many images of the split; default: all")
    arguments = parser.parse_args()
    split = "val" if arguments.choose else "test"
    asked = read_asked(arguments.shapes, split)
    asked = dict(list(asked.items())[: arguments.images])
    print(
        f"{sum(map(len, asked.values())):,} questions about one shape, {len(asked)} images, {split}"
    )
    answerer = load_answerer(arguments.run)
    if arguments.choose:
        compare_ways(answerer, asked)
        return
    print(f"peak inside the box, right answers ({DEFAULT.masks + 3} images encoded for each):")
    count_peaks(answerer, asked, right=True)
    for seed in range(RANDOM_SEEDS):
        print(f"random weights, seed {seed}, all answers:")
        count_peaks(random_answerer(arguments.run, seed), asked, right=False)


if __name__ == "__main__":
    main()
