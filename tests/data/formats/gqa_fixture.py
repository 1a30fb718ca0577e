"""GQA as its archives unpack: questions1.2/ and images/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.data.layouts import write_text
from tests.drawing import save_image

SKY = {
    "semantic": [
        {"operation": "select", "dependencies": [], "argument": "sky (2486325)"},
        {"operation": "verify color", "dependencies": [0], "argument": "dark"},
    ],
    "entailed": ["02930160"],
    "equivalent": ["02930152"],
    "question": "Is the sky dark?",
    "imageId": "2354786",
    "isBalanced": True,
    "groups": {"global": None, "local": "06-sky_dark"},
    "answer": "yes",
    "semanticStr": "select: sky (2486325)->verify color: dark [0]",
    "annotations": {"answer": {}, "question": {"2": "2486325"}, "fullAnswer": {"2": "2486325"}},
    "types": {"structural": "verify", "semantic": "attr", "detailed": "verifyAttr"},
    "fullAnswer": "Yes, the sky is dark.",
}
WALL = {
    "semantic": [{"operation": "select", "dependencies": [], "argument": "wall (722332)"}],
    "entailed": [],
    "equivalent": ["07333408"],
    "question": "What is on the white wall?",
    "imageId": "n161313",
    "isBalanced": True,
    "groups": {"global": "", "local": "10q-wall_on,s"},
    "answer": "pipe",
    "semanticStr": "select: wall (722332)",
    "annotations": {"answer": {"0": "722335"}, "question": {}, "fullAnswer": {}},
    "types": {"structural": "query", "semantic": "rel", "detailed": "relS"},
    "fullAnswer": "The pipe is on the wall.",
}
# The test questions say nothing but this.
UNANSWERED = {"isBalanced": True, "question": "Who is wearing a shirt?", "imageId": "n235859"}


def write_questions(path: Path, questions: dict[str, Any]) -> None:
    write_text(path, json.dumps(questions))


def gqa(folder: Path) -> None:
    """The whole archive: balanced and all of each split, train_all in parts."""
    for image in ("2354786", "n161313", "n235859"):
        save_image(folder / f"images/{image}.jpg")
    questions = folder / "questions1.2"
    write_questions(questions / "train_balanced_questions.json", {"02930152": SKY})
    for part in range(10):
        name = f"train_all_questions/train_all_questions_{part}.json"
        write_questions(questions / name, {f"0{part}": SKY})
    for size in ("all", "balanced"):
        write_questions(questions / f"val_{size}_questions.json", {"05451384": WALL})
        write_questions(questions / f"testdev_{size}_questions.json", {"20968379": SKY})
        for name in ("test", "challenge", "submission"):
            write_questions(questions / f"{name}_{size}_questions.json", {"201971873": UNANSWERED})


def gqa_parts(folder: Path) -> None:
    """The folder of the parts of train_all."""
    for image in ("2354786", "n161313"):
        save_image(folder / f"images/{image}.jpg")
    for part, question in enumerate([SKY, WALL] * 5):
        name = f"train_all_questions_{part}.json"
        write_questions(folder / "train_all_questions" / name, {f"0{part}": question})


LAYOUTS = {"gqa": ("gqa", gqa), "gqa in parts": ("gqa", gqa_parts)}
