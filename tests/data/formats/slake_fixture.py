"""SLAKE as its archive unpacks, beside each image alone, and as a re-nested copy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.data.layouts import write_text
from tests.drawing import save_image

MODALITY = {
    "img_id": 1,
    "img_name": "xmlab1/source.jpg",
    "question": "What modality is used to take this image?",
    "answer": "MRI",
    "q_lang": "en",
    "location": "Abdomen",
    "modality": "MRI",
    "answer_type": "OPEN",
    "base_type": "vqa",
    "triple": ["vhead", "_", "_"],
    "qid": 0,
    "content_type": "Modality",
}
CHINESE = {
    **MODALITY,
    "question": "图中有肝脏吗?",
    "answer": "有",
    "q_lang": "zh",
    "answer_type": "CLOSED",
    "qid": 7,
    "content_type": "Organ",
}


def row(image: int, source: dict[str, Any] = MODALITY, **values: Any) -> dict[str, Any]:
    return {**source, "img_id": image, "img_name": f"xmlab{image}/source.jpg", **values}


def without(source: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in source.items() if key not in keys}


def write_rows(path: Path, rows: list[Any]) -> None:
    write_text(path, json.dumps(rows, ensure_ascii=False))


def _images(folder: Path) -> None:
    """Beside each image lie other files, its questions among them; they have no qid there."""
    for image, color in ((1, "red"), (2, "green"), (3, "blue")):
        place = folder / f"imgs/xmlab{image}"
        save_image(place / "source.jpg", color)
        save_image(place / "mask.png", color, "square")
        write_text(place / "detection.json", json.dumps([{"Liver": [1.0, 2.0, 3.0, 4.0]}]))
        rows = [
            without(row(image), "qid"),
            without(row(image, CHINESE), "qid", "content_type"),
        ]
        write_rows(place / "question.json", rows)


def slake(folder: Path) -> None:
    _images(folder)
    write_rows(folder / "train.json", [MODALITY, CHINESE])
    write_rows(folder / "validate.json", [row(2, qid=1)])
    write_rows(folder / "test.json", [row(3, qid=2, answer_type="CLOSED ")])
    write_text(folder / "KG/en_disease.csv", "disease#attribute#value\n")
    write_text(folder / "mask.txt", "1:Liver\n")


def slake_hf(folder: Path) -> None:
    """The copy on the hub calls validation differently."""
    slake(folder)
    (folder / "validate.json").rename(folder / "validation.json")


def slake_images(folder: Path) -> None:
    _images(folder / "Slake")


def slake_nested(folder: Path) -> None:
    """A re-nested copy under the same names: it has left out most of what was said."""
    _images(folder)
    for image, name in ((1, "train"), (2, "validate"), (3, "test")):
        questions = [
            {
                "question": "What modality is used to take this image?",
                "answer": "MRI",
                "answer_type": "OPEN",
                "caption": "",
                "bbox": None,
            },
            {
                "question": "图中有肝脏吗?",
                "answer": "有",
                "answer_type": "CLOSED",
                "caption": "",
                "bbox": [-16.0, 13.0, 82.0, 121.0],
            },
        ]
        nested = {"image_id": f"xmlab{image}/source.jpg", "questions": questions}
        write_rows(folder / f"{name}.json", [nested])


LAYOUTS = {
    "slake": ("slake", slake),
    "slake of Hugging Face": ("slake", slake_hf),
    "slake beside its images": ("slake", slake_images),
    "slake nested": ("slake", slake_nested),
}
