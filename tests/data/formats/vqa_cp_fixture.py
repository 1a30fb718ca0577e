"""VQA-CP v2 as it is published: four bare lists, images of both of COCO's folders in each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.data.formats.vqa_v1_fixture import annotation, write_json
from tests.drawing import save_image

# (image, its folder, whether the entry says the folder)
_IMAGES = {
    "train": ((9, "train2014", True), (42, "val2014", True)),
    "test": ((73, "val2014", False), (25, "train2014", False)),
}


def vqa_cp(folder: Path) -> None:
    for split, images in _IMAGES.items():
        questions, annotations = [], []
        for image_id, where, said in images:
            save_image(folder / f"{where}/COCO_{where}_{image_id:012d}.jpg")
            asked: dict[str, Any] = {"image_id": image_id, "question": "What is this?"}
            asked["question_id"] = image_id * 1000
            if said:
                asked["coco_split"] = where
            questions.append(asked)
            annotations.append(annotation(image_id * 1000, image_id, "net", *["net"] * 10))
        write_json(folder / f"vqacp_v2_{split}_questions.json", questions)
        # The annotations are in another order than the questions.
        write_json(folder / f"vqacp_v2_{split}_annotations.json", annotations[::-1])


LAYOUTS = {"vqa-cp": ("vqa-cp", vqa_cp)}
