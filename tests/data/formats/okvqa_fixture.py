"""OK-VQA as it is published: by the names of VQA v1, with a raw_answer beside each answer."""

from __future__ import annotations

from pathlib import Path

from tests.data.formats.vqa_v1_fixture import write_json
from tests.drawing import save_image

_ANSWERS = (("race", "racing"),) * 6 + (("motocross", "motocross"),) * 4


def okvqa(folder: Path) -> None:
    for split, image_id in (("train2014", 51606), ("val2014", 297147)):
        save_image(folder / f"{split}/COCO_{split}_{image_id:012d}.jpg")
        head = {
            "info": {"description": "This is the OK-VQA dataset."},
            "license": {},
            "data_type": "mscoco",
            "data_subtype": split,
        }
        asked = {
            "image_id": image_id,
            "question": "What sport can you use this for?",
            "question_id": image_id * 10 + 5,
        }
        answers = [
            {"answer_id": n, "raw_answer": raw, "answer_confidence": "yes", "answer": answer}
            for n, (answer, raw) in enumerate(_ANSWERS, start=1)
        ]
        annotation = {
            "image_id": image_id,
            "answer_type": "other",
            "question_type": "four",
            "question_id": asked["question_id"],
            "answers": answers,
            "confidence": 3,
        }
        write_json(
            folder / f"OpenEnded_mscoco_{split}_questions.json",
            {**head, "task_type": "Open-Ended", "questions": [asked]},
        )
        types = {"four": "Sports and Recreation", "other": "Other"}
        write_json(
            folder / f"mscoco_{split}_annotations.json",
            {**head, "question_types": types, "annotations": [annotation]},
        )


LAYOUTS = {"ok-vqa": ("ok-vqa", okvqa)}
