"""Tiny datasets in every layout that can be read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.drawing import save_image, write_csv, write_shapes

COLUMNS = ("image", "question", "answer")


def write_text(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def generic_csv(folder: Path) -> None:
    write_shapes(folder)


def generic_tsv(folder: Path) -> None:
    save_image(folder / "images/a.png")
    write_text(folder / "questions.tsv", "image\tquestion\tanswer\na.png\twhat color?\tred\n")


def generic_jsonl(folder: Path) -> None:
    save_image(folder / "images/a.png")
    row = {"image": "a.png", "question": "what color?", "answers": ["red", "crimson"]}
    write_text(folder / "questions.jsonl", json.dumps(row) + "\n")


def generic_parquet(folder: Path) -> None:
    save_image(folder / "images/a.png")
    table = {"image": ["a.png"], "question": ["what color?"], "answers": [["red"]]}
    pq.write_table(pa.table(table), folder / "questions.parquet")


def generic_splits(folder: Path) -> None:
    for split in ("train", "val", "test"):
        save_image(folder / f"images/{split}.png")
        write_csv(folder / f"{split}.csv", COLUMNS, [(f"{split}.png", "what color?", "red")])


def easy_vqa(folder: Path) -> None:
    for split in ("train", "test"):
        save_image(folder / split / "images/0.png")
        entries = [["what is the red shape?", "circle", 0], ["is it red?", "yes", 0]]
        write_text(folder / split / "questions.json", json.dumps(entries))
    write_text(folder / "answers.txt", "circle\nyes\n")


def _daquar_images(folder: Path) -> None:
    for number in (1, 2):
        save_image(folder / f"images/image{number}.jpg")


def daquar(folder: Path) -> None:
    _daquar_images(folder)
    write_text(
        folder / "qa.894.raw.train.txt",
        "what is on the table in the image1 ?\ntable, chair\n"
        "what is red of the image1 ?\nfloor_mat\n",
    )
    write_text(folder / "qa.894.raw.test.txt", "what is on the floor image2 ?\nfloor_mat, lamp\n")


def daquar_lists(folder: Path) -> None:
    _daquar_images(folder)
    write_text(
        folder / "all_qa_pairs.txt",
        "what is on the table in the image1 ?\r\nlamp\r\nwhat is red in the image2 ?\r\nlamp\r\n",
    )
    write_text(folder / "train_images_list.txt", "image1")
    write_text(folder / "test_images_list.txt", "image2\n")


def daquar_csv(folder: Path) -> None:
    _daquar_images(folder)
    header = ("question", "answer", "image_id")
    rows = [("what is on the table", "table, chair", "image1"), ("what is red", "lamp", "image2")]
    write_csv(folder / "data_train.csv", header, rows)
    write_csv(folder / "data_eval.csv", header, [("what is there", "lamp", "image1")])


def vqa_v2(folder: Path) -> None:
    for split, image_id in (("train2014", 458752), ("val2014", 42)):
        save_image(folder / f"{split}/COCO_{split}_{image_id:012d}.jpg")
        write_vqa_v2(folder, split, image_id)


def write_vqa_v2(folder: Path, subtype: str, image_id: int, answered: bool = True) -> None:
    ids = {"image_id": image_id, "question_id": image_id * 1000}
    head = {"info": {}, "license": {}, "data_type": "mscoco", "data_subtype": subtype}
    question = {**ids, "question": "What is this photo taken looking through?"}
    answers = [
        {"answer": answer, "answer_confidence": "maybe", "answer_id": number}
        for number, answer in enumerate(["net"] * 7 + ["netting"] * 3, start=1)
    ]
    annotation = {
        "question_type": "what is this",
        "multiple_choice_answer": "net",
        "answers": answers,
        **ids,
        "answer_type": "other",
    }
    content = json.dumps({**head, "task_type": "Open-Ended", "questions": [question]})
    write_text(folder / f"v2_OpenEnded_mscoco_{subtype}_questions.json", content)
    if answered:
        content = json.dumps({**head, "annotations": [annotation]})
        write_text(folder / f"v2_mscoco_{subtype}_annotations.json", content)


LAYOUTS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "generic csv": ("generic", generic_csv),
    "generic tsv": ("generic", generic_tsv),
    "generic jsonl": ("generic", generic_jsonl),
    "generic parquet": ("generic", generic_parquet),
    "generic splits": ("generic", generic_splits),
    "easy-vqa": ("easy-vqa", easy_vqa),
    "daquar": ("daquar", daquar),
    "daquar with image lists": ("daquar", daquar_lists),
    "daquar-csv": ("daquar-csv", daquar_csv),
    "vqa-v2": ("vqa-v2", vqa_v2),
}
"""What each is called in a test, and its layout's name."""
