"""VQA v1 as it is published: photos with and without choices, and abstract scenes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.data.layouts import write_text
from tests.drawing import save_image

INFO = {
    "description": "This is v1.0 of the VQA dataset.",
    "url": "http://visualqa.org",
    "version": "1.0",
    "year": 2015,
    "contributor": "VQA Team",
    "date_created": "2015-10-02 19:35:04",
}
CHOICES = (
    *("1", "green and white", "3", "white", "purple", "frisbee", "net", "racket", "yes", "2"),
    *("no", "blue", "bed", "table", "4", "red", "dog", "lens"),
)


def people(*answers: str) -> list[dict[str, Any]]:
    """Annotators' answers, numbered as the official files number them."""
    return [
        {"answer": answer, "answer_confidence": "maybe", "answer_id": number}
        for number, answer in enumerate(answers, start=1)
    ]


def annotation(question_id: int, image_id: int, best: str, *answers: str) -> dict[str, Any]:
    return {
        "question_type": "what is this",
        "multiple_choice_answer": best,
        "answers": people(*answers),
        "image_id": image_id,
        "answer_type": "other",
        "question_id": question_id,
    }


def write_json(path: Path, content: Any) -> None:
    write_text(path, json.dumps(content))


def vqa_v1(folder: Path) -> None:
    """The questions with choices are the same ones as those without; test has no annotations."""
    save_image(folder / "train2014/COCO_train2014_000000458752.jpg")
    save_image(folder / "test2015/COCO_test2015_000000000262.jpg", "blue")
    head = {"info": INFO, "data_type": "mscoco", "data_subtype": "train2014", "license": {}}
    asked = {
        "image_id": 458752,
        "question": "What is this photo taken looking through?",
        "question_id": 4587520,
    }
    write_json(
        folder / "OpenEnded_mscoco_train2014_questions.json",
        {**head, "task_type": "Open-Ended", "questions": [asked]},
    )
    write_json(
        folder / "MultipleChoice_mscoco_train2014_questions.json",
        {
            **head,
            "task_type": "Multiple-Choice",
            "num_choices": 18,
            "questions": [{**asked, "multiple_choices": CHOICES}],
        },
    )
    write_json(
        folder / "mscoco_train2014_annotations.json",
        {
            **head,
            "annotations": [annotation(4587520, 458752, "net", *["net"] * 6, *["mesh"] * 4)],
        },
    )
    write_json(
        folder / "OpenEnded_mscoco_test2015_questions.json",
        {
            **head,
            "data_subtype": "test2015",
            "task_type": "Open-Ended",
            "questions": [
                {"image_id": 262, "question": "Is the ball flying?", "question_id": 2620}
            ],
        },
    )


def abstract(folder: Path) -> None:
    """Abstract scenes: another data_type, PNG images in a folder of their own name."""
    name = "abstract_v002_train2015"
    save_image(folder / f"scene_img_{name}/{name}_000000011779.png")
    head = {"info": INFO, "data_type": "abstract_v002", "data_subtype": "train2015", "license": {}}
    asked = {"image_id": 11779, "question": "Who looks happier?", "question_id": 117790}
    write_json(
        folder / f"OpenEnded_{name}_questions.json",
        {**head, "task_type": "Open-Ended", "questions": [asked]},
    )
    write_json(
        folder / f"{name}_annotations.json",
        {**head, "annotations": [annotation(117790, 11779, "woman", *["woman"] * 10)]},
    )


LAYOUTS = {"vqa-v1": ("vqa-v1", vqa_v1), "vqa-v1 abstract": ("vqa-v1", abstract)}
