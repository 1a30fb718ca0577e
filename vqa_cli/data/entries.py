"""What layouts of JSON files share: entries that become examples, one file for each split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from vqa_cli.data.cells import RowError, text_of
from vqa_cli.data.example import SPLITS, Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.source import Source
from vqa_cli.errors import DataError

Entry = Mapping[str, Any]


def examples(
    file: str, entries: Iterable[Any], make: Callable[[Entry], Example], findings: Findings
) -> Iterator[Example]:
    """Yield what `make` makes of each entry; entries that it cannot use go to the findings.

    `make` raises RowError for those.
    """
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict):
            findings.unusable(f"entry of {file} that is no object", f"entry {number}")
            continue
        try:
            example = make(entry)
        except RowError as error:
            findings.unusable(error.problem, f"{error.value!r} ({file} entry {number})")
        else:
            yield example


def text(entry: Entry, key: str) -> str:
    """The text under `key`, "" where there is none. Raises RowError where it is something else."""
    value = entry.get(key)
    return value if type(value) is str else text_of(value, key)


def answers(entry: Entry, key: str = "answer") -> tuple[str, ...]:
    """The one answer under `key`; none where it is missing, as in a test split."""
    return (answer,) if (answer := text(entry, key)) else ()


def texts(entry: Entry, key: str) -> list[str]:
    """The texts of the list under `key`; none where it is missing. Raises RowError."""
    values = entry.get(key)
    if values is None:
        return []
    if not isinstance(values, list):
        raise RowError(f"{key} that is no list", values)
    return [text_of(value, key) for value in values]


def one_for_each(source: Source, files: Mapping[str, str | None]) -> dict[str | None, str]:
    """Which file each split is read from, of `files` with the split that each is of.

    A lone file of no split is taken as it is. Raises DataError where a split has several files,
    or where some are of a split and others are not.
    """
    found: dict[str | None, str] = {}
    for file, split in files.items():
        if split in found:
            what = f"of {split}" if split else "of no split, by their names"
            raise DataError(
                f"{source.root}: {found[split]} and {file} are both {what}; put one of them "
                f"elsewhere, or name one (vqa prepare {source.root / found[split]})"
            )
        found[split] = file
    if None in found and len(found) > 1:
        raise DataError(
            f"{source.root / found[None]}: which split is it? Others here say theirs; call it "
            "train, val or test too, or put it elsewhere"
        )
    return {split: found[split] for split in (None, *SPLITS) if split in found}


def folders_around(files: Iterable[str], *names: str) -> tuple[str, ...]:
    """The folders `names` ("" too) beside the files, and beside each folder that they are in."""
    around: dict[str, None] = {}
    for file in files:
        for parent in PurePosixPath(file).parents:
            base = "" if str(parent) == "." else f"{parent}/"
            around.update(dict.fromkeys((base + name).rstrip("/") for name in names))
    return tuple(around)
