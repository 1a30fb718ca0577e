"""NLVR2: the repository's JSON lines, and the images as they are unpacked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.data.layouts import write_text
from tests.drawing import draw_shape, save_image

WALKWAY = {
    "validation": {"61": "False"},
    "sentence": (
        "The right image shows a curving walkway of dark glass circles embedded in dirt and "
        "flanked by foliage."
    ),
    "left_url": "https://i.kinja-img.com/left.jpg",
    "writer": "61",
    "label": "False",
    "right_url": "https://cdn.pixabay.com/right.jpg",
    "synset": "beer bottle",
    "query": "some beer bottles38",
    "identifier": "dev-850-0-0",
    "extra_validations": {"154": "False"},
}


def line(identifier: str, label: str, **values: Any) -> dict[str, Any]:
    return {**WALKWAY, "identifier": identifier, "label": label, **values}


# In train every line says the numbered folder of its images.
TRAIN = [
    line("train-10171-0-0", "True", sentence="There are two dingoes.", directory=42),
    line("train-10171-1-0", "False", sentence="There are two dingoes.", directory=42),
    line("train-10171-0-1", "False", sentence="A dingo barks.", directory=42),
]
DEV = [WALKWAY, line("dev-850-1-0", "True")]
TEST1 = [line("test1-0-1-0", "True")]
TEST2 = [line("test2-189-0-0", "False")]


def write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    write_text(path, "".join(json.dumps(entry) + "\n" for entry in lines))


def save_pair(stem: Path) -> None:
    """The left image is a JPEG inside, whatever it is called."""
    left = stem.with_name(f"{stem.name}-img0.png")
    left.parent.mkdir(parents=True, exist_ok=True)
    draw_shape("circle", "red").save(left, "JPEG")
    save_image(stem.with_name(f"{stem.name}-img1.png"), "blue", "square")


def nlvr2(folder: Path) -> None:
    for name, lines in (("train", TRAIN), ("dev", DEV), ("test1", TEST1), ("test2", TEST2)):
        write_lines(folder / f"{name}.json", lines)
    write_lines(folder / "balanced/balanced_dev.json", DEV[:1])
    for stem in (
        *("images/train/42/train-10171-0", "images/train/42/train-10171-1"),
        *("dev/dev-850-0", "dev/dev-850-1", "test1/test1-0-1", "test2/test2-189-0"),
    ):
        save_pair(folder / stem)


LAYOUTS = {"nlvr2": ("nlvr2", nlvr2)}
