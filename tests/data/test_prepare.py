import json
import os
from pathlib import Path

import pytest
from PIL import Image

from tests.data.formats.fixtures import FIXTURES
from tests.data.layouts import write_text
from tests.drawing import save_image, save_noise, write_csv, write_shapes
from vqa_cli.config import PrepareSettings
from vqa_cli.data import prepare as module
from vqa_cli.data.prepare import prepare
from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.errors import DataError

COLUMNS = ("image", "question", "answer")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("case", FIXTURES)
def test_every_layout_can_be_prepared(case: str, tmp_path: Path) -> None:
    name, write = FIXTURES[case]
    write(tmp_path / "raw")
    result = prepare(tmp_path / "raw", tmp_path / "out", PrepareSettings(skip_bad=True))
    dataset = PreparedDataset.open(tmp_path / "out")
    assert result.format == dataset.info["format"] == name
    assert result.splits == {split: len(dataset.rows(split)) for split in dataset.splits}
    assert len(dataset.vocabulary) == result.answers
    assert (result.answers > 0) == ("train" in result.splits)


def test_preparing_twice_gives_the_same_bytes_and_no_absolute_path(
    tmp_path: Path, shapes_folder: Path
) -> None:
    for out in ("one", "two"):
        prepare(shapes_folder, tmp_path / out, PrepareSettings())
    one = contents(tmp_path / "one")
    assert one == contents(tmp_path / "two")
    assert sorted(one) == [
        *("answers.json", "dataset.json", "images.parquet"),
        *("test.parquet", "train.parquet", "val.parquet"),
    ]
    assert str(tmp_path).encode() not in b"".join(one.values())


def test_splits_share_no_image_and_answers_come_from_train_only(tmp_path: Path) -> None:
    rows = [(f"{n}.png", "q?", f"answer {n}") for n in range(20)]
    for name, _, _ in rows:
        save_noise(tmp_path / "raw" / name)
    write_csv(tmp_path / "raw" / "questions.csv", COLUMNS, rows)
    result = prepare(tmp_path / "raw", tmp_path / "out", PrepareSettings())
    dataset = PreparedDataset.open(tmp_path / "out")
    images = [set(dataset.rows(split)["image"]) for split in dataset.splits]
    assert sum(map(len, images)) == len(set.union(*images)) == 20
    assert set(dataset.vocabulary.answers) == {
        answer for answers in dataset.rows("train")["answers"] for answer in answers
    }
    assert result.coverage == {"train": 1.0, "val": 0.0, "test": 0.0}
    assert [(finding.problem, finding.count) for finding in result.problems] == [
        ("val question whose answer train never gives", 2),
        ("test question whose answer train never gives", 2),
    ]


def broken(folder: Path) -> Path:
    """A folder with every kind of unusable row, and three good ones."""
    for name in ("a.png", "b.png", "c.png"):
        save_image(folder / name)
    write_text(folder / "bad.png", "no image")
    rows = [
        *((f"{name}.png", "q?", "x") for name in "abc"),
        *[("gone.png", "q?", "x")] * 5,
        *[("bad.png", "q?", "x")] * 2,
        ("a.png", " ", "x"),
        ("a.png", "q?", ""),
        ("../a.png", "q?", "x"),
        ("/a.png", "q?", "x"),
        ("http://x/a.png", "q?", "x"),
    ]
    write_csv(folder / "questions.csv", COLUMNS, rows)
    return folder


def test_unusable_rows_stop_it_with_all_problems_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"12 row\(s\) cannot be used; .*--skip-bad") as caught:
        prepare(broken(tmp_path / "raw"), tmp_path / "out", PrepareSettings())
    problems = [p for p in caught.value.problems if not p.startswith("besides: ")]
    assert [problem.split(":")[0] for problem in problems] == [
        "image that is missing",
        "question that is empty",
        "answer that is empty",
        "image path that climbs out of the folder",
        "image with an absolute path (give it relative)",
        "image given as a URL (download it first)",
        "image file that holds no image",
    ]
    assert "besides: image that is there under another name too: 2 rows" in str(caught.value)
    assert caught.value.problems[0] == (
        "image that is missing: 5 rows, e.g. gone.png (questions-4), gone.png (questions-5), "
        "gone.png (questions-6), ..."
    )
    assert not (tmp_path / "out").exists()


def test_skip_bad_leaves_them_out_and_records_them(tmp_path: Path) -> None:
    result = prepare(broken(tmp_path / "raw"), tmp_path / "out", PrepareSettings(skip_bad=True))
    assert sum(result.splits.values()) == 3
    assert result.images == 3
    info = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert sum(p["rows"] for p in info["problems"] if p["unusable"]) == 12


@pytest.mark.parametrize("skip_bad", [True, False])
def test_no_usable_row_is_an_error(skip_bad: bool, tmp_path: Path) -> None:
    write_csv(tmp_path / "questions.csv", COLUMNS, [("gone.png", "q?", "x")])
    with pytest.raises(DataError, match="has no usable row") as caught:
        prepare(tmp_path, None, PrepareSettings(skip_bad=skip_bad))
    assert "; say with --images DIR where the images are, or use --no-images" in str(caught.value)
    assert len(caught.value.problems) == 1


