import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.data.layouts import LAYOUTS
from tests.drawing import save_image, write_shapes
from vqa_cli.config import PrepareSettings
from vqa_cli.console import Silent
from vqa_cli.data.prepare import prepare
from vqa_cli.data.prepared import PreparedDataset, open_or_prepare
from vqa_cli.errors import DataError


@pytest.fixture
def folder(tmp_path: Path, shapes_folder: Path) -> Path:
    prepare(shapes_folder, tmp_path / "out", PrepareSettings())
    return tmp_path / "out"


class Notices(Silent):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def notice(self, text: str) -> None:
        self.texts.append(text)

    warn = notice


def test_what_was_prepared_comes_back(folder: Path, shapes_folder: Path) -> None:
    dataset = PreparedDataset.open(folder)
    assert dataset.splits == ("train", "val", "test")
    assert dataset.image_root == shapes_folder
    rows = dataset.rows("train")
    assert len(rows) == 30
    assert rows.iloc[0].to_dict() == {
        "image": "images/000.png",
        "question": "what color is the shape?",
        "answers": ["red"],
        "answer_kind": "alternatives",
        "question_id": "questions-1",
        "question_type": None,
        "answer_type": None,
        "answerable": None,
        "choices": None,
        "group": "images/000.png",
        "extra": "{}",
    }
    assert set(dataset.vocabulary.answers) == {
        *("red", "green", "blue", "circle", "square", "yes", "no")
    }
    images = dataset.images()
    assert len(images) == 12
    assert images["width"].tolist() == [16] * 12
    assert all((dataset.image_root / image).is_file() for image in images["image"])


def test_a_split_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    LAYOUTS["easy-vqa"][1](tmp_path)
    prepare(tmp_path, tmp_path / "out", PrepareSettings())
    with pytest.raises(DataError, match="has no split val; it has train, test"):
        PreparedDataset.open(tmp_path / "out").rows("val")


def test_it_can_be_moved_together_with_its_images(tmp_path: Path) -> None:
    source = write_shapes(tmp_path / "here" / "data")
    prepare(source, None, PrepareSettings())
    (tmp_path / "here").rename(tmp_path / "there")
    dataset = PreparedDataset.open(tmp_path / "there" / "data" / ".vqa")
    assert (dataset.image_root / dataset.rows("train")["image"][0]).is_file()


def test_images_that_moved_are_named_anew(folder: Path, shapes_folder: Path) -> None:
    moved = shapes_folder.rename(shapes_folder.parent / "elsewhere")
    with pytest.raises(DataError, match="say where the images are with --images DIR"):
        PreparedDataset.open(folder)
    assert PreparedDataset.open(folder, moved).image_root == moved
    with pytest.raises(DataError, match=r"holds no images/000.png; name the folder that"):
        PreparedDataset.open(folder, moved / "images")


def change_info(folder: Path, **values: Any) -> None:
    path = folder / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_newer_format_is_an_error(folder: Path) -> None:
    change_info(folder, format_version=3)
    with pytest.raises(DataError, match="has format version 3, this vqa knows 2"):
        PreparedDataset.open(folder)


def test_an_incomplete_description_is_an_error(folder: Path) -> None:
    path = folder / "dataset.json"
    path.write_text('{"format_version": 2, "kind": "vqa-dataset"}')
    with pytest.raises(DataError, match=r"dataset.json: is damaged \(no format, source"):
        PreparedDataset.open(folder)
    path.write_text('{"kind": "vqa-dataset"')
    with pytest.raises(DataError, match=r"dataset.json: is damaged"):
        PreparedDataset.open(folder)


@pytest.mark.parametrize("name", ["train.parquet", "answers.json", "images.parquet"])
def test_a_missing_or_shortened_file_is_an_error(name: str, folder: Path) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=f"{name}: is damaged"):
        PreparedDataset.open(folder)
    path.unlink()
    with pytest.raises(DataError, match=f"{name}: is missing"):
        PreparedDataset.open(folder)


def test_a_changed_file_of_the_same_size_is_an_error(folder: Path) -> None:
    path = folder / "train.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"train.parquet: is damaged"):
        PreparedDataset.open(folder).rows("train")


def test_another_folder_is_no_prepared_dataset(shapes_folder: Path) -> None:
    with pytest.raises(DataError, match="is no prepared dataset; make one with vqa prepare"):
        PreparedDataset.open(shapes_folder)


def test_a_prepared_folder_is_opened_and_a_raw_one_prepared_once(
    folder: Path, shapes_folder: Path
) -> None:
    assert open_or_prepare(folder).folder == folder
    notices = Notices()
    first = open_or_prepare(shapes_folder, report=notices)
    assert first.folder == shapes_folder / ".vqa"
    assert "not prepared yet" in notices.texts[0]
    stamp = (first.folder / "dataset.json").stat().st_mtime_ns
    again = open_or_prepare(shapes_folder, report=notices)
    assert "is prepared already" in notices.texts[-1]
    assert again.fingerprint == first.fingerprint
    assert (first.folder / "dataset.json").stat().st_mtime_ns == stamp


def test_a_change_of_the_source_prepares_it_again(shapes_folder: Path) -> None:
    def fingerprint(settings: PrepareSettings | None = None) -> str:
        return open_or_prepare(shapes_folder, settings).fingerprint

    seen = [fingerprint()]
    with (shapes_folder / "questions.csv").open("a") as stream:
        stream.write("000.png,is it big?,no\n")
    seen.append(fingerprint())
    save_image(shapes_folder / "images" / "000.png", "blue", "square")
    seen.append(fingerprint())
    seen.append(fingerprint(PrepareSettings(split_seed=1)))
    assert len(set(seen)) == 4
    assert fingerprint() == seen[-1]  # the defaults mean: as it was prepared before


def test_a_damaged_earlier_preparation_is_made_anew(shapes_folder: Path) -> None:
    first = open_or_prepare(shapes_folder)
    (first.folder / "train.parquet").write_bytes(b"")
    assert open_or_prepare(shapes_folder).fingerprint == first.fingerprint


def test_what_was_found_is_told_where_it_is_prepared_first(shapes_folder: Path) -> None:
    (shapes_folder / "images" / "000.png").unlink()
    notices = Notices()
    open_or_prepare(shapes_folder, PrepareSettings(skip_bad=True), notices)
    assert any(text.startswith("image that is missing: 3 rows") for text in notices.texts)


def test_images_elsewhere_are_used(shapes_folder: Path, tmp_path: Path) -> None:
    elsewhere = Path(shutil.move(shapes_folder / "images", tmp_path / "pictures"))
    dataset = open_or_prepare(shapes_folder, images=elsewhere)
    assert dataset.image_root == elsewhere
    assert open_or_prepare(shapes_folder).fingerprint == dataset.fingerprint
