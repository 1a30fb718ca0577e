"""One file of encoder outputs: written at once, read through the operating system's page cache.

A shard is a safetensors file of three tensors, for K items with T tokens of width D in all:

    tokens   float16 (T, D)    the items' tokens, one item after the other
    offsets  int64   (K + 1,)  item k has the tokens offsets[k]:offsets[k + 1]
    keys     uint8   (K, 32)   the SHA-256 of each item's content
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from vqa_cli.files import replacing

SUFFIX = ".safetensors"
KEY_BYTES = 32
_DTYPES = {"F16": np.float16, "I64": np.int64, "U8": np.uint8}


class DamagedShardError(Exception):
    """A shard file that is not whole; what it held is computed anew."""


@dataclass(frozen=True)
class Shard:
    """An open shard; `tokens` (T, D) is memory-mapped, `keys` are hex digests."""

    tokens: NDArray[np.float16]
    offsets: NDArray[np.int64]
    keys: list[str]


def write_shard(
    path: Path, keys: Sequence[str], tokens: NDArray[np.float16], lengths: Sequence[int]
) -> None:
    """Write items of `lengths` tokens each: whole or not at all; the same input, the same bytes."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    if len(keys) != len(lengths) or offsets[-1] != len(tokens):
        raise ValueError(f"{len(keys)} keys, {len(lengths)} lengths, {len(tokens)} tokens")
    digests = np.frombuffer(bytes.fromhex("".join(keys)), dtype=np.uint8)
    content = {
        "tokens": np.ascontiguousarray(tokens, dtype=np.float16),
        "offsets": offsets,
        "keys": digests.reshape(len(keys), KEY_BYTES),
    }
    with replacing(path) as temporary:
        save_file(content, temporary)
        # Without this, a power cut after the renaming could leave a file of zeros.
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())


def open_shard(path: Path, width: int) -> Shard:
    """Open a shard of tokens of `width`. Raises DamagedShardError where it is not whole."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > path.stat().st_size:
                raise DamagedShardError(f"{path}: its header is damaged")
            header = json.loads(file.read(length))
        tensors = {name: _map(path, 8 + length, entry) for name, entry in header.items()}
        tokens, offsets, keys = (tensors[name] for name in ("tokens", "offsets", "keys"))
        whole = (
            tokens.ndim == 2
            and tokens.shape[1] == width
            and keys.shape == (len(offsets) - 1, KEY_BYTES)
            and offsets[0] == 0
            and offsets[-1] == len(tokens)
            and bool((np.diff(offsets) >= 0).all())
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError, struct.error) as error:
        raise DamagedShardError(f"{path}: {error}") from error
    if not whole:
        raise DamagedShardError(f"{path}: its tensors do not fit together")
    return Shard(tokens, np.array(offsets), [row.tobytes().hex() for row in keys])


def _map(path: Path, start: int, entry: dict[str, Any]) -> NDArray[Any]:
    """Map one tensor; a file too short for it is a ValueError."""
    begin, end = entry["data_offsets"]
    dtype, shape = np.dtype(_DTYPES[entry["dtype"]]), tuple(entry["shape"])
    if end - begin != dtype.itemsize * int(np.prod(shape)):
        raise ValueError("a tensor's shape does not fit its bytes")
    mapped = np.memmap(path, dtype=dtype, mode="r", offset=start + begin, shape=shape)
    return mapped.view(np.ndarray)  # slices of plain arrays are several times faster to take
