"""Writing a prepared dataset: a folder that is whole or absent, with the same bytes every time."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vqa_cli.data.example import SPLITS
from vqa_cli.data.folder import (
    ANSWERS_FILE,
    FILES,
    FORMAT_VERSION,
    IMAGES_FILE,
    INFO_FILE,
    KIND,
    split_file,
)
from vqa_cli.data.gathering import Gathered
from vqa_cli.data.rows import schema
from vqa_cli.data.source import digest_of
from vqa_cli.errors import DataError
from vqa_cli.files import write_json


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Give a temporary folder beside `target` that takes its place when the block ends well.

    What lies in an earlier `target` and is not of a prepared dataset (cached features) is kept.
    Raises DataError where it cannot be written; nothing is left behind then.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        _take_place(temporary, target)
    except OSError as error:
        raise DataError(
            f"{target}: cannot be written: {error.strerror or error}; name another place with "
            "--out DIR"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _take_place(temporary: Path, target: Path) -> None:
    if not target.exists():
        temporary.rename(target)
        return
    earlier = target.with_name(f".{target.name}.{os.getpid()}.old")
    target.rename(earlier)
    try:
        temporary.rename(target)
    except BaseException:
        earlier.rename(target)
        raise
    for entry in earlier.iterdir():
        if entry.name not in FILES:
            entry.rename(target / entry.name)
    shutil.rmtree(earlier)


def write_content(folder: Path, gathered: Gathered) -> None:
    """Write the tables and the answers."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for code, split in enumerate(SPLITS):
        chosen = gathered.usable & (gathered.codes == code)
        if not chosen.any():
            continue
        path = folder / split_file(split)
        with pq.ParquetWriter(path, schema(), compression="zstd") as writer:
            for batch in gathered.rows.batches(chosen):
                writer.write_batch(batch)
    gathered.vocabulary.save(folder / ANSWERS_FILE)
    images = gathered.images
    table = pa.table(
        {
            "image": pa.array([facts.image for facts in images], pa.string()),
            "sha256": pa.array([facts.sha256 for facts in images], pa.string()),
            "bytes": pa.array([facts.bytes for facts in images], pa.int64()),
            "width": pa.array([facts.width for facts in images], pa.int32()),
            "height": pa.array([facts.height for facts in images], pa.int32()),
        }
    )
    pq.write_table(table, folder / IMAGES_FILE, compression="zstd")


def write_info(folder: Path, info: Mapping[str, Any]) -> None:
    """Write dataset.json last: `info` and the hashes of the files in the folder.

    Those of images that lie there too stand in images.parquet.
    """
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    content = {name: digest_of(folder / name) for name in names}
    fingerprint = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    write_json(
        folder / INFO_FILE,
        {
            "format_version": FORMAT_VERSION,
            "kind": KIND,
            "fingerprint": fingerprint,
            **info,
            "content": content,
        },
    )
