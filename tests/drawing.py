"""Small drawn datasets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

COLORS = {"red": (220, 30, 30), "green": (30, 170, 60), "blue": (40, 60, 220)}
SHAPES = ("circle", "square")

Row = tuple[str, str, str]
"""image, question, answer"""


def draw_shape(shape: str, color: str, *, size: int = 16, shift: int = 0) -> Image.Image:
    """One coloured shape on white; `shift` moves it by some pixels."""
    image = Image.new("RGB", (size, size), "white")
    pen = ImageDraw.Draw(image)
    box = (2 + shift, 2 + shift, size - 5 + shift, size - 5 + shift)
    draw = pen.ellipse if shape == "circle" else pen.rectangle
    draw(box, fill=COLORS[color])
    return image


def save_image(path: Path, color: str = "red", shape: str = "circle", shift: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    draw_shape(shape, color, shift=shift).save(path)
    return path


def save_noise(path: Path, size: int = 32) -> Path:
    """An image that no other looks like: its pixels are made from its name."""
    seed = int.from_bytes(path.name.encode()[-8:], "big")
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(blocks).resize((size, size), Image.Resampling.NEAREST).save(path)
    return path


def draw_shapes(folder: Path, count: int = 12) -> list[Row]:
    """Draw `count` images below `folder`, and ask three questions about each."""
    combinations = list(product(COLORS, SHAPES))
    rows: list[Row] = []
    for number in range(count):
        color, shape = combinations[number % len(combinations)]
        name = f"{number:03}.png"
        save_image(folder / name, color, shape, shift=number // len(combinations) % 3)
        rows += [
            (name, "what color is the shape?", color),
            (name, "which shape is it?", shape),
            (name, "is it red?", "yes" if color == "red" else "no"),
        ]
    return rows


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def write_shapes(folder: Path, count: int = 12) -> Path:
    """A folder with images/ and questions.csv, as a user has it."""
    rows = draw_shapes(folder / "images", count)
    write_csv(folder / "questions.csv", ("image", "question", "answer"), rows)
    return folder


def image_bytes(color: str = "red", shape: str = "circle") -> bytes:
    """The same image as a file's content, for tables that hold images."""
    stream = io.BytesIO()
    draw_shape(shape, color).save(stream, format="PNG")
    return stream.getvalue()
