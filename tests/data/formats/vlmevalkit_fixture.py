"""VLMEvalKit's TSV: images in base64; later rows name the index of an earlier one instead."""

from __future__ import annotations

import base64
from pathlib import Path

from tests.data.layouts import write_text
from tests.drawing import image_bytes


def encoded(color: str) -> str:
    return base64.b64encode(image_bytes(color)).decode("ascii")


def vlmevalkit(folder: Path) -> None:
    rows = [
        ("index", "image", "question", "answer", "category", "split"),
        ("0", encoded("red"), "What color is it?", "red", "color", "dev"),
        ("1", "0", "Is it round?", "['yes', 'yep']", "shape", "dev"),
        ("2", encoded("blue"), '"Is it ""blue"", or not?"', "yes", "color", "test"),
    ]
    write_text(folder / "Own_VQA.tsv", "".join("\t".join(row) + "\n" for row in rows))


def vlmevalkit_choices(folder: Path) -> None:
    rows = [
        ("index", "hint", "question", "A", "B", "C", "answer", "image"),
        ("7", "", "What color is it?", "blue", "red", "", "B", encoded("red")),
        ("1000007", "look", "What color is it?", "red", "blue", "green", "A", "7"),
    ]
    write_text(folder / "choices.tsv", "".join("\t".join(row) + "\n" for row in rows))


LAYOUTS = {
    "vlmevalkit": ("vlmevalkit", vlmevalkit),
    "vlmevalkit with choices": ("vlmevalkit", vlmevalkit_choices),
}
