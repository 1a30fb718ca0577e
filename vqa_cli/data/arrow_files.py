"""Rows of parquet files and of Arrow's stream files, read batch by batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from vqa_cli.errors import DataError

SUFFIXES = (".parquet", ".arrow")
_BATCH = 8192
_BATCH_WITH_IMAGES = 64
"""Rows that are in memory at once where cells hold images: of some megabytes each, perhaps."""
_FILE_MAGIC = b"ARROW1"
_LFS_POINTER = b"version https://git-lfs"

Batches = Callable[[int], Iterator[Any]]
"""Yields record batches, of as many rows as wanted where the file lets one choose."""


def columns(path: Path) -> list[str]:
    """The names of the file's columns. Raises DataError where it cannot be read."""
    with _opened(path) as (schema, _):
        return list(schema.names)


def rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield (number of the row from 1, its values by column).

    Raises DataError where the file cannot be read.
    """
    number = 0
    with _opened(path) as (schema, batches):
        size = _BATCH_WITH_IMAGES if any(map(_may_hold_images, schema.types)) else _BATCH
        labels = _class_labels(schema)
        try:
            for batch in batches(size):
                for start in range(0, batch.num_rows, size):
                    for row in batch.slice(start, size).to_pylist():
                        number += 1
                        for column, names in labels.items():
                            row[column] = _label(names, row[column])
                        yield number, row
        except (OSError, ValueError, RuntimeError) as error:  # those of pyarrow among them
            raise DataError(
                f"{path}: the {_kind(path)} file is damaged after row {number}: {error}"
            ) from error


def _kind(path: Path) -> str:
    return path.suffix.lower().removeprefix(".")


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Batches]]:
    import pyarrow as pa

    with ExitStack() as stack:
        try:
            found = (_parquet if path.suffix.lower() == ".parquet" else _arrow)(path, stack)
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"{path}: no readable {_kind(path)} file: {_why(path, error)}"
            ) from error
        yield found


def _parquet(path: Path, stack: ExitStack) -> tuple[Any, Batches]:
    import pyarrow.parquet as pq

    file = stack.enter_context(pq.ParquetFile(path))
    return file.schema_arrow, lambda size: file.iter_batches(batch_size=size)


def _arrow(path: Path, stack: ExitStack) -> tuple[Any, Batches]:
    """The stream that datasets of Hugging Face write, or Arrow's file format."""
    import pyarrow as pa

    source = stack.enter_context(pa.memory_map(str(path)))
    if source.read(len(_FILE_MAGIC)) == _FILE_MAGIC:
        file = pa.ipc.open_file(source)
        return file.schema, lambda _: map(
            _valid, map(file.get_batch, range(file.num_record_batches))
        )
    source.seek(0)
    stream = pa.ipc.open_stream(source)
    return stream.schema, lambda _: map(_valid, stream)


def _valid(batch: Any) -> Any:
    """The batch; its memory is the file's, so that damage must be found before it is used."""
    batch.validate(full=True)
    return batch


def _class_labels(schema: Any) -> dict[str, list[str]]:
    """The names of the classes whose numbers columns hold, as Hugging Face's datasets say them."""
    try:
        said = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {
            column: feature["names"]
            for column, feature in said.items()
            if column in schema.names
            and isinstance(feature, dict)
            and feature.get("_type") == "ClassLabel"
            and isinstance(feature.get("names"), list)
        }
    except (ValueError, LookupError, TypeError, AttributeError):  # said by nobody, or otherwise
        return {}


def _label(names: list[str], value: Any) -> Any:
    """The name of a class; -1 is what datasets write where a test set hides it."""
    if not isinstance(value, int):
        return value
    return names[value] if 0 <= value < len(names) else None


def _may_hold_images(kind: Any) -> bool:
    """Whether a column, or what is nested in it, holds bytes."""
    import pyarrow as pa

    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return True
    return any(_may_hold_images(kind.field(i).type) for i in range(kind.num_fields))


def _why(path: Path, error: Exception) -> str:
    try:
        with path.open("rb") as stream:
            if stream.read(len(_LFS_POINTER)) == _LFS_POINTER:
                return "it is a pointer of Git LFS; fetch the file itself with git lfs pull"
    except OSError:  # the error that was met first says it all
        pass
    return str(error)
