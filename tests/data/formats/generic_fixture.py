"""Tables as the field passes them on: those of Hugging Face's hub, of ViLT, Ludwig and others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.data.layouts import write_text
from tests.drawing import image_bytes, save_image

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def embedded(color: str, path: str | None = None) -> dict[str, Any]:
    return {"bytes": image_bytes(color), "path": path}


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


def hub_parquet(folder: Path) -> None:
    """flaviagiammarino/path-vqa and its like: parts of splits in data/, images in the table."""
    what, shape = "What color is it?", "Is it round?"
    for number, color in enumerate(("red", "blue")):
        row = {"image": embedded(color), "question": what, "answer": color}
        write_parquet(folder / f"data/train-0000{number}-of-00002-d41d8cd98f00b204.parquet", [row])
    row = {"image": embedded("red", "red.png"), "question": shape, "answer": "yes"}
    write_parquet(folder / "data/validation-00000-of-00001.parquet", [row])
    write_text(folder / "README.md", "---\n")


def plain_bytes(folder: Path) -> None:
    """An image column of plain bytes."""
    row = {"image": image_bytes("red"), "question": "What?", "answers": ["red", "crimson"]}
    write_parquet(folder / "rows.parquet", [row])


def vqa_v2_on_the_hub(folder: Path) -> None:
    answers = [
        {"answer": answer, "answer_confidence": "yes", "answer_id": number}
        for number, answer in enumerate(["net", "net", "netting"], start=1)
    ]
    row = {
        "question_type": "what is this",
        "multiple_choice_answer": "net",
        "answers": answers,
        "image_id": 458752,
        "answer_type": "other",
        "question_id": 458752000,
        "question": "What is this photo taken looking through?",
        "image": embedded("red"),
    }
    write_parquet(folder / "data/validation-00000-of-00001.parquet", [row])


def aokvqa_on_the_hub(folder: Path) -> None:
    """HuggingFaceM4/A-OKVQA: the direct answers are one string."""
    row = {
        "image": embedded("red"),
        "question_id": "22jbM6gDxdaMaunuzgrsBB",
        "question": "What is in the motorcyclist's mouth?",
        "choices": ["toothpick", "food", "popsicle stick", "cigarette"],
        "correct_choice_idx": 3,
        "direct_answers": "['cigarette', 'cigarette', \"smoker's pipe\"]",
        "difficult_direct_answer": False,
        "rationales": ["He's smoking while riding."],
    }
    asked = {**row, "correct_choice_idx": None, "direct_answers": None, "rationales": []}
    write_parquet(folder / "data/train-00000-of-00001.parquet", [row])
    write_parquet(folder / "data/test-00000-of-00001.parquet", [asked])


def vilt(folder: Path) -> None:
    """Graphcore/vqa: soft scores of answers, the image's path as image_id."""
    save_image(folder / "val2014/COCO_val2014_000000262148.jpg")
    cache = "/root/.cache/huggingface/datasets/downloads/extracted/ca733e0e000fb2d7a09fbcc94dbfe7b5"
    row = {
        "question": "Where is he looking?",
        "question_type": "none of the above",
        "question_id": 262148000,
        "image_id": f"{cache}/val2014/COCO_val2014_000000262148.jpg",
        "answer_type": "other",
        "label": {
            "ids": ["at table", "down", "skateboard", "table"],
            "weights": [0.30000001192092896, 1.0, 0.30000001192092896, 0.30000001192092896],
        },
    }
    write_text(folder / "questions.jsonl", json.dumps(row) + "\n")


def cauldron(folder: Path) -> None:
    turns = [
        {"user": "What color is it?", "assistant": "Red.", "source": "VQAv2"},
        {"user": "Is it round?", "assistant": "Yes.", "source": "VQAv2"},
    ]
    row = {"images": [embedded("red")], "texts": turns}
    write_parquet(folder / "vqav2/train-00000-of-00001-2ce340398c113b79.parquet", [row])


def ludwig(folder: Path) -> None:
    save_image(folder / "pictures/a.png")
    text = "\ufeffimage_path,question,answer\r\npictures/a.png,what color?,red\r\n"
    write_text(folder / "vqa.csv", text)


LAYOUTS = {
    "parquet on the hub": ("generic", hub_parquet),
    "parquet with bytes": ("generic", plain_bytes),
    "vqa-v2 on the hub": ("generic", vqa_v2_on_the_hub),
    "aokvqa on the hub": ("generic", aokvqa_on_the_hub),
    "vilt": ("generic", vilt),
    "the cauldron": ("generic", cauldron),
    "ludwig csv": ("generic", ludwig),
}
