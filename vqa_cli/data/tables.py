"""Rows of tables: csv, tsv, jsonl, parquet and arrow, one mapping a row, read as a stream."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from json import JSONDecodeError
from pathlib import Path
from typing import Any

from vqa_cli.data import arrow_files
from vqa_cli.data.findings import Findings
from vqa_cli.data.json_stream import decode
from vqa_cli.data.source import not_utf8
from vqa_cli.errors import DataError

SUFFIXES = (".csv", ".tsv", ".jsonl", *arrow_files.SUFFIXES)
_MAX_FIELD = 16_000_000
_LINES_FOR_COLUMNS = 100


def columns(path: Path) -> list[str]:
    """The names of a table's columns, as written.

    Of a .jsonl those of its first hundred lines. Raises DataError where it cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix in arrow_files.SUFFIXES:
        return arrow_files.columns(path)
    try:
        if suffix == ".jsonl":
            return _jsonl_columns(path)
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return _csv_header(path, stream.readline())
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise not_utf8(path, error) from error


def rows(path: Path, findings: Findings) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield (number of the row from 1, its values by column).

    Values are texts from csv and tsv, and whatever the file holds from the others. Rows
    that are no rows (a wrong number of fields, a line that is no JSON object) go to `findings`.
    Raises DataError where the file cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix in arrow_files.SUFFIXES:
        yield from arrow_files.rows(path)
        return
    reader = _jsonl_rows if suffix == ".jsonl" else _csv_rows
    try:
        yield from reader(path, findings)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise not_utf8(path, error) from error


def _delimiter(path: Path, header: str) -> str:
    if path.suffix.lower() == ".tsv":
        return "\t"
    # Spreadsheets write semicolons where the comma is the decimal mark.
    return max(",;\t", key=header.count)


def _csv_header(path: Path, line: str) -> list[str]:
    names = next(csv.reader([line], delimiter=_delimiter(path, line)), [])
    return [name.strip() for name in names]


def _csv_rows(path: Path, findings: Findings) -> Iterator[tuple[int, Mapping[str, Any]]]:
    csv.field_size_limit(_MAX_FIELD)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        line = stream.readline()
        names = _csv_header(path, line)
        reader = csv.reader(stream, delimiter=_delimiter(path, line))
        number = 0
        try:
            for values in reader:
                if not values:
                    continue
                number += 1
                if len(values) != len(names):
                    findings.unusable(
                        f"row of {path.name} with another number of fields than its header",
                        f"row {number} has {len(values)} instead of {len(names)}",
                    )
                    continue
                yield number, dict(zip(names, values, strict=True))
        except csv.Error as error:
            raise DataError(
                f"{path}: no valid table after row {number}: {error}; is a quote left open?"
            ) from error


def _jsonl_rows(path: Path, findings: Findings) -> Iterator[tuple[int, Mapping[str, Any]]]:
    problem = f"line of {path.name} that is no JSON object"
    with path.open(encoding="utf-8-sig", newline="\n") as stream:
        for number, line in enumerate(stream, start=1):
            if line.isspace():
                continue
            try:
                value = decode(line)
            except JSONDecodeError as error:
                findings.unusable(problem, f"line {number}, column {error.pos + 1} ({error.msg})")
                continue
            except (ValueError, RecursionError) as error:
                findings.unusable(problem, f"line {number} ({error})")
                continue
            if isinstance(value, dict):
                yield number, value
            else:
                findings.unusable(problem, f"line {number} ({type(value).__name__})")


def _jsonl_columns(path: Path) -> list[str]:
    names: dict[str, None] = {}
    findings = Findings()
    for number, row in _jsonl_rows(path, findings):
        names.update(dict.fromkeys(row))
        if number >= _LINES_FOR_COLUMNS:
            break
    if not names and (problems := [str(finding) for finding in findings]):
        raise DataError(f"{path}: holds no row; {problems[0]}")
    return list(names)
