"""Columns of an Arrow table as plain Python values, of which equal texts are one object.

A million questions have few distinct answers and images: as objects of their own they would take
several times the memory, and longer to make.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Values = NDArray[np.object_]


class SharedValues:
    """Makes Python values of columns; a text that was met before is the same object again."""

    def __init__(self) -> None:
        self._met: dict[str, str] = {}

    def of(self, column: pa.ChunkedArray) -> Values:
        """The values (rows,): str, list of str, bool or None."""
        parts = [self._of_chunk(chunk) for chunk in column.chunks]
        return np.concatenate(parts) if parts else np.empty(0, dtype=object)

    def _of_chunk(self, chunk: pa.Array) -> Values:
        import pyarrow as pa

        if pa.types.is_list(chunk.type):
            return self._lists(chunk)
        if pa.types.is_string(chunk.type) or pa.types.is_dictionary(chunk.type):
            return self._texts(chunk)
        return objects(chunk.to_pylist())

    def _texts(self, chunk: pa.Array) -> Values:
        encoded = chunk.dictionary_encode()
        texts = encoded.dictionary.to_pylist()
        shared = objects([*(self._met.setdefault(text, text) for text in texts), None])
        places = encoded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
        values: Values = shared[places]
        return values

    def _lists(self, chunk: pa.Array) -> Values:
        texts = self._of_chunk(chunk.flatten()).tolist()
        ends = np.cumsum(chunk.value_lengths().fill_null(0).to_numpy(zero_copy_only=False))
        lists, start = [], 0
        for end, valid in zip(ends.tolist(), chunk.is_valid().to_pylist(), strict=True):
            lists.append(texts[start:end] if valid else None)
            start = end
        return objects(lists)


def objects(values: list[Any]) -> Values:
    """The values as an array of objects (rows,), whatever they are."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
