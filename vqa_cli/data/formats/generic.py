"""The user's own tables: csv, tsv, jsonl or parquet with image, question and answer columns."""

from __future__ import annotations

from collections.abc import Iterator

from vqa_cli.data import columns, tables
from vqa_cli.data.example import SPLITS, Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.formats import daquar_csv, hf_datasets, imagefolder, vivqa, vlmevalkit
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.data.table_files import TableFiles, by_folder, tables_among
from vqa_cli.data.table_rows import Table
from vqa_cli.errors import DataError

NAME = "generic"
DESCRIPTION = (
    "questions.csv (.tsv, .jsonl, .parquet), or train/val/test files, with the columns image, "
    "question and answer (or answers); images in the folder, in images/ or in the table"
)

_NARROWER = (daquar_csv, hf_datasets, imagefolder, vivqa, vlmevalkit)
"""Layouts of tables, too, whose files are no others."""


def detect(source: Source) -> bool:
    """A table with an image and a question column, or a table where nothing else could be meant."""
    found = _tables(source)
    if any(_is_questions(source, table) for table in found):
        return True
    return bool(found) and sum(len(table.files) for table in found) == len(source.files)


def read(source: Source) -> Reading:
    """Raises DataError where columns are missing or where several tables could be meant."""
    chosen = [
        (files, Table(tuple(source.root / file for file in files.files), files.name, split))
        for files, split in _chosen(source)
    ]

    def examples(findings: Findings) -> Iterator[Example]:
        for _, table in chosen:
            yield from table.examples(findings)

    return Reading(
        tuple(file for files, _ in chosen for file in files.files),
        examples,
        makes_images=any(table.holds_images for _, table in chosen),
    )


def _tables(source: Source) -> list[TableFiles]:
    """The tables in the root, else those in the folders where Hugging Face's hub has them."""
    files = [
        file
        for file in source.files
        if file.lower().endswith(tables.SUFFIXES)
        and not any(layout.owns(source, file) for layout in _NARROWER)
    ]
    folders = by_folder(tables_among(files))
    if found := folders.get("") or folders.get("data"):
        return found
    return [table for found in folders.values() for table in found if table.in_parts]


def _is_questions(source: Source, table: TableFiles) -> bool:
    try:
        names = tables.columns(source.root / table.files[0])
    except DataError:  # what cannot be read is complained about by the layout that needs it
        return False
    return columns.holds_questions(names)


def _chosen(source: Source) -> list[tuple[TableFiles, str | None]]:
    """The tables to read and the split that each is, by its name."""
    found = _tables(source)
    found = [table for table in found if _is_questions(source, table)] or found
    if named := [table for table in found if table.split]:
        if len({table.split for table in named}) < len(named):
            raise DataError(_several(source, named))
        return [(table, split) for split in SPLITS for table in named if table.split == split]
    if len(found) > 1:
        found = [table for table in found if table.name.lower() == "questions"] or found
    if len(found) != 1:
        raise DataError(_several(source, found))
    return [(found[0], None)]


def _several(source: Source, found: list[TableFiles]) -> str:
    if not found:
        return f"{source.root}: holds no .csv, .tsv, .jsonl or .parquet file"
    first = source.root / found[0].files[0]
    return (
        f"{source.root}: several tables could be meant: {', '.join(map(str, found))}; name one of "
        f"them (vqa prepare {first.parent if found[0].in_parts else first}), or call them train, "
        "val and test"
    )
