"""The rows of a dataset while it is prepared: columns in Arrow, and what splits are made by."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from vqa_cli.data.example import SPLITS, Example

NO_SPLIT = len(SPLITS)
"""The code of a row whose source brings no splits; the others are places in `SPLITS`."""
_BATCH = 16_384

_CODES = {None: NO_SPLIT} | {split: code for code, split in enumerate(SPLITS)}
_REPEATED = ("answer_kind", "question_type", "answer_type")
"""Columns with few distinct values, which are kept but once a batch."""

Mask = npt.NDArray[np.bool_]
_Row = tuple[Any, ...]


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


@cache
def _stored_schema() -> Any:
    """The columns as they are kept: without images and groups, which are kept as numbers."""
    import pyarrow as pa

    repeated = pa.dictionary(pa.int32(), pa.string())
    kept = [field for field in schema() if field.name not in ("image", "group")]
    return pa.schema([f.with_type(repeated) if f.name in _REPEATED else f for f in kept])


class Rows:
    """All rows in the order of the source, N of them.

    images, groups: the distinct ones, in the order in which they were first met.
    image_of, group_of (N,): each row's place in those.
    split_of (N,): its split as the source brings it, or NO_SPLIT.
    answered (N,): whether it has an answer.
    """

    def __init__(self) -> None:
        self._pending: list[_Row] = []
        self._batches: list[Any] = []
        self._images: dict[str, int] = {}
        self._groups: dict[str, int] = {}
        self._image_of, self._group_of = array("i"), array("i")
        self._split_of, self._answered = bytearray(), bytearray()

    def add(self, example: Example, image: str) -> None:
        """Add a row with its image as it was found."""
        extra = example.extra
        self._pending.append(
            (
                image,
                image if example.group is None else example.group,
                example.split,
                example.question,
                example.answers,
                example.answer_kind,
                example.question_id,
                example.question_type,
                example.answer_type,
                example.answerable,
                example.choices,
                json.dumps(extra, sort_keys=True, default=str) if extra else "{}",
            )
        )
        if len(self._pending) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        """Turn the pending rows into columns: numbers for images, groups and splits, Arrow else."""
        import pyarrow as pa

        if not self._pending:
            return
        images, groups, splits, *others = zip(*self._pending, strict=True)
        self._pending.clear()
        self._image_of.extend(_places(images, self._images))
        self._group_of.extend(_places(groups, self._groups))
        self._split_of.extend(_CODES[split] for split in splits)
        self._answered.extend(map(bool, others[1]))
        stored = _stored_schema()
        # Arrow's own allocator would keep as much again for itself.
        pool = pa.system_memory_pool()
        columns = [
            pa.array(c, f.type, memory_pool=pool) for c, f in zip(others, stored, strict=True)
        ]
        self._batches.append(pa.RecordBatch.from_arrays(columns, schema=stored))

    def rename(self, question_ids: Mapping[int, str]) -> None:
        """Give the rows at some places other ids."""
        import pyarrow as pa

        self._flush()
        start = 0
        for number, batch in enumerate(self._batches):
            places = range(start, start + batch.num_rows)
            start += batch.num_rows
            if any(place in question_ids for place in places):
                old = batch.column("question_id").to_pylist()
                new = [question_ids.get(*pair) for pair in zip(places, old, strict=True)]
                column = batch.schema.get_field_index("question_id")
                field = batch.schema.field(column)
                self._batches[number] = batch.set_column(column, field, pa.array(new, field.type))

    def __len__(self) -> int:
        return len(self._split_of) + len(self._pending)

    @property
    def images(self) -> list[str]:
        self._flush()
        return list(self._images)

    @property
    def groups(self) -> list[str]:
        self._flush()
        return list(self._groups)

    @property
    def image_of(self) -> npt.NDArray[np.int32]:
        self._flush()
        return np.array(self._image_of, dtype=np.int32)

    @property
    def group_of(self) -> npt.NDArray[np.int32]:
        self._flush()
        return np.array(self._group_of, dtype=np.int32)

    @property
    def split_of(self) -> npt.NDArray[np.uint8]:
        self._flush()
        return np.array(self._split_of, dtype=np.uint8)

    @property
    def answered(self) -> Mask:
        self._flush()
        return np.array(self._answered, dtype=bool)

    def batches(self, chosen: Mask, *columns: str) -> Iterator[Any]:
        """Yield the chosen (N,) rows as pyarrow record batches of `columns`: those of `schema`."""
        import pyarrow as pa

        self._flush()
        fields = [field for field in schema() if not columns or field.name in columns]
        coded = {
            name: (pa.array(list(known), pa.string()), places)
            for name, known, places in (
                ("image", self._images, self.image_of),
                ("group", self._groups, self.group_of),
            )
            if not columns or name in columns
        }
        start = 0
        for batch in self._batches:
            rows = slice(start, start + batch.num_rows)
            start += batch.num_rows
            if not (mask := chosen[rows]).any():
                continue
            arrays = [
                _taken(*coded[field.name], rows)
                if field.name in coded
                else batch.column(field.name).cast(field.type)
                for field in fields
            ]
            whole = pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))
            yield whole if mask.all() else whole.filter(pa.array(mask))

    def texts(self, column: str, places: npt.NDArray[np.intp]) -> list[str]:
        """The values of a text column at a few places."""
        chosen = np.zeros(len(self), dtype=bool)
        chosen[places] = True
        return [text for b in self.batches(chosen, column) for text in b.column(0).to_pylist()]


def _taken(names: Any, places: npt.NDArray[np.int32], rows: slice) -> Any:
    import pyarrow as pa

    return names.take(pa.array(places[rows]))


def _places(values: Iterable[str], known: dict[str, int]) -> list[int]:
    """The place of each value among the known ones; new ones are added."""
    return [known.setdefault(value, len(known)) for value in values]
