"""PathVQA as its archive has it: pickles by split, images without an ending in their names."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from tests.drawing import save_image

IMAGES = ("train_0422", "val_0261", "test_0001")
QA: dict[str, list[dict[str, Any]]] = {
    "train": [
        {
            "image": "train_0422",
            "question": "Where are liver stem cells (oval cells) located?",
            "answer": "in the canals of hering",
        },
        {"image": "train_0422", "question": "Is this stained?", "answer": "yes"},
    ],
    "val": [
        {
            "image": "val_0261",
            "question": "What have lost their nuclei?",
            "answer": "neutrophils",
        }
    ],
    "test": [{"image": "test_0001", "question": "What is present?", "answer": "abdomen"}],
}
VQA: dict[str, list[dict[str, Any]]] = {
    "train": [
        {
            "answer_type": "other",
            "img_id": "train_0422",
            "label": {"in the canals of hering": 1},
            "question_id": 100422000,
            "question_type": "where",
            "sent": "Where are liver stem cells (oval cells) located?",
        },
        {
            "answer_type": "yes/no",
            "img_id": "train_0422",
            "label": {"no": 0.3, "yes": 1},
            "question_id": 100422001,
            "question_type": "is",
            "sent": "Is this stained?",
        },
    ],
    "val": [
        {
            "answer_type": "other",
            "img_id": "val_0261",
            "label": {0: 1.0},
            "question_id": 200261000,
            "question_type": "what",
            "sent": "What have lost their nuclei?",
        }
    ],
}


def write_pickle(path: Path, value: Any, protocol: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return path


def _images(folder: Path) -> None:
    for name in IMAGES:
        save_image(folder / "images" / name.split("_")[0] / f"{name}.jpg")


def pathvqa(folder: Path) -> None:
    _images(folder / "split")
    for split, entries in QA.items():
        write_pickle(folder / f"split/qas/{split}/{split}_qa.pkl", entries)
    for split, entries in VQA.items():
        write_pickle(folder / f"split/qas/{split}_vqa.pkl", entries)


def pathvqa_labels(folder: Path) -> None:
    """The files with labels alone; val's are places in the list of answers."""
    _images(folder / "pvqa")
    for split, entries in VQA.items():
        write_pickle(folder / f"pvqa/qas/{split}_vqa.pkl", entries, protocol=2)
    write_pickle(folder / "pvqa/qas/trainval_label2ans.pkl", ["neutrophils", "yes", "no"])
    write_pickle(folder / "pvqa/qas/trainval_ans2label.pkl", {"neutrophils": 0, "yes": 1, "no": 2})


LAYOUTS = {
    "pathvqa": ("pathvqa", pathvqa),
    "pathvqa with labels alone": ("pathvqa", pathvqa_labels),
}
