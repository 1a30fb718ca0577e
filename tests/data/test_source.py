from pathlib import Path

import pytest

from tests.data.layouts import write_text
from vqa_cli.data.source import Source
from vqa_cli.errors import DataError


def test_data_files_are_listed_sorted_and_without_hidden_or_prepared_ones(tmp_path: Path) -> None:
    for name in (
        "b.csv",
        "a.JSON",
        "sub/c.txt",
        "1/2/3/4/too-deep.csv",
        "photo.jpg",
        ".hidden.csv",
    ):
        write_text(tmp_path / name, "")
    write_text(tmp_path / ".vqa/answers.json", "")
    write_text(tmp_path / "made/dataset.json", '{"kind": "vqa-dataset"}')
    write_text(tmp_path / "raw/dataset.json", "[]")
    assert Source(tmp_path).files == ("a.JSON", "b.csv", "raw/dataset.json", "sub/c.txt")


def test_a_single_file_is_a_source_with_its_folder(tmp_path: Path) -> None:
    write_text(tmp_path / "a.csv", "")
    source = Source(write_text(tmp_path / "b.csv", ""))
    assert (source.files, source.root, source.name) == (("b.csv",), tmp_path.resolve(), "b")


def test_what_does_not_exist_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(DataError, match=r"no such file or folder \(did you mean .*/photos\?\)"):
        Source(tmp_path / "photo")
    with pytest.raises(DataError, match="gone does not exist either"):
        Source(tmp_path / "gone" / "photos")
    with pytest.raises(DataError, match="no such file or folder"):
        Source(tmp_path / ("x" * 300))


def test_text_is_read_without_its_byte_order_mark(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "\ufeffone \r\n\r\ntwo")
    assert Source(tmp_path).lines("a.txt") == ["one", "", "two"]
    assert Source(tmp_path).head("a.txt").startswith("one")


def test_how_a_json_begins_is_looked_at_once(tmp_path: Path) -> None:
    write_text(tmp_path / "rows.JSON", '[{"question": "what?"}, broken')
    write_text(tmp_path / "rows.txt", '[{"question": "what?"}]')
    source = Source(tmp_path)
    found = source.peek("rows.JSON")
    assert found is not None
    assert found.has("question")
    assert source.peek("rows.JSON") is found
    assert source.peek("rows.txt") is None
