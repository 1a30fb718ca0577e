"""Outputs of frozen encoders, computed once per distinct image or question and encoder.

    <features>/image-1f0c.../        one store: one encoder, its weights, transform and precision
        key.json                     what it is a store of
        7a1d....safetensors          shards, see vqa_cli.data.feature_shards
        .lock                        held by the process that writes

Items are named by the hash of their content, so that two datasets, splits or runs share them.
Shards are only ever added, each at once: whoever reads needs no lock, and a stop loses no more
than the shard in flight. Tokens are float16: what is read back is the same whether it was
computed a moment or a month ago.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.feature_shards import (
    KEY_BYTES,
    SUFFIX,
    DamagedShardError,
    Shard,
    open_shard,
    write_shard,
)
from vqa_cli.data.writer_lock import locked
from vqa_cli.errors import DataError
from vqa_cli.files import write_json

FORMAT_VERSION = 1
KIND = "vqa-features"
KEY_FILE = "key.json"
SPARE_BYTES = 64 << 20
"""So much of the disk is left free."""

Rows = NDArray[np.int64]


class FeatureStore:
    """The features of one encoder, a row an item; an item has N tokens of `width`.

    Rows are numbers within this object. They stay what they are when shards are added.
    """

    def __init__(self, folder: Path, key: Mapping[str, Any], width: int) -> None:
        self.folder = folder
        self.key = dict(key)
        self.width = width
        self.damaged: tuple[Path, ...] = ()
        self._rows: dict[str, int] = {}
        self._shards: list[Shard] = []
        self._opened: set[str] = set()
        self._shard_of: Rows = np.empty(0, np.int64)
        self._start_of: Rows = np.empty(0, np.int64)
        self._length_of: Rows = np.empty(0, np.int64)

    @classmethod
    def open(cls, features: Path, key: Mapping[str, Any], width: int) -> Self:
        """Open the store of `key` below the folder `features`, empty where there is none yet.

        key: JSON values that say what made the features: their `kind`, the encoder's weights,
        the transform, the precision. Nothing is written until there is something to keep.
        """
        whole = {"kind": "features", **key, "width": width, "format_version": FORMAT_VERSION}
        digest = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
        store = cls(features / f"{whole['kind']}-{digest[:16]}", whole, width)
        store.refresh()
        return store

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def missing(self, keys: Iterable[str]) -> list[str]:
        """Those of `keys` (hex SHA-256) that have no features yet, each once, in their order."""
        return [key for key in dict.fromkeys(keys) if key not in self._rows]

    def lookup(self, keys: Iterable[str]) -> Rows:
        """The row of each key (hex SHA-256). Raises KeyError where there is none."""
        return np.array([self._rows[key] for key in keys], dtype=np.int64)

    def lengths(self, rows: Rows) -> Rows:
        """How many tokens each row has."""
        return self._length_of[rows]

    def gather(self, rows: Rows) -> NDArray[np.float16]:
        """The tokens of rows that all have N of them: float16 (len(rows), N, width)."""
        lengths = np.unique(self._length_of[rows])
        if len(lengths) > 1:
            raise ValueError(f"rows of {lengths.tolist()} tokens; gather_padded takes those")
        tokens = int(lengths[0]) if len(lengths) else 0
        gathered = np.empty((len(rows), tokens, self.width), dtype=np.float16)
        for place, item in enumerate(self._items(rows)):
            gathered[place] = item
        return gathered

    def gather_padded(self, rows: Rows) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
        """Ragged rows, padded with zeros to the longest: (Q, L, width), and their mask (Q, L)."""
        lengths = self._length_of[rows]
        longest = int(lengths.max(initial=0))
        gathered = np.zeros((len(rows), longest, self.width), dtype=np.float16)
        for place, item in enumerate(self._items(rows)):
            gathered[place, : len(item)] = item
        mask = np.arange(longest) < lengths[:, None]
        return gathered, mask.astype(np.int64)

    def _items(self, rows: Rows) -> Iterator[NDArray[np.float16]]:
        places = zip(
            self._shard_of[rows].tolist(),
            self._start_of[rows].tolist(),
            self._length_of[rows].tolist(),
            strict=True,
        )
        for shard, start, length in places:
            yield self._shards[shard].tokens[start : start + length]

    def refresh(self) -> None:
        """Take in the shards that were written since, by this process or another."""
        damaged, found = [], []
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            if path.name in self._opened or path.name.startswith("."):
                continue
            try:
                found.append(open_shard(path, self.width))
                self._opened.add(path.name)
            except DamagedShardError:
                damaged.append(path)
        self.damaged = tuple(damaged)
        self._add(found)

    def _add(self, shards: Sequence[Shard]) -> None:
        """Take in all of them at once: one after the other would copy the index each time."""
        row = len(self._shard_of)
        for key in chain.from_iterable(shard.keys for shard in shards):
            self._rows.setdefault(key, row)
            row += 1
        numbers = np.arange(len(self._shards), len(self._shards) + len(shards))
        counts = [len(shard.keys) for shard in shards]
        starts = [shard.offsets[:-1] for shard in shards]
        lengths = [np.diff(shard.offsets) for shard in shards]
        self._shard_of = np.concatenate([self._shard_of, np.repeat(numbers, counts)])
        self._start_of = np.concatenate([self._start_of, *starts])
        self._length_of = np.concatenate([self._length_of, *lengths])
        self._shards += shards

    def write_shard(
        self, keys: Sequence[str], tokens: NDArray[np.float16], lengths: Sequence[int]
    ) -> Path:
        """Keep items of `lengths` tokens each, from `tokens` (sum of lengths, width).

        The file is named by its keys: the same items again replace it. Raises DataError where
        it cannot be written.
        """
        name = hashlib.sha256("".join(keys).encode()).hexdigest()[:16]
        path = self.folder / f"{name}{SUFFIX}"
        try:
            write_shard(path, keys, tokens, lengths)
        except OSError as error:
            raise DataError(
                f"{path}: cannot be written: {error}; what was written before is kept"
            ) from error
        self.refresh()
        return path

    def bytes_for(self, items: int, tokens: int) -> int:
        """How many bytes `items` with `tokens` in all take on the disk, headers aside."""
        return tokens * self.width * 2 + items * (KEY_BYTES + 8)

    def check_space(self, items: int, tokens: int) -> None:
        """Raise DataError unless the disk has room for that, and some to spare."""
        needed, free = self.bytes_for(items, tokens), shutil.disk_usage(self.folder).free
        if needed + SPARE_BYTES > free:
            raise DataError(
                f"{self.folder}: the features need {size(needed)}, and only {size(free)} are free "
                "on that disk; free some space (vqa cache shows what earlier features take)"
            )

    @contextmanager
    def writing(self, report: Reporter = SILENT, *, wait: bool = True) -> Iterator[None]:
        """Be the only writer while the block runs; make the folder and clean it up first.

        Waits for another writer, or with `wait=False` raises DataError. The lock goes with the
        process that holds it, however that ends.
        """
        lock = locked(self.folder, report, wait)
        try:
            os.truncate(lock, 0)
            os.write(lock, str(os.getpid()).encode())
            self.refresh()
            self._clean()
            write_json(self.folder / KEY_FILE, {"kind": KIND, "key": self.key})
            yield
        finally:
            os.close(lock)  # which also unlocks

    def _clean(self) -> None:
        """Remove what killed writers and damage left; only ever called by the one writer."""
        for path in (*self.folder.glob(".*.tmp"), *self.damaged):
            path.unlink(missing_ok=True)
        self.damaged = ()


def size(count: int) -> str:
    """Bytes for people: 1536 -> "1.5 kB"."""
    amount, units = float(count), ["bytes", "kB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount /= 1000
        units.pop(0)
    return f"{amount:.0f} {units[0]}" if units[0] == "bytes" else f"{amount:.1f} {units[0]}"
