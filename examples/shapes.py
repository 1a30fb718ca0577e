"""Draw the demo dataset: coloured shapes on varied backgrounds, and questions about them.

    python examples/shapes.py OUT [--images 1300] [--seed 0]

writes OUT/images/*.png (64x64) and OUT/train.csv, val.csv and test.csv with the columns image,
question, answer, question_type and question_id. The same seed draws the same bytes. Images of
test are never in train. Answers are balanced, so that the question alone gives little away.

OUT/boxes.json says where everything is: under `shapes`, for each image, its shapes with
their boxes (left, top, right, bottom; right and bottom are the first pixels outside), and under
`asked`, for each question about one shape alone, the number of that shape in its image. These are
the questions for the colour, the kind or the place of a shape, and those for something that is
there once ("is there a red circle?" - "yes"). Those for a number, and for what is not there, ask
for no single shape.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

SIDE = 64
CELLS = {(0, 0): "top left", (1, 0): "top right", (0, 1): "bottom left", (1, 1): "bottom right"}
KINDS = ("circle", "square", "triangle")
COLORS = {
    "red": (215, 35, 35),
    "green": (30, 165, 50),
    "blue": (40, 60, 220),
    "yellow": (245, 215, 30),
    "black": (15, 15, 15),
}
SHAPES = (0.4, 0.35, 0.25)  # shares of the images with one, two and three
SHARES = {"train": 0.77, "val": 0.09, "test": 0.14}
COLUMNS = ("image", "question", "answer", "question_type", "question_id")


@dataclass(frozen=True)
class Shape:
    """One shape; `cell` is (column, row) on a grid of two by two."""

    kind: str
    color: str
    cell: tuple[int, int]


Scene = list[Shape]
Asked = Iterator[tuple[str, str, Shape | None]]
"""Question, answer, and the one shape that it is about."""
Box = tuple[int, int, int, int]
Rng = np.random.Generator


def draw_scene(rng: Rng) -> Scene:
    """One to three shapes, each in a cell of its own."""
    number = 1 + int(rng.choice(len(SHAPES), p=SHAPES))
    cells = [list(CELLS)[i] for i in rng.permutation(len(CELLS))[:number]]
    return [Shape(pick(rng, KINDS), pick(rng, tuple(COLORS)), cell) for cell in cells]


def pick(rng: Rng, among: tuple[str, ...] | list[str]) -> str:
    """Draw one text."""
    return among[int(rng.integers(len(among)))]


# --- pictures


def background(rng: Rng) -> np.ndarray:
    """Return a muted (SIDE, SIDE, 3) float picture: plain, a gradient, stripes or noise."""
    first, second = (rng.uniform(105, 185) + rng.uniform(-22, 22, 3) for _ in range(2))
    across, down = np.meshgrid(np.linspace(0, 1, SIDE), np.linspace(0, 1, SIDE))
    angle = rng.uniform(0, 2 * np.pi)
    along = across * np.cos(angle) + down * np.sin(angle)
    style = int(rng.integers(4))
    mix = {
        0: np.zeros_like(along),
        1: (along - along.min()) / np.ptp(along),
        2: 0.5 + 0.5 * np.sin(along * rng.uniform(15, 45)),
        3: rng.uniform(0, 1, along.shape),
    }[style][..., None]
    return first * (1 - mix) + second * mix


def draw(scene: Scene, rng: Rng) -> tuple[Image.Image, list[Box]]:
    """Paint the shapes of `scene` on a background, at jittered places and sizes.

    Returns the picture and the box of each shape.
    """
    picture = background(rng)
    boxes = []
    for shape in scene:
        radius = rng.uniform(12.0, 14.5)
        slack = SIDE / 4 - radius - 1
        x, y = ((place + 0.5) * SIDE / 2 + rng.uniform(-slack, slack) for place in shape.cell)
        mask = shape_mask(shape.kind, x, y, radius)[..., None]
        color = np.clip(np.array(COLORS[shape.color]) + rng.uniform(-12, 12, 3), 0, 255)
        picture = picture * (1 - mask) + color * mask
        boxes.append(box_of(mask[..., 0]))
    return Image.fromarray(np.clip(np.rint(picture), 0, 255).astype(np.uint8)), boxes


def box_of(mask: np.ndarray) -> Box:
    """Return the smallest box around what a mask (SIDE, SIDE) covers."""
    columns, rows = (np.flatnonzero(mask.any(axis=axis)) for axis in (0, 1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def shape_mask(kind: str, x: float, y: float, radius: float, fine: int = 4) -> np.ndarray:
    """Return the share of each pixel that the shape covers, (SIDE, SIDE) in [0, 1]."""
    canvas = Image.new("L", (SIDE * fine, SIDE * fine))
    pen = ImageDraw.Draw(canvas)
    left, top, right, bottom = (
        (v * fine) for v in (x - radius, y - radius, x + radius, y + radius)
    )
    if kind == "circle":
        pen.ellipse((left, top, right, bottom), fill=255)
    elif kind == "square":
        inset = 0.1 * radius * fine  # so that a square covers little more than a circle
        pen.rectangle((left + inset, top + inset, right - inset, bottom - inset), fill=255)
    else:
        pen.polygon([(x * fine, top), (left, bottom), (right, bottom)], fill=255)
    return np.asarray(canvas.resize((SIDE, SIDE), Image.Resampling.BOX)) / 255


# --- questions: each function yields those of one question type


def color_questions(scene: Scene, rng: Rng) -> Asked:
    """Ask for the colour of a shape whose kind is there once."""
    kinds = Counter(shape.kind for shape in scene)
    for shape in scene:
        if kinds[shape.kind] == 1:
            phrases = (
                "what color is the {}?",
                "what is the color of the {}?",
                "which color does the {} have?",
            )
            yield pick(rng, phrases).format(shape.kind), shape.color, shape
    if len(scene) == 1:
        phrases = ("what color is the shape?", "which color is it?")
        yield pick(rng, phrases), scene[0].color, scene[0]


def shape_questions(scene: Scene, rng: Rng) -> Asked:
    """Ask for the kind of a shape whose colour is there once."""
    colors = Counter(shape.color for shape in scene)
    for shape in scene:
        if colors[shape.color] == 1:
            phrases = (
                "what shape is {}?",
                "what is the {} shape?",
                "which shape has the color {}?",
            )
            yield pick(rng, phrases).format(shape.color), shape.kind, shape
    if len(scene) == 1:
        phrases = ("what shape is there?", "which shape is this?")
        yield pick(rng, phrases), scene[0].kind, scene[0]


def count_questions(scene: Scene, rng: Rng) -> Asked:
    """Ask for the number of all shapes, and of one kind (a number drawn first, then a kind)."""
    phrases = ("how many {} are there?", "what is the number of {}?", "how many {} do you see?")
    yield pick(rng, phrases).format("shapes"), str(len(scene)), None
    counts = {kind: sum(shape.kind == kind for shape in scene) for kind in KINDS}
    number = int(pick(rng, sorted({str(n) for n in counts.values()})))
    kind = pick(rng, [kind for kind, n in counts.items() if n == number])
    yield pick(rng, phrases).format(f"{kind}s"), str(number), None


def position_questions(scene: Scene, rng: Rng) -> Asked:
    """Ask where each shape is, by a name that is its own, and what is alone on a side."""
    kinds = Counter(shape.kind for shape in scene)
    colors = Counter(shape.color for shape in scene)
    for shape in scene:
        names = [shape.kind] if kinds[shape.kind] == 1 else []
        names += [f"{shape.color} shape"] if colors[shape.color] == 1 else []
        if names:
            phrases = ("where is the {}?", "in which corner is the {}?", "where do you see the {}?")
            yield pick(rng, phrases).format(pick(rng, names)), CELLS[shape.cell], shape
    sides = {"on the left": (0, 0), "on the right": (0, 1), "at the top": (1, 0)}
    sides["at the bottom"] = (1, 1)
    alone = {
        side: there[0]
        for side, (axis, place) in sides.items()
        if len(there := [shape for shape in scene if shape.cell[axis] == place]) == 1
    }
    if alone:
        side = pick(rng, list(alone))
        phrases = ("what shape is {}?", "which shape do you see {}?", "what is {}?")
        yield pick(rng, phrases).format(side), alone[side].kind, alone[side]


def yes_no_questions(scene: Scene, rng: Rng) -> Asked:
    """Ask a pair: for something that is there, and for something alike that is not."""
    there = [f"{shape.color} {shape.kind}" for shape in scene]
    every = [f"{color} {kind}" for color in COLORS for kind in KINDS]
    absent = [name for name in every if name not in there]
    # Half of the absent things share a colour or a kind with what is there.
    near = [n for n in absent if any(set(n.split()) & set(name.split()) for name in there)]
    pairs = [(there, near if rng.random() < 0.5 else absent)]
    for every, part in ((list(COLORS), 0), (list(KINDS), 1)):
        seen = sorted({name.split()[part] for name in there})
        rest = [word for word in every if word not in seen]
        if rest:
            noun = "{} shape" if part == 0 else "{}"
            pairs.append(([noun.format(w) for w in seen], [noun.format(w) for w in rest]))
    phrases = ("is there a {}?", "do you see a {}?", "does the image have a {}?")
    index = 0 if rng.random() < 0.5 else int(rng.integers(1, len(pairs)))
    for names, answer in zip(pairs[index], ("yes", "no"), strict=True):
        phrase, name = pick(rng, phrases), pick(rng, names)
        fitting = [s for s in scene if set(name.split()) <= {s.color, s.kind, "shape"}]
        yield phrase.format(name), answer, fitting[0] if len(fitting) == 1 else None


QUESTIONS: dict[str, tuple[Callable[[Scene, Rng], Asked], int]] = {
    "color": (color_questions, 2),
    "shape": (shape_questions, 1),
    "count": (count_questions, 1),
    "position": (position_questions, 3),
    "yes/no": (yes_no_questions, 2),
}
"""Question type -> how to ask, and at most how often for an image."""


def ask(scene: Scene, rng: Rng) -> Iterator[tuple[str, str, str, Shape | None]]:
    """Yield (question, answer, question type, the shape asked for) for one scene."""
    for question_type, (questions, most) in QUESTIONS.items():
        asked = list(questions(scene, rng))
        for index in sorted(rng.permutation(len(asked))[:most]):
            question, answer, shape = asked[index]
            yield question, answer, question_type, shape


# --- files


Places = dict[str, dict[str, Any]]
"""What boxes.json holds."""


def write_split(
    out: Path, split: str, number: int, seed: int, seen: set[bytes], places: Places
) -> int:
    """Draw `number` images that are not in `seen`, write them and their csv; return the rows.

    What is where is added to `places`.
    """
    rng = np.random.default_rng([seed, list(SHARES).index(split)])
    rows = 0
    with (out / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for index in range(number):
            scene, image, boxes = unseen(rng, seen)
            name = f"images/{split}_{index:04d}.png"
            image.save(out / name)
            places["shapes"][name] = [
                {"kind": shape.kind, "color": shape.color, "box": box}
                for shape, box in zip(scene, boxes, strict=True)
            ]
            for k, (question, answer, question_type, shape) in enumerate(ask(scene, rng)):
                question_id = f"{split}-{index:04d}-{k:02d}"
                if shape is not None:
                    places["asked"][question_id] = scene.index(shape)
                writer.writerow((name, question, answer, question_type, question_id))
                rows += 1
    return rows


def unseen(rng: Rng, seen: set[bytes]) -> tuple[Scene, Image.Image, list[Box]]:
    """Draw until the picture is a new one, and note it in `seen`."""
    while True:
        scene = draw_scene(rng)
        image, boxes = draw(scene, rng)
        if image.tobytes() not in seen:
            seen.add(image.tobytes())
            return scene, image, boxes


def main() -> None:
    """Read the command line and draw."""
    parser = argparse.ArgumentParser(description="Draw the demo dataset: coloured shapes.")
    parser.add_argument("out", type=Path, help="folder to write; made if it does not exist")
    parser.add_argument("--images", type=int, default=1300, help="over all splits (default 1300)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.images < 20:
        parser.error(f"--images must be at least 20, got {arguments.images}")
    (arguments.out / "images").mkdir(parents=True, exist_ok=True)
    seen: set[bytes] = set()
    places: Places = {"shapes": {}, "asked": {}}
    for split, share in SHARES.items():
        number = round(arguments.images * share)
        rows = write_split(arguments.out, split, number, arguments.seed, seen, places)
        print(f"{arguments.out / split}.csv: {number} images, {rows} questions")
    text = json.dumps(places, separators=(",", ":")).replace('"images/', '\n"images/')
    (arguments.out / "boxes.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
