"""CLEVR as released, and as clevr-dataset-gen writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.data.layouts import write_text
from tests.drawing import save_image

INFO = {
    "date": "2/14/2017",
    "license": "Creative Commons Attribution (CC BY 4.0)",
    "version": "1.0",
}


def question(split: str, number: int, **values: Any) -> dict[str, Any]:
    """A question of the release."""
    return {
        "question_index": number,
        "question_family_index": 2,
        "image_index": 0,
        "image_filename": f"CLEVR_{split}_000000.png",
        "split": split,
        "question": "Are there more big green things than large purple shiny cubes?",
        "answer": "yes",
        "program": [
            {"function": "scene", "inputs": [], "value_inputs": []},
            {"function": "filter_size", "inputs": [0], "value_inputs": ["large"]},
            {"function": "count", "inputs": [1], "value_inputs": []},
            {"function": "greater_than", "inputs": [2, 2], "value_inputs": []},
        ],
        **values,
    }


def write_clevr(path: Path, split: str, questions: list[dict[str, Any]]) -> None:
    content = {"info": {"split": split, **INFO}, "questions": questions}
    write_text(path, json.dumps(content))


def clevr(folder: Path) -> None:
    count = {
        "question": "What number of cubes are there?",
        "answer": "0",
        "program": [
            {"function": "scene", "inputs": [], "value_inputs": []},
            {"function": "count", "inputs": [0], "value_inputs": []},
        ],
    }
    top = folder / "CLEVR_v1.0"
    asked = {
        "train": [question("train", 0), question("train", 1, **count)],
        "val": [question("val", 0)],
        "test": [{k: v for k, v in question("test", 0).items() if k not in ("answer", "program")}],
    }
    for split, questions in asked.items():
        save_image(top / f"images/{split}/CLEVR_{split}_000000.png")
        write_clevr(top / f"questions/CLEVR_{split}_questions.json", split, questions)
        scenes = {"info": {"split": split, **INFO}, "scenes": [{"image_index": 0, "objects": []}]}
        write_text(top / f"scenes/CLEVR_{split}_scenes.json", json.dumps(scenes))


def clevr_generated(folder: Path) -> None:
    """Straight from the generator: other words in the programs, answers that are no texts."""
    save_image(folder / "images/CLEVR_new_000000.png")
    shared = {
        "split": "new",
        "image_filename": "CLEVR_new_000000.png",
        "image_index": 0,
        "image": "CLEVR_new_000000",
        "template_filename": "zero_hop.json",
        "question_family_index": 0,
    }
    scene = {"type": "scene", "inputs": []}
    red = {"type": "filter_color", "inputs": [0], "side_inputs": ["red"]}
    asked: list[tuple[str, str, Any]] = [
        ("Are there any red things?", "exist", True),
        ("Is there a blue thing?", "exist", False),
        ("How many red things are there?", "count", 3),
        ("What is the shape of the red thing?", "query_shape", "cube"),
    ]
    questions = [
        {
            **shared,
            "question": text,
            "program": [scene, red, {"type": last, "inputs": [1]}],
            "answer": answer,
            "question_index": number,
        }
        for number, (text, last, answer) in enumerate(asked)
    ]
    write_clevr(folder / "CLEVR_questions.json", "new", questions)


def clevr_cogent(folder: Path) -> None:
    top = folder / "CLEVR_CoGenT_v1.0"
    for split in ("trainA", "valA", "valB"):
        save_image(top / f"images/{split}/CLEVR_{split}_000000.png")
        write_clevr(top / f"questions/CLEVR_{split}_questions.json", split, [question(split, 0)])


LAYOUTS = {
    "clevr": ("clevr", clevr),
    "clevr as generated": ("clevr", clevr_generated),
    "clevr cogent": ("clevr", clevr_cogent),
}
