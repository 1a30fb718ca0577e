"""COCO-QA: line-aligned text files, and COCO's images from either of its folders."""

from __future__ import annotations

from pathlib import Path

from tests.data.layouts import write_text
from tests.drawing import save_image

COLUMNS = {
    "train": {
        "questions.txt": "what is next to the building\nhow many cats are there\n",
        "answers.txt": "truck\ntwo\n",
        "img_ids.txt": "458752\n42\n",
        "types.txt": "0\n1\n",
    },
    "test": {
        "questions.txt": "what is the color of the bus\nwhere is the cat lying\n",
        "answers.txt": "red\nsink\n",
        "img_ids.txt": "262148\n42\n",
        "types.txt": "2\n3\n",
    },
}


def write_cocoqa(folder: Path, columns: dict[str, str]) -> None:
    for name, text in columns.items():
        write_text(folder / name, text)


def cocoqa(folder: Path) -> None:
    for split, columns in COLUMNS.items():
        write_cocoqa(folder / split, columns)
    save_image(folder / "train2014/COCO_train2014_000000458752.jpg")
    save_image(folder / "val2014/COCO_val2014_000000000042.jpg")
    save_image(folder / "val2014/COCO_val2014_000000262148.jpg")


LAYOUTS = {"cocoqa": ("cocoqa", cocoqa)}
