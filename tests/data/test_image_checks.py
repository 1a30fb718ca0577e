import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.drawing import save_image, save_noise
from vqa_cli.console import SILENT, Silent
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.image_checks import check_images, examine_images, image_facts
from vqa_cli.data.near_copies import LOOK_BYTES
from vqa_cli.data.rows import Rows


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vqa_cli.data.image_journal.user_cache", lambda: tmp_path / "cache")


class Told(Silent):
    """Keeps the notices and the steps of progress."""

    def __init__(self) -> None:
        self.notices: list[str] = []
        self.steps: list[tuple[int, int]] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        self.steps.append((done, total))


def turned(path: Path, orientation: int = 6) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (30, 20)).save(path, exif=exif)
    return path


def settle(folder: Path) -> None:
    """Make files as old as those are that people have."""
    for path in folder.glob("*.*"):
        os.utime(path, (1000, 1000))


def test_facts_of_an_image_are_those_after_its_orientation(tmp_path: Path) -> None:
    path = turned(tmp_path / "turned.jpg")
    facts = image_facts(tmp_path, "turned.jpg", 1000)
    assert (facts.width, facts.height, facts.orientation, facts.problem) == (20, 30, 6, "")
    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert facts.bytes == path.stat().st_size
    assert len(facts.look) == LOOK_BYTES


def test_images_that_cannot_be_read_have_a_problem_of_their_kind(tmp_path: Path) -> None:
    Image.effect_noise((64, 64), 90).save(tmp_path / "good.jpg")
    data = (tmp_path / "good.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.png").write_text("no image")
    save_image(tmp_path / "good.png")
    data = (tmp_path / "good.png").read_bytes()
    (tmp_path / "broken.png").write_bytes(data[:60] + bytes(20) + data[80:])
    names = ["good.jpg", "text.png", "cut.jpg", "broken.png", "gone.png"]
    facts = check_images(tmp_path, names, 5000, SILENT)
    assert [each.kind for each in facts] == ["", "no image", "truncated", "damaged", "unreadable"]
    assert facts[0].problem == ""
    assert all(name in each.problem for name, each in zip(names[1:], facts[1:], strict=True))
    large = image_facts(tmp_path, "good.jpg", 100)
    assert large.kind == "too large"
    assert "100" in large.problem


def test_many_images_are_checked_in_order_with_progress(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(70)]
    for number, name in enumerate(names):
        Image.new("L", (number + 1, 1)).save(tmp_path / name)
    told = Told()
    facts = check_images(tmp_path, names, 1000, told)
    assert [f.width for f in facts] == list(range(1, 71))
    assert told.steps[-1] == (70, 70)
    assert told.steps == sorted(told.steps)
    assert told.notices == ["checking 70 images; if it is stopped, it goes on from there"]


def test_a_stopped_check_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{number}.png" for number in range(300)]
    for number, name in enumerate(names):
        Image.new("L", (number + 1, 1)).save(tmp_path / name)
    settle(tmp_path)
    decoded: list[str] = []

    def until_stopped(root: Path, image: str, max_pixels: int) -> object:
        if image == "290.png":
            raise KeyboardInterrupt
        decoded.append(image)
        return image_facts(root, image, max_pixels)

    with monkeypatch.context() as patch:
        patch.setattr("vqa_cli.data.image_checks.image_facts", until_stopped)
        with pytest.raises(KeyboardInterrupt):
            check_images(tmp_path, names, 1000, SILENT)
    first = len(decoded)
    (tmp_path / "0.png").write_bytes((tmp_path / "9.png").read_bytes())  # changed since
    decoded.clear()
    told = Told()
    with monkeypatch.context() as patch:
        patch.setattr("vqa_cli.data.image_checks.image_facts", _noting(decoded))
        facts = check_images(tmp_path, names, 1000, told)
    assert first > 100
    assert "0.png" in decoded
    assert len(decoded) < 250
    assert told.notices[1] == (
        f"{300 - len(decoded):,} of them were checked before and have not changed since"
    )
    assert [each.width for each in facts] == [10, *range(2, 301)]


def _noting(decoded: list[str]) -> object:
    def check(root: Path, image: str, max_pixels: int) -> object:
        decoded.append(image)
        return image_facts(root, image, max_pixels)

    return check


def test_what_is_known_equals_what_is_found_anew(tmp_path: Path) -> None:
    turned(tmp_path / "a.jpg", 3)
    save_noise(tmp_path / "b.png")
    (tmp_path / "c.png").write_text("no image")
    settle(tmp_path)
    names = ["a.jpg", "b.png", "c.png"]
    anew = check_images(tmp_path, names, 5000, SILENT, keep=False)
    assert not (tmp_path / "cache").exists()
    assert check_images(tmp_path, names, 5000, SILENT) == anew
    assert check_images(tmp_path, names, 5000, SILENT) == anew


def test_images_are_examined_and_the_rows_of_bad_ones_dropped(tmp_path: Path) -> None:
    save_noise(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    (tmp_path / "bad.png").write_text("no image")
    turned(tmp_path / "turned.jpg")
    rows = Rows()
    for number, image in enumerate(["a.png", "bad.png", "b.png", "turned.jpg", "b.png", "bad.png"]):
        rows.add(Example(image, "q?", ("x",), str(number)), image)
    findings = Findings()
    facts = check_images(tmp_path, ["a.png", "b.png", "bad.png", "turned.jpg"], 5000, SILENT)
    usable, contents = examine_images(rows, np.ones(6, dtype=bool), facts, findings)
    assert usable.tolist() == [True, False, True, True, True, False]
    assert rows.images == ["a.png", "bad.png", "b.png", "turned.jpg"]
    assert contents.of.tolist() == [0, 1, 0, 3]
    assert contents.seen.tolist() == [True, False, True, True]
    assert contents.looks[0].tobytes() == facts[0].look
    assert [str(finding) for finding in findings] == [
        "image that is there under another name too: 2 rows, e.g. b.png = a.png, ...",
        f"image file that holds no image: 2 rows, e.g. {facts[2].problem}, ...",
        "image that is turned upright by its EXIF data: 1 row, e.g. turned.jpg",
    ]
    assert [finding.unusable for finding in findings] == [False, True, False]
