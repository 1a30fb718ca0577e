"""ViVQA's csv files, whose first column has no name; images of COCO 2014 in either folder."""

from __future__ import annotations

from pathlib import Path

from tests.data.layouts import write_text
from tests.drawing import save_image

HEADER = ",question,answer,img_id,type\n"


def vivqa(folder: Path) -> None:
    write_text(
        folder / "train.csv",
        f"{HEADER}0,màu của chiếc bình là gì,màu xanh lá,68857,2\n"
        '1,"có bao nhiêu con ngựa, trong ảnh",hai,557067,1\n',
    )
    write_text(folder / "test.csv", f"{HEADER}0,màu của miếng vá là gì,màu xanh dương,557067,2\n")
    save_image(folder / "train2014/COCO_train2014_000000557067.jpg")
    save_image(folder / "val2014/COCO_val2014_000000068857.jpg")


def vivqa_alone(folder: Path) -> None:
    """Like it, but without the nameless column, and with images as COCO 2017 names them."""
    write_text(
        folder / "questions.csv",
        "\ufeffquestion,answer,img_id,type\r\ncái gì ở trên bàn,con mèo,42,0\r\n",
    )
    save_image(folder / "images/000000000042.jpg")


LAYOUTS = {"vivqa": ("vivqa", vivqa), "vivqa in one file": ("vivqa", vivqa_alone)}
