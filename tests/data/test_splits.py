from pathlib import Path

import numpy as np
import pytest

from vqa_cli.config import PrepareSettings
from vqa_cli.data.example import SPLITS, Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.row_answers import RowAnswers
from vqa_cli.data.rows import Rows
from vqa_cli.data.splits import assign_splits
from vqa_cli.errors import SettingsError


def rows_of(*rows: tuple[str, str | None]) -> Rows:
    """Rows of (image, split)."""
    table = Rows()
    for number, (image, split) in enumerate(rows):
        table.add(Example(image, "q?", ("a",), str(number), split=split), image)
    return table


def assigned(
    rows: Rows, contents: dict[str, str] | None = None, **settings: object
) -> tuple[list[str], tuple[str, ...], list[str]]:
    """contents: images that hold the same as another one."""
    findings = Findings()
    images = rows.images
    content_of = [images.index((contents or {}).get(image, image)) for image in images]
    codes, made = assign_splits(
        rows,
        np.ones(len(rows), dtype=bool),
        np.array(content_of, dtype=np.int32),
        RowAnswers.of(rows).main(),
        PrepareSettings(**settings),  # type: ignore[arg-type]
        findings,
    )
    return [SPLITS[code] for code in codes], made, [str(finding) for finding in findings]


def test_without_splits_all_three_are_made_by_image() -> None:
    rows = rows_of(*((f"{number % 20}.png", None) for number in range(60)))
    splits, made, _ = assigned(rows)
    assert made == ("train", "val", "test")
    assert [splits.count(split) for split in SPLITS] == [48, 6, 6]
    for image in range(20):
        assert len(set(splits[image::20])) == 1


def test_the_order_of_the_rows_does_not_matter_and_the_seed_does() -> None:
    images = [f"{number}.png" for number in range(50)]
    forward, _, _ = assigned(rows_of(*((image, None) for image in images)))
    backward, _, _ = assigned(rows_of(*((image, None) for image in reversed(images))))
    other, _, _ = assigned(rows_of(*((image, None) for image in images)), split_seed=1)
    assert forward == backward[::-1]
    assert forward != other


def test_val_is_carved_from_train_and_never_from_test() -> None:
    rows = rows_of(
        *((f"{n}.png", "train") for n in range(30)), *((f"{n}.png", "test") for n in range(30))
    )
    splits, made, _ = assigned(rows, val_share=0.2)
    assert made == ("val",)
    assert splits[:30].count("val") == 6
    assert splits[30:] == ["test"] * 30


@pytest.mark.parametrize(
    "given_splits",
    [("train", "val"), ("train", "val", "test"), ("test",), ("val",), ("val", "test")],
)
def test_splits_that_the_source_brings_stay(given_splits: tuple[str, ...]) -> None:
    rows = rows_of(*((f"{n}-{split}.png", split) for split in given_splits for n in range(5)))
    splits, made, _ = assigned(rows)
    assert made == ()
    assert splits == [split for split in given_splits for _ in range(5)]


def test_a_test_share_of_zero_makes_no_test() -> None:
    splits, made, _ = assigned(rows_of(*((f"{n}.png", None) for n in range(10))), test_share=0)
    assert made == ("train", "val")
    assert "test" not in splits


def test_a_val_share_of_zero_makes_no_val_and_is_no_problem() -> None:
    rows = rows_of(*((f"{n}.png", "train") for n in range(10)))
    splits, made, told = assigned(rows, val_share=0)
    assert (set(splits), made, told) == ({"train"}, (), [])


@pytest.mark.parametrize(("images", "expected"), [(1, {"train"}), (2, {"train", "val"})])
def test_few_images_go_to_train_first_and_to_val_next(images: int, expected: set[str]) -> None:
    splits, _, told = assigned(rows_of(*((f"{n}.png", None) for n in range(images))))
    assert set(splits) == expected
    assert bool(told) == (images == 1)


def test_shares_that_leave_nothing_for_train_are_an_error() -> None:
    with pytest.raises(SettingsError, match=r"--val-share 0.5 and --test-share 0.5 leave nothing"):
        assigned(rows_of(("a.png", None)), val_share=0.5, test_share=0.5)


def test_the_group_is_kept_together_where_a_row_names_one(tmp_path: Path) -> None:
    rows = Rows()
    for number in range(40):
        name = f"{number}.png"
        example = Example(name, "q?", ("a",), str(number), group=f"scene {number % 8}")
        rows.add(example, name)
    splits, _, _ = assigned(rows, val_share=0.25, test_share=0.25)
    for scene in range(8):
        assert len(set(splits[scene::8])) == 1


def test_images_of_equal_content_stay_together() -> None:
    names = [f"{number}.png" for number in range(40)]
    # 0 = 1 = 2, 3 = 4 = 5, ...; the chains are linked in any order.
    contents = {name: names[n - n % 3] for n, name in enumerate(names)}
    rows = rows_of(*((name, None) for name in names))
    splits, _, _ = assigned(rows, contents, val_share=0.3, test_share=0.3)
    assert {splits.count(split) for split in SPLITS} != {40, 0}
    for first in range(0, 40, 3):
        assert len(set(splits[first : first + 3])) == 1


def test_groups_that_share_an_image_content_are_one() -> None:
    rows = Rows()
    for number in range(30):
        name = f"{number}.png"
        rows.add(Example(name, "q?", ("a",), name, group=f"scene {number % 10}"), name)
    # Scenes 0 and 1 have a picture in common, and so have 1 and 2.
    splits, _, _ = assigned(rows, {"10.png": "1.png", "11.png": "0.png", "12.png": "21.png"})
    of_scene = [set(splits[scene::10]) for scene in range(10)]
    assert of_scene[0] == of_scene[1] == of_scene[2]
    assert all(len(each) == 1 for each in of_scene)


def test_a_split_by_question_is_made_only_on_request() -> None:
    rows = rows_of(*(("a.png", None) for _ in range(50)))
    assert assigned(rows)[1] == ("train",)
    splits, made, _ = assigned(rows, split_by="question")
    assert made == ("train", "val", "test")
    assert [splits.count(split) for split in SPLITS] == [40, 5, 5]
