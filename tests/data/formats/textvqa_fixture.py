"""TextVQA as it is published: val's images lie among train's; a file of OCR beside each split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.data.formats.vqa_v1_fixture import write_json
from tests.drawing import save_image

ANSWERS = ["nous les gosses", "dakota", "clos culombu", "dakota digital", *["dakota"] * 6]


def textvqa(folder: Path) -> None:
    images = {"train": "0054c91397f2fe05", "val": "003a8ae2ef43b901", "test": "a6d2bcfa0ca8d1d4"}
    for number, (split, image) in enumerate(images.items()):
        where = "test_images" if split == "test" else "train_images"
        save_image(folder / f"{where}/{image}.jpg")
        entry: dict[str, Any] = {
            "question": "what is the brand of this camera?",
            "question_id": 34602 + number,
            "image_id": image,
            "question_tokens": ["what", "is", "the", "brand", "of", "this", "camera"],
            "image_classes": ["Camera", "Cassette deck"],
            "image_width": 1024,
            "image_height": 664,
            "flickr_original_url": "https://farm2.staticflickr.com/4/5566811_bc00d504a6_o.jpg",
            "flickr_300k_url": "https://farm2.staticflickr.com/4/5566811_bc00d504a6_o.jpg",
        }
        if split != "test":
            entry["answers"] = ANSWERS
        entry["set_name"] = split
        head = {"dataset_type": split, "dataset_name": "textvqa", "dataset_version": "0.5.1"}
        write_json(folder / f"TextVQA_0.5.1_{split}.json", {**head, "data": [entry]})
        read_off = {"image_id": image, "ocr_tokens": ["DAKOTA"], "ocr_info": []}
        head["dataset_version"] = "0.2"
        write_json(folder / f"TextVQA_Rosetta_OCR_v0.2_{split}.json", {**head, "data": [read_off]})


LAYOUTS = {"textvqa": ("textvqa", textvqa)}
