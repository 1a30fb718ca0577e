"""A-OKVQA as it is published: bare lists; a test split without answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.data.formats.vqa_v1_fixture import write_json
from tests.data.layouts import write_text
from tests.drawing import save_image

CHOICES = ["toothpick", "food", "popsicle stick", "cigarette"]
RATIONALES = ["He's smoking while riding.", "The man has a cigarette.", "It is lit."]


def entry(split: str, image_id: int, question_id: str, **more: Any) -> dict[str, Any]:
    return {
        "split": split,
        "image_id": image_id,
        "question_id": question_id,
        "question": "What is in the motorcyclist's mouth?",
        "choices": CHOICES,
        **more,
    }


def answered(direct_answers: Any, *, difficult: bool = False) -> dict[str, Any]:
    return {
        "correct_choice_idx": 3,
        "direct_answers": direct_answers,
        "difficult_direct_answer": difficult,
        "rationales": RATIONALES,
    }


def aokvqa(folder: Path) -> None:
    for split, image_id in (("train", 299207), ("val", 461751), ("test", 1234)):
        save_image(folder / f"{split}2017/{image_id:012d}.jpg")
    smoked = ["cigarette"] * 9 + ["smoke"]
    one = entry("train", 299207, "22MexNkBPpdZGX6sxbxVBH", **answered(smoked))
    # As a copy of the dataset spells the list.
    two = entry("val", 461751, "22jbM6gDxdaMaunuzgrsBB", **answered(str(smoked), difficult=True))
    write_json(folder / "aokvqa_v1p0_train.json", [one])
    write_json(folder / "aokvqa_v1p0_val.json", [two])
    unanswered = {"difficult_direct_answer": False}
    write_json(
        folder / "aokvqa_v1p0_test.json",
        [entry("test", 1234, "2227jLaUNzErGMLXhVLEqB", **unanswered)],
    )
    write_text(folder / "large_vocab_train.csv", "cigarette\nsmoke\n")


LAYOUTS = {"a-okvqa": ("a-okvqa", aokvqa)}
