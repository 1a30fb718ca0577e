"""Visual7W: the telling task, and the pointing task that is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.data.layouts import write_text
from tests.drawing import save_image

IMAGES: list[dict[str, Any]] = [
    {
        "image_id": 1,
        "filename": "v7w_1.jpg",
        "split": "train",
        "qa_pairs": [
            {
                "qa_id": 1,
                "image_id": 1,
                "question": "What is on the sidewalk's edge?",
                "multiple_choices": ["Grass.", "Fire hydrant.", "Sign."],
                "answer": "Lamp post and lamp.",
                "type": "what",
            },
            {
                "qa_id": 2,
                "image_id": 1,
                "question": "How many cars are there?",
                "multiple_choices": ["2.", "3.", "0."],
                "answer": "1.",
                "type": "how",
            },
        ],
    },
    {"image_id": 2, "filename": "v7w_2.jpg", "split": "val", "qa_pairs": []},
    {
        "image_id": 3,
        "filename": "v7w_3.jpg",
        "split": "test",
        "qa_pairs": [
            {
                "qa_id": 9,
                "image_id": 3,
                "question": "Where was this taken?",
                "multiple_choices": ["At a lake.", "In a city.", "At home."],
                "answer": "At a zoo.",
                "type": "where",
            }
        ],
    },
]
POINTING: dict[str, Any] = {
    "dataset": "v7w_pointing",
    "boxes": [{"box_id": 1, "x": 0, "y": 0, "width": 9, "height": 9, "name": "dog"}],
    "images": [
        {
            "image_id": 1,
            "filename": "v7w_1.jpg",
            "split": "train",
            "qa_pairs": [
                {
                    "qa_id": 700,
                    "image_id": 1,
                    "question": "Which animal barks?",
                    "multiple_choices": [2, 3, 4],
                    "answer": 1,
                    "type": "which",
                }
            ],
        }
    ],
}


def write_telling(path: Path, images: list[Any]) -> None:
    write_text(path, json.dumps({"dataset": "v7w_telling", "images": images}))


def visual7w(folder: Path) -> None:
    for number in (1, 2, 3):
        save_image(folder / f"images/v7w_{number}.jpg")
    write_telling(folder / "dataset_v7w_telling.json", IMAGES)


LAYOUTS = {"visual7w": ("visual7w", visual7w)}
