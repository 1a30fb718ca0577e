"""Images that preparing writes or does not look at, seen through `prepare`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.data.layouts import write_text
from tests.drawing import save_image
from vqa_cli.config import PrepareSettings
from vqa_cli.console import SILENT
from vqa_cli.data import prepare as prepare_module
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.images import read_image
from vqa_cli.data.layout import Layout, Reading
from vqa_cli.data.prepare import prepare
from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.data.row_images import joined, name_of_bytes
from vqa_cli.data.source import Source
from vqa_cli.errors import DataError

SETTINGS = PrepareSettings()


def png(color: tuple[int, int, int], size: tuple[int, int] = (8, 6)) -> bytes:
    data = BytesIO()
    Image.new("RGB", size, color).save(data, "PNG")
    return data.getvalue()


def example(number: int, **values: Any) -> Example:
    base = Example(image=f"row {number}", question="q?", answers=("x",), question_id=str(number))
    return replace(base, **values)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_text(tmp_path / "data/rows.txt", "").parent


def read_as(
    monkeypatch: pytest.MonkeyPatch, examples: list[Example], *, makes_images: bool = True
) -> None:
    """Let every source have these rows."""

    class Rows:
        NAME = "rows"
        DESCRIPTION = "rows of a test"

        def detect(self, source: Source) -> bool:
            return True

        def read(self, source: Source) -> Reading:
            def rows(findings: Findings) -> Iterator[Example]:
                yield from examples

            return Reading(source.files, rows, makes_images=makes_images)

    layout: Layout = Rows()
    monkeypatch.setattr(prepare_module, "choose_layout", lambda *_: layout)


def opened(source: Path, out: Path, settings: PrepareSettings = SETTINGS) -> PreparedDataset:
    prepare(source, out, settings)
    return PreparedDataset.open(out)


def test_embedded_images_are_written_once_under_their_content(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    red, blue = png((255, 0, 0)), png((0, 0, 255))
    data = [red, blue, red, png((0, 255, 0))]
    read_as(monkeypatch, [example(i, image_bytes=d, split="train") for i, d in enumerate(data)])
    dataset = opened(source, tmp_path / "out")
    named = {row["question_id"]: row["image"] for row in dataset.rows("train").to_dict("records")}
    named |= {row["question_id"]: row["image"] for row in dataset.rows("val").to_dict("records")}
    assert named == {str(i): name_of_bytes(d) for i, d in enumerate(data)}
    assert named["0"] == named["2"]
    assert dataset.info["image_root"] == "."
    assert (dataset.image_root / named["1"]).read_bytes() == blue
    assert len(list((tmp_path / "out/images").iterdir())) == 3
    assert list(dataset.images()["width"]) == [8, 8, 8]


def test_preparing_again_replaces_the_images_of_before(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for color in ((255, 0, 0), (0, 0, 255)):
        rows = [example(i, image_bytes=png(color, (8, 8 + i))) for i in range(3)]
        read_as(monkeypatch, rows)
        opened(source, tmp_path / "out")
    wanted = {name_of_bytes(row.image_bytes or b"") for row in rows}
    assert {f"images/{path.name}" for path in (tmp_path / "out/images").iterdir()} == wanted


def test_a_damaged_embedded_image_is_unusable_and_nothing_is_written(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_as(monkeypatch, [example(0, image_bytes=png((1, 2, 3))), example(1, image_bytes=b"GIF89")])
    with pytest.raises(DataError) as caught:
        prepare(source, tmp_path / "out", SETTINGS)
    assert "image file that holds no image: 1 row" in caught.value.problems[0]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_row_without_its_image_among_rows_that_hold_it(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_as(monkeypatch, [example(0, image_bytes=png((1, 2, 3))), example(1)])
    with pytest.raises(DataError) as caught:
        prepare(source, tmp_path / "out", SETTINGS)
    assert "row without its image, though others hold it" in caught.value.problems[0]


def test_two_images_are_joined_side_by_side(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, color, size in (("a", "red", (40, 20)), ("b", "blue", (10, 10))):
        Image.new("RGB", size, color).save(source / f"{name}.png")
    pair = {"image": "a", "beside": "b.png"}
    swapped = {"image": "b", "beside": "a"}
    read_as(monkeypatch, [example(0, **pair), example(1, **pair), example(2, **swapped)])
    dataset = opened(source, tmp_path / "out")
    images = dataset.images()
    assert len(images) == 2
    assert {*zip(images["width"], images["height"], strict=True)} == {(60, 20)}
    (row,) = (
        r
        for s in dataset.splits
        for r in dataset.rows(s).to_dict("records")
        if r["question_id"] == "0"
    )
    image = read_image(dataset.image_root / row["image"])
    left, right = image.getpixel((10, 10)), image.getpixel((50, 10))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert left[0] > 240 > 10 > left[2]
    assert right[2] > 240 > 10 > right[0]


def test_a_pair_with_a_damaged_image_says_which(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_image(source / "a.png")
    (source / "b.png").write_bytes(b"no image")
    read_as(monkeypatch, [example(0, image="a", beside="b")])
    with pytest.raises(DataError) as caught:
        prepare(source, tmp_path / "out", SETTINGS)
    assert "b.png: is not an image" in caught.value.problems[0]


def test_the_lower_image_is_enlarged_to_the_height_of_the_other() -> None:
    low, high = Image.new("RGB", (30, 10)), Image.new("RGB", (7, 25))
    assert joined(low, high).size == (75 + 7, 25)
    assert joined(high, low).size == (7 + 75, 25)


def test_without_images_nothing_is_looked_for(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        example(0, image="gone/a.png", split="train"),
        example(1, image="b", beside="c", split="test"),
        example(2, image_bytes=b"what?", split="val"),
    ]
    read_as(monkeypatch, rows)
    dataset = opened(source, tmp_path / "out", replace(SETTINGS, no_images=True))
    assert dataset.rows("train")["image"][0] == "gone/a.png"
    assert not dataset.has_images
    assert not (tmp_path / "out/images").exists()
    with pytest.raises(DataError, match="was prepared with --no-images"):
        dataset.images()


def test_without_images_a_path_that_climbs_out_is_refused_all_the_same(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_as(monkeypatch, [example(0), example(1, image="../../etc/passwd")])
    with pytest.raises(DataError) as caught:
        prepare(source, tmp_path / "out", replace(SETTINGS, no_images=True))
    assert "climbs out of the folder" in caught.value.problems[0]


def test_the_rows_of_one_language(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_image(source / "a.png")
    rows = [
        example(i, image="a", split="train", extra={"language": language})
        for i, language in enumerate(["en", "zh", "en"])
    ]
    read_as(monkeypatch, rows, makes_images=False)
    dataset = opened(source, tmp_path / "out", replace(SETTINGS, language="zh"))
    assert [json.loads(extra) for extra in dataset.rows("train")["extra"]] == [{"language": "zh"}]
    with pytest.raises(DataError, match="--language vi: there are en, zh"):
        prepare(source, tmp_path / "other", replace(SETTINGS, language="vi"), SILENT)


def test_a_language_where_no_row_says_its_own(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_image(source / "a.png")
    read_as(monkeypatch, [example(0, image="a")], makes_images=False)
    with pytest.raises(DataError, match="--language en: no row says its language"):
        prepare(source, tmp_path / "out", replace(SETTINGS, language="en"))
