import os
from pathlib import Path

import pytest

from vqa_cli.data.writing import whole_folder
from vqa_cli.errors import DataError


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "out"
    with whole_folder(target) as folder:
        (folder / "dataset.json").write_text("new")
        assert not target.exists()
    assert (target / "dataset.json").read_text() == "new"
    assert os.listdir(target.parent) == ["out"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_a_stop_leaves_what_was_there(stop: type[BaseException], tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "dataset.json").write_text("old")

    def write_half() -> None:
        with whole_folder(target) as folder:
            (folder / "dataset.json").write_text("new")
            raise stop

    with pytest.raises(stop):
        write_half()
    assert (target / "dataset.json").read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]


def test_what_is_not_of_the_dataset_survives_a_replacement(tmp_path: Path) -> None:
    target = tmp_path / "out"
    (target / "features").mkdir(parents=True)
    (target / "features" / "shard").write_text("cached")
    (target / "val.parquet").write_text("old")
    with whole_folder(target) as folder:
        (folder / "train.parquet").write_text("new")
    assert sorted(os.listdir(target)) == ["features", "train.parquet"]
    assert (target / "features" / "shard").read_text() == "cached"
    assert os.listdir(tmp_path) == ["out"]


def test_a_failed_replacement_puts_the_earlier_one_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "dataset.json").write_text("old")
    rename = Path.rename

    def fail(path: Path, to: Path) -> Path:
        if path.name.endswith(".tmp"):
            raise OSError(28, "No space left on device")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", fail)
    with (
        pytest.raises(DataError, match=r"cannot be written: .*No space left"),
        whole_folder(target),
    ):
        pass
    assert (target / "dataset.json").read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]
