"""DAQUAR's reduced set of 37 classes, in the folders of the repository that carries it."""

from __future__ import annotations

from pathlib import Path

from tests.data.layouts import write_text
from tests.drawing import save_image


def daquar_reduced(folder: Path) -> None:
    write_text(
        folder / "reduced/qa.37.raw.train.txt",
        "what is in front of the white board or in front of the door in the image5 ?\n"
        "table, chair\n"
        "what is on the floor of the image383 ?\n"
        "floor_mat\n",
    )
    write_text(
        folder / "reduced/qa.37.raw.test.txt",
        "how many chairs are there in this image7 ?\r\n2\r\n",
    )
    for number in (5, 7, 383):
        save_image(folder / f"nyu_depth_images/image{number}.png")


LAYOUTS = {"daquar reduced": ("daquar", daquar_reduced)}
