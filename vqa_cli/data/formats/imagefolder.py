"""Hugging Face's imagefolder: images with a metadata file beside them, also in a folder a split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from vqa_cli.data import tables
from vqa_cli.data.columns import matched
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.data.split_names import split_of
from vqa_cli.data.table_rows import Table
from vqa_cli.errors import DataError

NAME = "imagefolder"
DESCRIPTION = (
    "metadata.jsonl (.csv, .parquet) with file_name, question and answer (or answers) beside the "
    "images, in the folder or in train/, validation/ and test/"
)

_FILES = ("metadata.jsonl", "metadata.csv", "metadata.parquet")


def owns(source: Source, file: str) -> bool:
    """Whether `file` is such a metadata file, by its name and its columns."""
    if file.rsplit("/", 1)[-1] not in _FILES:
        return False
    try:
        return "file_name" in tables.columns(source.root / file)
    except DataError:  # what cannot be read is complained about by the layout that needs it
        return False


def detect(source: Source) -> bool:
    """A metadata file with the columns file_name and question, or nothing but such files."""
    owned = [file for file in source.named(*_FILES) if owns(source, file)]
    if any("question" in matched(tables.columns(source.root / file)) for file in owned):
        return True
    return bool(owned) and len(owned) == len(source.files)


def read(source: Source) -> Reading:
    """Raises DataError where there is no metadata file, or a column is missing."""
    files = tuple(file for file in source.named(*_FILES) if owns(source, file))
    if not files:
        raise DataError(
            f"{source.root}: holds no metadata.jsonl or metadata.csv with a column file_name"
        )
    found = {file.rpartition("/")[0]: file for file in files}
    if len(found) < len(files):
        raise DataError(
            f"{source.root}: a folder holds several metadata files ({', '.join(files)}); keep one"
        )
    tables_in = {folder: _table(source, file, folder) for folder, file in found.items()}

    def examples(findings: Findings) -> Iterator[Example]:
        for folder, table in tables_in.items():
            for example in table.examples(findings):
                image = f"{folder}/{example.image}" if folder else example.image
                yield replace(example, image=image)

    return Reading(files, examples, ("",))


def _table(source: Source, file: str, folder: str) -> Table:
    name = f"{folder}/metadata".lstrip("/").replace("/", "-")
    return Table((source.root / file,), name, split_of(f"{folder}."))
