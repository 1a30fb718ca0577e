from pathlib import Path

import pytest

from tests.data.formats.reading import found_image, read
from tests.data.formats.vqa_med_fixture import REFERENCE, vqa_med, vqa_med_categories
from tests.data.layouts import write_text
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError


def test_pairs_and_reference_become_examples(tmp_path: Path) -> None:
    vqa_med(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="synpic41148",
            question="what kind of image is this?",
            answers=("cta - ct angiography",),
            question_id="All_QA_Pairs_train-1",
            split="train",
            question_type="modality",
        ),
        Example(
            image="synpic41148",
            question="is this a contrast or noncontrast ct?",
            answers=("ct w/contrast (iv)",),
            question_id="All_QA_Pairs_train-2",
            split="train",
        ),
        Example(
            image="synpic43984",
            question="is this a normal image?",
            answers=("no",),
            question_id="All_QA_Pairs_train-3",
            split="train",
            question_type="abnormality",
        ),
        Example(
            image="synpic28180",
            question="in which plane is the mri?",
            answers=("axial",),
            question_id="All_QA_Pairs_val-1",
            split="val",
        ),
        Example(
            image="synpic54082",
            question="what modality is shown?",
            answers=("cta - ct angiography",),
            question_id="synpic54082",
            split="test",
            question_type="modality",
        ),
        Example(
            image="synpic54143",
            question="what is the primary abnormality in this image?",
            answers=("anaplastic oligodendroglioma", "multi-cystic complex mass", "neoplasm"),
            question_id="synpic54143",
            split="test",
            question_type="abnormality",
        ),
        Example(
            image="synpic35171",
            question="what is abnormal in the ct scan?",
            answers=(
                "(angioinvasive aspergillosis with) septic cerebral emboli",
                "septic cerebral emboli",
            ),
            question_id="synpic35171",
            split="test",
            question_type="abnormality",
        ),
    ]
    assert [found_image(tmp_path, name) for name in ("synpic41148", "synpic54082")] == [
        "ImageClef-2019-VQA-Med-Training/Train_images/synpic41148.jpg",
        "VQAMed2019Test/VQAMed2019_Test_Images/synpic54082.jpg",
    ]


def test_files_by_category_and_a_test_without_answers(tmp_path: Path) -> None:
    vqa_med_categories(tmp_path)
    examples, problems = read(tmp_path)
    assert problems == []
    assert examples == [
        Example(
            image="synpic41148",
            question="what organ system is imaged?",
            answers=("spine and contents",),
            question_id="C3_Organ_train-1",
            split="train",
            question_type="organ",
        ),
        Example(
            image="synpic54082",
            question="what modality is shown?",
            answers=(),
            question_id="synpic54082",
            split="test",
        ),
    ]
    assert found_image(tmp_path, "synpic41148") == "Train_images/synpic41148.jpg"


@pytest.mark.parametrize(
    ("written", "answers"),
    [
        ("dermoid tumor (inclusion cyst) of cns", "dermoid tumor of cns"),
        ("gastric volvulus (organoaxial)", "gastric volvulus"),
        ("(staging burkitt) lymphoma", "lymphoma"),
    ],
)
def test_brackets_of_the_reference_are_optional(written: str, answers: str, tmp_path: Path) -> None:
    write_text(tmp_path / REFERENCE, f"synpic1|abnormality|what is it?|{written}#mass#mass\n")
    (example,) = read(tmp_path)[0]
    assert example.answers == (written, answers, "mass")


def test_lines_of_another_kind_are_counted(tmp_path: Path) -> None:
    write_text(tmp_path / "All_QA_Pairs_train.txt", "a|what?|x\na|what?\na|b|what?|x\n")
    examples, problems = read(tmp_path)
    assert len(examples) == 1
    assert problems == [
        (
            "line of All_QA_Pairs_train.txt that is not image|question|answer: 2 rows, "
            "e.g. line 2: 'a|what?', line 3: 'a|b|what?|x'"
        )
    ]


def test_two_files_of_one_split_are_an_error(tmp_path: Path) -> None:
    vqa_med(tmp_path)
    write_text(tmp_path / "All_QA_Pairs_train.txt", "a|what?|x\n")
    with pytest.raises(DataError, match="are both of train"):
        read(tmp_path)


def test_a_folder_without_the_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds neither All_QA_Pairs_train"):
        read(tmp_path, "vqa-med")
