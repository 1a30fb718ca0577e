"""VQA-RAD as OSF has it, with all that is irregular in it, and MEVF's trainset and testset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.data.layouts import write_text
from tests.drawing import save_image

PUBLIC = "VQA_RAD Dataset Public.json"
INFARCTED = {
    "qid": "0",
    "phrase_type": "freeform",
    "qid_linked_id": "03f451ca-de62-4617-9679-e836026a7642",
    "image_case_url": "https://medpix.nlm.nih.gov/case?id=48e1dd0e-8552-46ad-a354-5eb55be86de6",
    "image_name": "synpic54610.jpg",
    "image_organ": "HEAD",
    "evaluation": "not evaluated",
    "question": "Are regions of the brain infarcted?",
    "question_rephrase": "NULL",
    "question_relation": "NULL",
    "question_frame": "NULL",
    "question_type": "PRES",
    "answer": "Yes",
    "answer_type": "CLOSED",
}


def row(qid: int, **values: Any) -> dict[str, Any]:
    """All ids but the first are numbers."""
    return {**INFARCTED, "qid": qid, **values}


ROWS = [
    INFARCTED,
    row(
        1,
        phrase_type="para",
        image_name="synpic29265.jpg",
        image_organ="CHEST",
        question="How many lesions are seen?",
        question_type="COUNT",
        answer=4,
        answer_type="OPEN",
    ),
    row(2, phrase_type="test_freeform", answer_type="CLOSED "),
    row(
        3,
        phrase_type="test_para",
        image_name="synpic29265.jpg",
        image_organ="NULL",
        question="Where is the mass?",
        question_type="POS, PRES",
        answer=" left lung",
        answer_type="OPEN",
    ),
    row(4, question_type="ATRIB"),
    row(5, question_type="Other"),
    row(6, question_type="NULL", bbox=[64, 221, 237, 392]),
]


def _images(folder: Path) -> None:
    save_image(folder / "synpic54610.jpg")
    save_image(folder / "synpic29265.jpg", "blue")


def vqa_rad(folder: Path) -> None:
    _images(folder / "VQA_RAD Image Folder")
    write_text(folder / PUBLIC, json.dumps(ROWS))


def vqa_rad_mevf(folder: Path) -> None:
    _images(folder / "images")
    write_text(folder / "trainset.json", json.dumps(ROWS[:2]))
    write_text(folder / "testset.json", json.dumps(ROWS[2:4]))


LAYOUTS = {"vqa-rad": ("vqa-rad", vqa_rad), "vqa-rad of MEVF": ("vqa-rad", vqa_rad_mevf)}
