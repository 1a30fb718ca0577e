import json
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.layouts import write_text
from vqa_cli.data import arrow_files
from vqa_cli.errors import DataError

TABLE = pa.table({"image": [b"1", b"2", b"3"], "question": ["a?", "größe?", None]})
ROWS = [(number, row) for number, row in enumerate(TABLE.to_pylist(), start=1)]


def write(path: Path, table: pa.Table = TABLE) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(table, path)
        return path
    new = pa.ipc.new_stream if path.stem == "stream" else pa.ipc.new_file
    with pa.OSFile(str(path), "wb") as sink, new(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return path


@pytest.mark.parametrize("name", ["a.parquet", "stream.arrow", "file.arrow"])
def test_rows_come_back_numbered(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name)
    assert arrow_files.columns(path) == ["image", "question"]
    assert list(arrow_files.rows(path)) == ROWS


def test_many_rows_with_images_come_in_small_batches(tmp_path: Path) -> None:
    images = pa.array([{"bytes": b"x", "path": None}] * 200)
    path = write(tmp_path / "stream.arrow", pa.table({"image": images}))
    assert [number for number, _ in arrow_files.rows(path)] == list(range(1, 201))


@pytest.mark.parametrize("name", ["a.parquet", "stream.arrow"])
def test_numbers_of_classes_become_their_names(name: str, tmp_path: Path) -> None:
    features = {
        "label": {"names": ["no", "yes"], "_type": "ClassLabel"},
        "count": {"dtype": "int64", "_type": "Value"},
        "many": [{"dtype": "string", "_type": "Value"}],
    }
    table = pa.table({"label": [1, 0, -1, None], "count": [1, 2, 3, 4]})
    said = {"huggingface": json.dumps({"info": {"features": features}})}
    path = write(tmp_path / name, table.replace_schema_metadata(said))
    rows = [(row["label"], row["count"]) for _, row in arrow_files.rows(path)]
    assert rows == [("yes", 1), ("no", 2), (None, 3), (None, 4)]


@pytest.mark.parametrize("said", ["", "[]", '{"info": {"features": [1]}}'])
def test_other_words_about_columns_are_passed_over(said: str, tmp_path: Path) -> None:
    path = write(tmp_path / "stream.arrow", TABLE.replace_schema_metadata({"huggingface": said}))
    assert list(arrow_files.rows(path)) == ROWS


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nonsense", "no readable (parquet|arrow) file"),
        ("version https://git-lfs.github.com/spec/v1\n", "fetch the file itself with git lfs pull"),
    ],
)
def test_other_files_are_an_error(name: str, text: str, problem: str, tmp_path: Path) -> None:
    path = write_text(tmp_path / name, text)
    with pytest.raises(DataError, match=problem):
        arrow_files.columns(path)
    with pytest.raises(DataError, match=problem):
        list(arrow_files.rows(path))


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_a_file_that_is_not_there_is_an_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no readable"):
        arrow_files.columns(tmp_path / name)


def test_a_stream_that_is_cut_off_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "stream.arrow")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2 + 100])
    with pytest.raises(DataError, match=r"the arrow file is damaged after row|no readable arrow"):
        list(arrow_files.rows(path))


@settings(max_examples=50)
@given(st.integers(0, 600), st.binary(min_size=1, max_size=8))
def test_damage_is_read_or_a_data_error(
    tmp_path_factory: pytest.TempPathFactory, place: int, damage: bytes
) -> None:
    path = write(tmp_path_factory.mktemp("damage") / "stream.arrow")
    data = bytearray(path.read_bytes())
    data[place : place + len(damage)] = damage
    path.write_bytes(data)
    with suppress(DataError):
        list(arrow_files.rows(path))
