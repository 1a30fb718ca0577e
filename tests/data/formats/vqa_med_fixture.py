"""VQA-Med 2019 as its three archives unpack; the reference answers are official ones."""

from __future__ import annotations

from pathlib import Path

from tests.data.layouts import write_text
from tests.drawing import save_image

TRAIN, VAL, TEST = (
    "ImageClef-2019-VQA-Med-Training",
    "ImageClef-2019-VQA-Med-Validation",
    "VQAMed2019Test",
)
REFERENCE = f"{TEST}/VQAMed2019_Test_Questions_w_Ref_Answers.txt"


def _images(folder: Path, *names: str) -> None:
    for name in names:
        save_image(folder / f"{name}.jpg")


def vqa_med(folder: Path) -> None:
    _images(folder / TRAIN / "Train_images", "synpic41148", "synpic43984")
    write_text(
        folder / TRAIN / "All_QA_Pairs_train.txt",
        "synpic41148|what kind of image is this?|cta - ct angiography\n"
        "synpic41148|is this a contrast or noncontrast ct?|ct w/contrast (iv)\n"
        "synpic43984|is this a normal image?|no\n"
        "\n",
    )
    write_text(
        folder / TRAIN / "QAPairsByCategory/C1_Modality_train.txt",
        "synpic41148|what kind of image is this?|cta - ct angiography\n",
    )
    write_text(
        folder / TRAIN / "QAPairsByCategory/C4_Abnormality_train.txt",
        "synpic43984|is this a normal image?|no\n",
    )
    write_text(folder / TRAIN / "train_ImageIDs.txt", "synpic41148\nsynpic43984\n")
    _images(folder / VAL / "Val_images", "synpic28180")
    write_text(
        folder / VAL / "All_QA_Pairs_val.txt", "synpic28180|in which plane is the mri?|axial\r\n"
    )
    _images(folder / TEST / "VQAMed2019_Test_Images", "synpic54082", "synpic54143", "synpic35171")
    write_text(
        folder / REFERENCE,
        "synpic54082|modality|what modality is shown?|cta - ct angiography\n"
        "synpic54143|abnormality|what is the primary abnormality in this image?|"
        "anaplastic oligodendroglioma#multi-cystic complex mass#neoplasm\n"
        "synpic35171|abnormality|what is abnormal in the ct scan?|"
        "(angioinvasive aspergillosis with) septic cerebral emboli\n",
    )
    write_text(
        folder / TEST / "VQAMed2019_Test_Questions.txt",
        "synpic54082|what modality is shown?\n",
    )


def vqa_med_categories(folder: Path) -> None:
    """The files by category alone, and the test without its answers."""
    _images(folder / "Train_images", "synpic41148")
    write_text(
        folder / "QAPairsByCategory/C3_Organ_train.txt",
        "synpic41148|what organ system is imaged?|spine and contents\n",
    )
    _images(folder / "VQAMed2019_Test_Images", "synpic54082")
    write_text(folder / "VQAMed2019_Test_Questions.txt", "synpic54082|what modality is shown?\n")


LAYOUTS = {
    "vqa-med": ("vqa-med", vqa_med),
    "vqa-med by category": ("vqa-med", vqa_med_categories),
}
