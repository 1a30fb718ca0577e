from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from PIL import Image

SCRIPT = Path(__file__).parents[2] / "examples" / "shapes.py"


def draw(out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(out), *options], capture_output=True, text=True
    )


def rows(folder: Path, split: str) -> list[dict[str, str]]:
    with (folder / f"{split}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "shapes"
    assert draw(folder, "--images", "400").returncode == 0
    return folder


def test_same_seed_draws_the_same_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder, seed in zip(folders, ("3", "3", "4"), strict=True):
        assert draw(folder, "--images", "20", "--seed", seed).returncode == 0
    a, b, c = ({file.relative_to(f): file.read_bytes() for file in f.rglob("*.*")} for f in folders)
    assert a == b
    assert a != c


def test_no_picture_is_drawn_twice(shapes: Path) -> None:
    pictures = []
    for file in (shapes / "images").iterdir():
        with Image.open(file) as image:
            assert (image.mode, image.size) == ("RGB", (64, 64))
            pictures.append(image.tobytes())
    assert len(pictures) == len(set(pictures)) == 400


def test_images_belong_to_one_split_and_ids_to_one_question(shapes: Path) -> None:
    of_split = {split: rows(shapes, split) for split in ("train", "val", "test")}
    images = {split: {row["image"] for row in part} for split, part in of_split.items()}
    assert sum(map(len, images.values())) == len(set.union(*images.values())) == 400
    assert all((shapes / image).is_file() for image in set.union(*images.values()))
    ids = [row["question_id"] for part in of_split.values() for row in part]
    assert len(ids) == len(set(ids))


def test_five_kinds_of_questions(shapes: Path) -> None:
    kinds = Counter(row["question_type"] for row in rows(shapes, "train"))
    assert set(kinds) == {"color", "shape", "count", "position", "yes/no"}
    assert min(kinds.values()) > 0.08 * sum(kinds.values())


def test_the_answer_is_not_in_the_question(shapes: Path) -> None:
    answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows(shapes, "train"):
        answers[row["question"]][row["answer"]] += 1
    test = rows(shapes, "test")
    right = sum(
        answers[row["question"]].most_common(1)[0][0] == row["answer"]
        for row in test
        if row["question"] in answers
    )
    assert right / len(test) < 0.45


def test_each_image_has_as_many_yes_as_no(shapes: Path) -> None:
    said: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows(shapes, "train"):
        if row["question_type"] == "yes/no":
            said[row["image"]][row["answer"]] += 1
    assert said
    assert all(answers["yes"] == answers["no"] > 0 for answers in said.values())


def test_too_few_images_is_a_usage_error(tmp_path: Path) -> None:
    done = draw(tmp_path / "out", "--images", "3")
    assert done.returncode == 2
    assert "--images must be at least 20, got 3" in done.stderr
    assert not (tmp_path / "out").exists()


def test_boxes_hold_the_shapes_that_are_asked_for(shapes: Path) -> None:
    places = json.loads((shapes / "boxes.json").read_text(encoding="utf-8"))
    colors = set()
    for row in rows(shapes, "test"):
        number = places["asked"].get(row["question_id"])
        assert number is None or row["question_type"] != "count"
        assert number is None or row["answer"] != "no"
        assert number is not None or row["question_type"] in ("count", "yes/no")
        if number is None:
            continue
        shape = places["shapes"][row["image"]][number]
        left, top, right, bottom = shape["box"]
        assert 0 <= left < right <= 64
        assert 0 <= top < bottom <= 64
        if row["question_type"] in ("color", "shape"):
            assert row["answer"] in (shape["color"], shape["kind"])
        with Image.open(shapes / row["image"]) as image:
            middle = image.getpixel(((left + right) // 2, (top + bottom) // 2))
        colors.add((shape["color"], max(range(3), key=lambda channel: middle[channel])))
    assert colors >= {("red", 0), ("green", 1), ("blue", 2)}
    assert not colors & {("red", 1), ("red", 2), ("blue", 0), ("blue", 1), ("green", 0)}
