"""Hugging Face's imagefolder: a metadata file beside the images, for all or for each split."""

from __future__ import annotations

import json
from pathlib import Path

from tests.data.layouts import write_text
from tests.drawing import save_image


def imagefolder(folder: Path) -> None:
    save_image(folder / "0001.png")
    save_image(folder / "more/0002.png")
    rows = [
        {"file_name": "0001.png", "question": "What color is it?", "answer": "red"},
        {"file_name": "more/0002.png", "question": "Is it round?", "answer": "yes"},
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    write_text(folder / "metadata.jsonl", lines)


def imagefolder_splits(folder: Path) -> None:
    for split in ("train", "validation", "test"):
        save_image(folder / f"data/{split}/a.png")
    header = "file_name,question,answer\n"
    write_text(folder / "data/train/metadata.csv", f"{header}a.png,What color is it?,red\n")
    write_text(folder / "data/validation/metadata.csv", f"{header}a.png,Is it red?,yes\n")
    write_text(folder / "data/test/metadata.csv", "file_name,question\na.png,Is it blue?\n")


LAYOUTS = {
    "imagefolder": ("imagefolder", imagefolder),
    "imagefolder with splits": ("imagefolder", imagefolder_splits),
}
