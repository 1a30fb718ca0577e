"""VizWiz as it is published: bare lists without ids; empty answers; a test split without any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.data.formats.vqa_v1_fixture import write_json
from tests.drawing import save_image


def people(*answers: str) -> list[dict[str, Any]]:
    return [{"answer_confidence": "yes", "answer": answer} for answer in answers]


def vizwiz(folder: Path) -> None:
    for split in ("train", "val", "test"):
        for number in range(2 if split == "train" else 1):
            save_image(folder / f"{split}/VizWiz_{split}_{number:08d}.jpg")
    train = [
        {
            "image": "VizWiz_train_00000000.jpg",
            "question": "What's the name of this product?",
            "answers": people("basil leaves", "basil leaves", "basil", *["basil leaves"] * 6, ""),
            "answer_type": "other",
            "answerable": 1,
        },
        {
            "image": "VizWiz_train_00000001.jpg",
            "question": "Can you tell me what is in this can please?",
            "answers": people(*[""] * 10),
            "answer_type": "unanswerable",
            "answerable": 0,
        },
    ]
    val = {
        "image": "VizWiz_val_00000000.jpg",
        "question": "Ok. There is another picture I hope it is a better one.",
        "answers": people(*["unanswerable"] * 9, "basil"),
        "answer_type": "unanswerable",
        "answerable": 0,
    }
    test = {"image": "VizWiz_test_00000000.jpg", "question": "Is this a green can?"}
    write_json(folder / "Annotations/train.json", train)
    write_json(folder / "Annotations/val.json", [val])
    write_json(folder / "Annotations/test.json", [test])


LAYOUTS = {"vizwiz": ("vizwiz", vizwiz)}
