import collections
import os
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa_cli.data.plain_pickle import load_plain
from vqa_cli.errors import DataError

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
PLAIN = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(SCALARS, inner, max_size=4)
        | st.tuples(inner, inner, inner, inner)
    ),
    max_leaves=12,
)


class Running:
    """What an attacker would pickle: loading it runs a command."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@given(PLAIN, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_data_comes_back(
    tmp_path_factory: pytest.TempPathFactory, value: Any, protocol: int
) -> None:
    path = tmp_path_factory.mktemp("pickle") / "a.pkl"
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    assert load_plain(path) == value


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_code_is_refused_and_not_run(protocol: int, tmp_path: Path) -> None:
    path, trap = tmp_path / "a.pkl", tmp_path / "made"
    path.write_bytes(pickle.dumps([{"image": "a"}, Running(trap)], protocol=protocol))
    with pytest.raises(DataError, match=r"more than plain data \((posix|nt)\.mkdir\)"):
        load_plain(path)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (collections.OrderedDict(a=1), "collections.OrderedDict"),
        ({1, 2}, "EMPTY_SET"),
        (frozenset([1]), "FROZENSET"),
        (b"bytes", "SHORT_BINBYTES"),
        (1j, "builtins.complex"),
    ],
)
def test_whatever_is_no_plain_data_is_named(value: Any, shown: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(value, protocol=4))
    with pytest.raises(DataError, match=f"more than plain data .{shown}."):
        load_plain(path)


def test_text_of_python_2_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x02]q\x01U\x06gr\xc3\xb6\xc3\x9fq\x02a.")
    assert load_plain(path) == ["größ"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no pickle",
        b"\x80\x04]",
        b"\x80\x04h\x05.",
        b"\x80\x04]\x94K\x01K\x02s.",
        b"\x80\x02]r\xff\xff\xff\xff.",
    ],
    ids=["empty", "text", "cut off", "lost memo", "item of a list", "huge memo"],
)
def test_damaged_files_are_an_error(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"no readable pickle file|more than plain data"):
        load_plain(path)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        load_plain(tmp_path / "none.pkl")


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_a_data_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "a.pkl"
    for start in (b"", b"\x80\x04]"):
        path.write_bytes(start + data)
        with suppress(DataError):
            load_plain(path)
