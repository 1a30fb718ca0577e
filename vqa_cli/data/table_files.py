"""The tables of a source: which files are one table, and which split each table is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vqa_cli.data.split_names import split_of

_SHARD = re.compile(r"(?P<name>.+?)-\d{5}-of-\d{5}(?:-[0-9a-f]{16})?")


@dataclass(frozen=True)
class TableFiles:
    """files: relative to the source's root, in order. name: without folder and ending.

    in_parts: whether the files are called parts of a table, as Hugging Face's hub calls them.
    """

    files: tuple[str, ...]
    name: str
    in_parts: bool = False

    @property
    def split(self) -> str | None:
        return split_of(f"{self.name}.")

    def __str__(self) -> str:
        return self.files[0]


def tables_among(files: Iterable[str]) -> list[TableFiles]:
    """The tables that the files are; "train-00000-of-00002.parquet" is a part of "train"."""
    parts: dict[tuple[str, str, str], list[str]] = {}
    for file in files:
        folder, _, base = file.rpartition("/")
        stem, _, suffix = base.rpartition(".")
        match = _SHARD.fullmatch(stem)
        key = (folder, suffix, match["name"]) if match else (file, "", stem)
        parts.setdefault(key, []).append(file)
    return [
        TableFiles(tuple(sorted(found)), name, bool(suffix))
        for (_, suffix, name), found in parts.items()
    ]


def by_folder(tables: Sequence[TableFiles]) -> Mapping[str, list[TableFiles]]:
    """The tables of each folder; "" is the root."""
    folders: dict[str, list[TableFiles]] = {}
    for table in tables:
        folders.setdefault(table.files[0].rpartition("/")[0], []).append(table)
    return folders
