"""Reading pickle files that hold plain data, and no others: a pickle can run any code."""

from __future__ import annotations

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any, NoReturn

from vqa_cli.errors import DataError

_PLAIN = frozenset(
    [
        *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP"),
        *("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET"),
        *("NONE", "NEWTRUE", "NEWFALSE", "FLOAT", "BINFLOAT"),
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING"),
        *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
        *("EMPTY_LIST", "APPEND", "APPENDS", "LIST", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS"),
        *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    ]
)
"""The instructions of a pickle that build dicts, lists, tuples, texts, numbers, booleans, None."""
_NAMING = ("GLOBAL", "INST", "STACK_GLOBAL")


def load_plain(path: Path) -> Any:
    """The dicts, lists, tuples, texts, numbers, booleans and None that a pickle file holds.

    Raises DataError where it cannot be read or holds anything else; none of it is built then.
    """
    try:
        data = path.read_bytes()
        _check(path, data)
        return _PlainUnpickler(io.BytesIO(data), encoding="utf-8").load()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except _BROKEN as error:
        raise DataError(f"{path}: no readable pickle file: {error}") from error


_BROKEN = (
    *(pickle.UnpicklingError, EOFError, ValueError, LookupError, TypeError, AttributeError),
    *(MemoryError, OverflowError, RecursionError),
)
"""What a damaged pickle can raise; UnicodeDecodeError is a ValueError."""


def _check(path: Path, data: bytes) -> None:
    """Raises DataError at the first instruction that makes anything but plain data."""
    strings: list[str] = []
    for instruction, argument, _ in pickletools.genops(data):
        name = instruction.name
        if name not in _PLAIN:
            what = argument if name in ("GLOBAL", "INST") else ".".join(strings[-2:])
            shown = f"{what}".replace(" ", ".") if name in _NAMING else name
            raise DataError(
                f"{path}: holds more than plain data ({shown}) and is not loaded, since such a "
                "pickle can run any code; get the data as JSON, csv or parquet"
            )
        if isinstance(argument, str):
            strings = [*strings[-1:], argument]
        elif name.endswith("PUT") and not 0 <= int(argument or 0) <= len(data):
            raise ValueError(f"a memo of {argument:,} places")  # all of which would be made


class _PlainUnpickler(pickle.Unpickler):
    """Refuses every class and function, should an instruction for one have been overlooked."""

    def find_class(self, module_name: str, global_name: str, /) -> NoReturn:
        raise pickle.UnpicklingError(f"{module_name}.{global_name} is no plain data")
