"""The rows of a dataset while it is prepared: columns in Arrow, and what splits are made by."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from vqa_cli.data.example import SPLITS, Example

NO_SPLIT = len(SPLITS)
"""The code of a row whose source brings no splits; the others are places in `SPLITS`."""
_BATCH = 16_384

Mask = npt.NDArray[np.bool_]


def schema() -> Any:
    """The columns of a split's parquet file, as a pyarrow schema."""
    import pyarrow as pa

    texts = pa.list_(pa.string())
    return pa.schema(
        [
            pa.field("image", pa.string(), nullable=False),
            pa.field("question", pa.string(), nullable=False),
            pa.field("answers", texts, nullable=False),
            pa.field("answer_kind", pa.string(), nullable=False),
            pa.field("question_id", pa.string(), nullable=False),
            pa.field("question_type", pa.string()),
            pa.field("answer_type", pa.string()),
            pa.field("answerable", pa.bool_()),
            pa.field("choices", texts),
            pa.field("group", pa.string(), nullable=False),
            pa.field("extra", pa.string(), nullable=False),
        ]
    )


class Rows:
    """All rows in the order of the source, N of them.

    images, groups: the distinct ones, in the order in which they were first met.
    image_of, group_of (N,): each row's place in those.
    split_of (N,): its split as the source brings it, or NO_SPLIT.
    answered (N,): whether it has an answer.
    """

    def __init__(self) -> None:
        self._schema = schema()
        self._pending: list[tuple[Any, ...]] = []
        self._batches: list[Any] = []
        self._images: dict[str, int] = {}
        self._groups: dict[str, int] = {}
        self._image_of, self._group_of = array("i"), array("i")
        self._split_of, self._answered = bytearray(), bytearray()

    def add(self, example: Example, image: str, question_id: str) -> None:
        """Add a row with its image as it was found, and its id made unique."""
        group = example.group if example.group is not None else image
        self._image_of.append(self._images.setdefault(image, len(self._images)))
        self._group_of.append(self._groups.setdefault(group, len(self._groups)))
        self._split_of.append(SPLITS.index(example.split) if example.split else NO_SPLIT)
        self._answered.append(bool(example.answers))
        extra = example.extra
        self._pending.append(
            (
                image,
                example.question,
                example.answers,
                example.answer_kind,
                question_id,
                example.question_type,
                example.answer_type,
                example.answerable,
                example.choices,
                group,
                json.dumps(extra, sort_keys=True, default=str) if extra else "{}",
            )
        )
        if len(self._pending) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._pending:
            columns = zip(*self._pending, strict=True)
            arrays = [pa.array(c, f.type) for c, f in zip(columns, self._schema, strict=True)]
            self._batches.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
            self._pending.clear()

    def __len__(self) -> int:
        return len(self._split_of)

    @property
    def images(self) -> list[str]:
        return list(self._images)

    @property
    def groups(self) -> list[str]:
        return list(self._groups)

    @property
    def image_of(self) -> npt.NDArray[np.int32]:
        return np.array(self._image_of, dtype=np.int32)

    @property
    def group_of(self) -> npt.NDArray[np.int32]:
        return np.array(self._group_of, dtype=np.int32)

    @property
    def split_of(self) -> npt.NDArray[np.uint8]:
        return np.array(self._split_of, dtype=np.uint8)

    @property
    def answered(self) -> Mask:
        return np.array(self._answered, dtype=bool)

    def batches(self, chosen: Mask) -> Iterator[Any]:
        """Yield the chosen (N,) rows as pyarrow record batches of the columns of `schema`."""
        import pyarrow as pa

        self._flush()
        start = 0
        for batch in self._batches:
            mask = chosen[start : start + batch.num_rows]
            start += batch.num_rows
            if mask.any():
                yield batch if mask.all() else batch.filter(pa.array(mask))

    def texts(self, column: str, places: npt.NDArray[np.intp]) -> list[str]:
        """The values of a text column at a few places."""
        chosen = np.zeros(len(self), dtype=bool)
        chosen[places] = True
        return [text for b in self.batches(chosen) for text in b.column(column).to_pylist()]
