"""Texts as numbers: columns of Arrow in, numpy out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int32]


def encode(columns: Iterable[Any]) -> tuple[Places, Any]:
    """Number the distinct texts of pyarrow string columns in the order in which they come.

    Returns the number of each value (N,), -1 for none, and the distinct texts as a pyarrow array.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    # All chunks of what this gives have the same dictionary.
    chunks = pa.chunked_array([pa.array([], pa.string()), *columns]).dictionary_encode()
    codes = np.empty(len(chunks), dtype=np.int32)
    start = 0
    for chunk in chunks.chunks:
        filled = pc.fill_null(chunk.indices, -1).to_numpy(zero_copy_only=False)
        codes[start : start + len(filled)] = filled
        start += len(filled)
    texts = chunks.chunk(0).dictionary if chunks.num_chunks else pa.array([], pa.string())
    return codes, texts
