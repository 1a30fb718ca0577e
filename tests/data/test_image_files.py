from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.drawing import save_image
from vqa_cli.data.findings import Findings
from vqa_cli.data.image_files import ImageFinder, UnusableImageError, tell_case_twins


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("top.png", "images/a.png", "images/sub/b.jpg", "images/12.jpg", "images/v1.2.png"):
        save_image(tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("top.png", "top.png"),
        ("images/a.png", "images/a.png"),
        ("a.png", "images/a.png"),
        ("./images//a.png", "images/a.png"),
        (" a.png ", "images/a.png"),
        ("sub\\b.jpg", "images/sub/b.jpg"),
        ("12", "images/12.jpg"),
        ("v1.2", "images/v1.2.png"),
        ("sub/b", "images/sub/b.jpg"),
    ],
)
def test_what_a_row_says_is_found(value: str, found: str, root: Path) -> None:
    assert ImageFinder(root).find(value) == found


def test_a_name_may_start_differently_in_each_folder(tmp_path: Path) -> None:
    save_image(tmp_path / "train2014/COCO_train2014_07.jpg")
    save_image(tmp_path / "val2014/COCO_val2014_08.jpg")
    folders = ("train2014/COCO_train2014_{}", "val2014/COCO_val2014_{}")
    finder = ImageFinder(tmp_path, folders)
    assert finder.find("07.jpg") == "train2014/COCO_train2014_07.jpg"
    assert finder.find("08") == "val2014/COCO_val2014_08.jpg"
    with pytest.raises(UnusableImageError, match="image that is missing: 09"):
        finder.find("09.jpg")


def test_the_folders_in_a_path_may_be_missing(tmp_path: Path) -> None:
    save_image(tmp_path / "train/42/a.png")
    save_image(tmp_path / "train/b.png")
    finder = ImageFinder(tmp_path, ("train", "train/{name}"))
    assert finder.find("42/a.png") == "train/42/a.png"
    assert finder.find("42/b.png") == "train/b.png"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "image that is not named"),
        ("gone.png", "image that is missing"),
        ("a.jpg", "image that is missing"),
        ("gone/a.png", "image that is missing"),
        ("images", "image that is missing"),
        ("a\0.png", "image that is missing"),
        ("\0/a.png", "image that is missing"),
        ("../images/a.png", "image path that climbs out of the folder"),
        ("images/../../x.png", "image path that climbs out of the folder"),
        ("..\\a.png", "image path that climbs out of the folder"),
        ("/etc/passwd", "image with an absolute path (give it relative)"),
        ("C:\\images\\a.png", "image with an absolute path (give it relative)"),
        ("https://example.com/a.png", "image given as a URL (download it first)"),
        ("file:///etc/passwd", "image given as a URL (download it first)"),
    ],
)
def test_what_cannot_be_used_is_told(value: str, problem: str, root: Path) -> None:
    finder = ImageFinder(root)
    for _ in range(2):  # the second time from what it remembers
        with pytest.raises(UnusableImageError) as caught:
            finder.find(value)
        assert caught.value.problem == problem


def test_a_name_that_fits_two_files_is_told(root: Path) -> None:
    save_image(root / "images/12.png")
    with pytest.raises(UnusableImageError, match=r"fits several files: 12 \(12.jpg 12.png\)"):
        ImageFinder(root).find("12")


def test_a_root_that_the_user_named_may_be_the_paths_first_folder(root: Path) -> None:
    assert ImageFinder(root / "images", relocated=True).find("images/a.png") == "a.png"
    with pytest.raises(UnusableImageError):
        ImageFinder(root / "images").find("images/a.png")


@given(st.text(st.sampled_from("./\\ab~:\0 "), max_size=12) | st.text(max_size=12))
def test_nothing_outside_the_root_is_ever_found(
    tmp_path_factory: pytest.TempPathFactory, value: str
) -> None:
    root = tmp_path_factory.getbasetemp() / "wild" / "root"
    save_image(root / "a.png")
    save_image(root.parent / "b.png")
    try:
        found = ImageFinder(root).find(value)
    except UnusableImageError:
        return
    assert found == "a.png"


def test_a_name_in_another_case_is_missing_but_told(tmp_path: Path) -> None:
    save_image(tmp_path / "images/Kitchen.png")
    finder = ImageFinder(tmp_path)
    problem = r"name in another case: kitchen.PNG \(there is Kitchen.png\)"
    with pytest.raises(UnusableImageError, match=problem):
        finder.find("kitchen.PNG")
    with pytest.raises(UnusableImageError, match=r"kitchen \(there is Kitchen\)"):
        finder.find("kitchen")


def test_images_that_differ_in_case_alone_are_told() -> None:
    findings = Findings()
    names = ("a.png", "b.png", "A.png", "x/a.png", "x/A.PNG", "B.png")
    tell_case_twins(zip(names, (1, 1, 3, 1, 1, 0), strict=True), findings)
    assert [str(finding) for finding in findings] == [
        (
            "image whose name differs only in case from another's (one file on Windows, macOS): "
            "4 rows, e.g. A.png and a.png, x/A.PNG and x/a.png, ..."
        )
    ]
