"""The raw files of a dataset, as its layouts look at them."""

from __future__ import annotations

import codecs
import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any

from vqa_cli.data.folder import is_prepared
from vqa_cli.data.json_stream import JsonPeek, peek
from vqa_cli.errors import DataError
from vqa_cli.files import sha256

DATA_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet", ".json", ".txt", ".pkl", ".arrow")
_DEPTH = 4
_HEAD_BYTES = 65_536


class Source:
    """A folder of raw files, or one file of questions with its folder.

    root: the folder, resolved.
    files: the paths of the data files relative to `root`, with forward slashes, sorted; hidden
    folders and files are passed over, and so are prepared datasets that lie inside.
    """

    def __init__(self, path: Path) -> None:
        """Raises DataError where there is no such file or folder."""
        try:
            path.stat()
        except OSError as error:
            raise DataError(f"{path}: no such file or folder{_nearest_sibling(path)}") from error
        self.path = path
        self.root = (path if path.is_dir() else path.parent).resolve()
        self._only = None if path.is_dir() else path.name
        # Every layout looks at the same beginnings.
        self._heads: dict[str, str] = {}
        self._peeks: dict[str, JsonPeek | None] = {}

    @property
    def name(self) -> str:
        """What the dataset is called: the folder's name, or the file's without its ending."""
        return Path(self._only).stem if self._only else self.root.name

    @cached_property
    def files(self) -> tuple[str, ...]:
        if self._only:
            return (self._only,)
        return tuple(sorted(_data_files(self.root, "", _DEPTH)))

    def named(self, *names: str) -> list[str]:
        """Those of `files` whose last part is one of `names`."""
        return [file for file in self.files if file.rsplit("/", 1)[-1] in names]

    def head(self, file: str) -> str:
        """The first characters of a text file, for a look at its content."""
        if file not in self._heads:
            self._heads[file] = self._read_head(file)
        return self._heads[file]

    def _read_head(self, file: str) -> str:
        try:
            with (self.root / file).open("rb") as stream:
                data = stream.read(_HEAD_BYTES)
        except OSError as error:
            raise DataError(f"{self.root / file}: cannot be read: {error}") from error
        return data.decode("utf-8-sig", errors="replace")

    def peek(self, file: str) -> JsonPeek | None:
        """How a .json or .jsonl begins; None where it is no JSON list or object."""
        if not file.lower().endswith((".json", ".jsonl")):
            return None
        if file not in self._peeks:
            self._peeks[file] = peek(self.root / file)
        return self._peeks[file]

    def text(self, file: str) -> str:
        """The whole of a text file. Raises DataError where it is not UTF-8."""
        path = self.root / file
        try:
            return path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error}") from error
        except UnicodeDecodeError as error:
            raise not_utf8(path, error) from error

    def lines(self, file: str) -> list[str]:
        """The lines of a text file without their ends; lines with spaces alone become empty."""
        return [line.strip() for line in self.text(file).split("\n")]

    def json(self, file: str) -> Any:
        """The value of a JSON file. Raises DataError that names line and column."""
        try:
            return json.loads(self.text(file))
        except json.JSONDecodeError as error:
            raise DataError(
                f"{self.root / file}: no valid JSON at line {error.lineno}, "
                f"column {error.colno}: {error.msg}"
            ) from error
        except RecursionError as error:
            raise DataError(f"{self.root / file}: no dataset: nested too deeply") from error

    def digests(self, files: tuple[str, ...]) -> dict[str, dict[str, Any]]:
        """Size and SHA-256 of each of `files`: whether they are still those that were read."""
        return {file: digest_of(self.root / file) for file in files}


def digest_of(path: Path) -> dict[str, Any]:
    """Size in bytes and SHA-256 of a file. Raises DataError where it cannot be read."""
    try:
        return {"bytes": path.stat().st_size, "sha256": sha256(path)}
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def not_utf8(path: Path, error: UnicodeDecodeError) -> DataError:
    """The error for a text file in another encoding, or in several."""
    data = path.read_bytes()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return DataError(f"{path}: is UTF-16 text; save it as UTF-8 and try again")
    try:
        data.decode()
    except UnicodeDecodeError as whole:  # what was read in pieces does not know its place
        error = whole
    line = error.object.count(b"\n", 0, error.start) + 1
    return DataError(
        f"{path}: is no UTF-8 text (byte 0x{error.object[error.start]:02x} in line {line:,}); "
        "save it as UTF-8 and try again"
    )


def _data_files(folder: Path, prefix: str, depth: int) -> list[str]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except PermissionError as error:
        raise DataError(f"{folder}: cannot be read: {error}") from error
    if prefix and is_prepared(folder):
        return []
    found: list[str] = []
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            if depth > 1:
                found += _data_files(Path(entry.path), f"{prefix}{entry.name}/", depth - 1)
        elif entry.name.lower().endswith(DATA_SUFFIXES):
            found.append(prefix + entry.name)
    return found


def _nearest_sibling(path: Path) -> str:
    from difflib import get_close_matches

    try:
        names = os.listdir(path.parent)
    except OSError:
        return f"; {path.parent} does not exist either"
    close = get_close_matches(path.name, names, n=1)
    return f" (did you mean {path.parent / close[0]}?)" if close else ""