def test_a_table_without_rows_is_an_error(tmp_path: Path) -> None:
    write_csv(tmp_path / "questions.csv", COLUMNS, [])
    with pytest.raises(DataError, match="has no usable row"):
        prepare(tmp_path, None, PrepareSettings())


def test_a_min_count_that_keeps_no_answer_is_an_error(tmp_path: Path, shapes_folder: Path) -> None:
    with pytest.raises(DataError, match="--min-count 1000 keeps no answer; the most frequent"):
        prepare(shapes_folder, tmp_path / "out", PrepareSettings(min_count=1000))


def test_top_bounds_the_vocabulary_and_coverage_tells(tmp_path: Path, shapes_folder: Path) -> None:
    result = prepare(shapes_folder, tmp_path / "out", PrepareSettings(top=2))
    assert result.answers == 2
    assert 0 < result.coverage["train"] < 1


def test_the_pixel_limit_makes_an_image_unusable(tmp_path: Path, shapes_folder: Path) -> None:
    Image.new("1", (2000, 2000)).save(shapes_folder / "images" / "000.png")
    with pytest.raises(DataError, match="cannot be used") as caught:
        prepare(shapes_folder, tmp_path / "out", PrepareSettings(max_pixels=1_000_000))
    assert caught.value.problems[0].startswith("image of more pixels than --max-pixels: 3 rows")


def test_a_prepared_folder_is_no_source(tmp_path: Path, shapes_folder: Path) -> None:
    prepare(shapes_folder, tmp_path / "out", PrepareSettings())
    with pytest.raises(DataError, match="is prepared already"):
        prepare(tmp_path / "out", None, PrepareSettings())


def test_the_default_place_is_inside_the_source_and_may_be_replaced(shapes_folder: Path) -> None:
    result = prepare(shapes_folder, None, PrepareSettings())
    assert result.out == shapes_folder / ".vqa"
    write_text(result.out / "features" / "shard", "cached")
    prepare(shapes_folder, None, PrepareSettings(split_seed=1))
    assert PreparedDataset.open(result.out).info["settings"]["split_seed"] == 1
    assert (result.out / "features" / "shard").read_text() == "cached"


def test_a_single_file_has_a_default_place_of_its_own(tmp_path: Path) -> None:
    write_shapes(tmp_path)
    assert prepare(tmp_path / "questions.csv", None, PrepareSettings()).out.name == ".vqa-questions"


def test_a_source_that_cannot_be_written_is_prepared_in_the_current_folder(
    tmp_path: Path, shapes_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(module.os, "access", lambda path, mode: Path(path) != shapes_folder)
    out = prepare(shapes_folder, None, PrepareSettings()).out
    assert out == tmp_path / "work" / "shapes-prepared"
    assert PreparedDataset.open(out).image_root == shapes_folder


def test_a_place_that_cannot_be_written_is_told_before_the_work(
    tmp_path: Path, shapes_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.os, "access", lambda path, mode: False)
    with pytest.raises(DataError, match="cannot be written; name another place with --out"):
        prepare(shapes_folder, tmp_path / "out", PrepareSettings())


def test_nothing_of_the_user_is_overwritten(tmp_path: Path, shapes_folder: Path) -> None:
    write_text(tmp_path / "out" / "thesis.txt", "years of work")
    write_text(tmp_path / "file", "years of work")
    for out in ("out", "file"):
        with pytest.raises(DataError, match="exists and is no prepared dataset"):
            prepare(shapes_folder, tmp_path / out, PrepareSettings())
    assert (tmp_path / "out" / "thesis.txt").read_text() == "years of work"


def test_a_named_place_is_replaced_only_by_the_same_preparation(
    tmp_path: Path, shapes_folder: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()  # an empty folder is fine
    first = prepare(shapes_folder, out, PrepareSettings())
    assert prepare(shapes_folder, out, PrepareSettings()) == first
    with pytest.raises(DataError, match="holds another prepared dataset"):
        prepare(shapes_folder, out, PrepareSettings(top=2))
    other = write_shapes(tmp_path / "other" / "shapes")
    with pytest.raises(DataError, match="holds another prepared dataset"):
        prepare(other, out, PrepareSettings())


def test_ctrl_c_leaves_nothing_behind(
    tmp_path: Path, shapes_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(os.listdir(tmp_path)), sorted(os.listdir(shapes_folder))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    for where in ("vqa_cli.data.image_checks.image_facts", "vqa_cli.data.prepare.write_info"):
        with monkeypatch.context() as patch:
            patch.setattr(where, stop)
            for out in (None, tmp_path / "out"):
                with pytest.raises(KeyboardInterrupt):
                    prepare(shapes_folder, out, PrepareSettings())
    assert (sorted(os.listdir(tmp_path)), sorted(os.listdir(shapes_folder))) == before


def test_images_lie_where_the_user_says(tmp_path: Path, shapes_folder: Path) -> None:
    (shapes_folder / "images").rename(tmp_path / "pictures")
    with pytest.raises(DataError, match="has no usable row"):
        prepare(shapes_folder, tmp_path / "out", PrepareSettings())
    result = prepare(
        shapes_folder, tmp_path / "out", PrepareSettings(), images=tmp_path / "pictures"
    )
    assert result.images == 12
    with pytest.raises(DataError, match="no such folder"):
        prepare(shapes_folder, None, PrepareSettings(), images=tmp_path / "gone")
