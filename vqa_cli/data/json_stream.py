"""Large JSON files, read entry by entry in constant memory; and a look at how a file begins.

msgspec decodes twice as fast as the standard library and gives equal values. What it refuses is
decoded again by the standard library, which takes more (NaN, half characters) and says what is
wrong where.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from vqa_cli.errors import DataError

CHUNK = 1 << 18
"""Characters that are read at once."""

_MEMBERS_PEEKED = 16
_TRIES = 8
_FIRST_KEY = re.compile(r'\{\s*"[^"\\]*"')
_quick = msgspec.json.Decoder().decode


def decode(text: str) -> Any:
    """What `json.loads` gives, quicker. Raises ValueError and RecursionError as that does."""
    try:
        return _quick(text)
    except (msgspec.DecodeError, RecursionError):
        return json.loads(text)


_SPACES = re.compile(r"[ \t\n\r]*")


def entries(path: Path, key: str | None = None, shape: type = Any) -> Iterator[Any]:
    """Yield the elements of the list that the file holds; with `key`, of that member of an object.

    shape: a TypedDict of what is wanted of an element. The rest may be passed over, which is
    quicker; an element of another shape comes whole.

    Raises DataError where the file cannot be read, is no JSON (with line and column), or holds
    something else.
    """
    with _Stream(path, shape) as stream:
        if key is not None:
            wanted = f'must be an object with a list "{key}"'
            for name in stream.keys(wanted):
                if name == key:
                    yield from stream.elements(f'"{key}" must be a list')
                    return
                stream.skip()
            raise DataError(f"{path}: {wanted}; there is none")
        yield from stream.elements("must be a list")
        stream.end()


def members(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the members of the object that the file holds. Raises DataError as `entries` does."""
    with _Stream(path) as stream:
        for key in stream.keys("must be an object"):
            yield key, stream.value()
        stream.end()


def lines(path: Path) -> Iterator[Any]:
    """Yield the values of a file that holds one after the other: JSON lines.

    Raises DataError as `entries` does.
    """
    with _Stream(path) as stream:
        while stream.next():
            yield stream.value()


@dataclass(frozen=True)
class JsonPeek:
    """How a JSON file begins.

    kind: a list, an object, or values one after the other.
    entry: the first of a list or of such values; None of an empty list.
    values: the first members of an object but lists. lists: the first element of those members
    that are lists, None for an empty one. What follows the first list of objects is not read.
    """

    kind: Literal["list", "object", "lines"]
    entry: Any = None
    values: dict[str, Any] = field(default_factory=dict)
    lists: dict[str, Any] = field(default_factory=dict)

    def has(self, *keys: str) -> bool:
        """Whether the first entry is an object with these members."""
        return isinstance(self.entry, dict) and all(key in self.entry for key in keys)

    def list_has(self, name: str, *keys: str) -> bool:
        """Whether the list `name` begins with an object with these members."""
        first = self.lists.get(name)
        return isinstance(first, dict) and all(key in first for key in keys)


def peek(path: Path) -> JsonPeek | None:
    """Look at the beginning of a file; None where it is no JSON list or object."""
    try:
        with _Stream(path) as stream:
            first = stream.next()
            if first == "[":
                return JsonPeek("list", next(stream.elements(""), None))
            return _peek_object(stream) if first == "{" else None
    except DataError:
        return None


def _peek_object(stream: _Stream) -> JsonPeek:
    values: dict[str, Any] = {}
    lists: dict[str, Any] = {}
    for key in stream.keys(""):
        if stream.next() != "[":
            values[key] = stream.value()
        else:
            elements = stream.elements("")
            lists[key] = next(elements, None)
            if isinstance(lists[key], dict):
                return JsonPeek("object", None, values, lists)
            for _ in elements:
                pass
        if len(values) + len(lists) >= _MEMBERS_PEEKED:
            return JsonPeek("object", None, values, lists)
    if stream.next():
        return JsonPeek("lines", values | lists)
    return JsonPeek("object", None, values, lists)


class _Stream:
    """The text of a file, of which only a piece is in memory, and a place in it."""

    def __init__(self, path: Path, shape: Any = Any) -> None:
        self._path = path
        self._decode_list = msgspec.json.Decoder(list[shape]).decode
        self._text = ""
        self._at = 0
        self._behind = 0  # characters
        self._ended = False
        self._size = CHUNK
        self._one_by_one = 0
        self._decode = json.JSONDecoder().raw_decode

    def __enter__(self) -> _Stream:
        try:
            self._file = self._path.open(encoding="utf-8-sig", newline="")
        except OSError as error:
            raise self._unreadable(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _unreadable(self, error: OSError) -> DataError:
        return DataError(f"{self._path}: cannot be read: {error.strerror or error}")

    def _read_on(self) -> None:
        """Drop what is behind, and read another piece."""
        try:
            piece = self._file.read(self._size)
        except OSError as error:
            raise self._unreadable(error) from error
        except UnicodeDecodeError as error:
            byte, (line, _) = error.object[error.start], self._place(self._at)
            raise DataError(
                f"{self._path}: is no UTF-8 text (byte 0x{byte:02x}, after line {line:,}); "
                "save it as UTF-8 and try again"
            ) from error
        self._ended = not piece
        self._text = self._text[self._at :] + piece
        self._behind += self._at
        self._one_by_one -= self._at
        self._at = 0

    def next(self) -> str:
        """The next character that is no space, without taking it; "" at the end."""
        while True:
            match = _SPACES.match(self._text, self._at)
            assert match is not None  # it matches nothing, too
            self._at = match.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._read_on()

    def _take(self, wanted: str, problem: str) -> None:
        if self.next() != wanted:
            raise self._broken(problem, self._at)
        self._at += 1

    def _broken(self, problem: str, place: int) -> DataError:
        line, column = self._place(place)
        return DataError(f"{self._path}: no valid JSON at line {line}, column {column}: {problem}")

    def _place(self, place: int) -> tuple[int, int]:
        """Line and column, from 1, of a place in the piece.

        Counted from the beginning of the file: nobody asks before something is wrong.
        """
        line, column, left = 1, 1, self._behind + place
        with self._path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
            while left > 0 and (text := file.read(min(left, CHUNK))):
                left -= len(text)
                breaks = text.count("\n")
                line += breaks
                column = len(text) - text.rfind("\n") if breaks else column + len(text)
        return line, column

    def value(self) -> Any:
        """Take the next value, whole."""
        self.next()
        self._size = CHUNK
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except json.JSONDecodeError as error:
                problem, place = error.msg, error.pos
            except RecursionError as error:
                raise DataError(f"{self._path}: no dataset: nested too deeply") from error
            except ValueError as error:  # a number of 5,000 digits
                raise self._broken(str(error), self._at) from error
            else:
                # A number that ends with the piece may go on in the next one: "1", "e+", "5".
                if end + 2 < len(self._text) or self._ended:
                    self._at = end
                    return value
                problem, place = "", end
            if self._ended:
                raise self._broken(problem, place)
            self._size *= 2  # what is long is not tried again and again
            self._read_on()

    def elements(self, wanted: str) -> Iterator[Any]:
        """Take a list, element by element. Raises DataError (`wanted`) where there is none."""
        opening = None
        for _ in self._items("[", "]", wanted):
            if opening:
                yield from self._several(opening[0])
            self.next()
            opening = opening or _FIRST_KEY.match(self._text, self._at)
            yield self.value()

    def _several(self, opening: str) -> list[Any]:
        """Take at once those elements that lie whole in the piece: all up to the last `opening`.

        What is valid between the brackets of a list and ends before a comma is a list's
        beginning, wherever that last place was; if it was within an element, nothing is taken.
        """
        last = len(self._text)
        for _ in range(_TRIES if self._at >= self._one_by_one else 0):
            last = self._text.rfind(opening, self._at + 1, last)
            if last < 0:
                return []
            before = self._text[self._at : last].rstrip()
            if before.endswith(","):
                break
        else:
            return []
        try:
            values = self._decode_list(f"[{before[:-1]}]")
        except (msgspec.DecodeError, RecursionError):
            self._one_by_one = last
            return []
        self._at = last
        return values

    def keys(self, wanted: str) -> Iterator[str]:
        """Take an object, key by key; between two keys the value must be taken."""
        for _ in self._items("{", "}", wanted):
            if self.next() != '"':
                raise self._broken("Expecting property name enclosed in double quotes", self._at)
            key = self.value()
            self._take(":", "Expecting ':' delimiter")
            yield key

    def _items(self, opening: str, closing: str, wanted: str) -> Iterator[None]:
        found = self.next()
        if found != opening:
            if found and found in '{["-0123456789tfn':
                raise DataError(f"{self._path}: {wanted}")
            raise self._broken("Expecting value", self._at)
        self._at += 1
        if self.next() == closing:
            self._at += 1
            return
        while True:
            yield
            if self.next() == closing:
                self._at += 1
                return
            self._take(",", "Expecting ',' delimiter")

    def skip(self) -> None:
        """Take the next value; of a long list no more than an element is in memory."""
        if self.next() == "[":
            for _ in self.elements(""):
                pass
        else:
            self.value()

    def end(self) -> None:
        """Raises DataError where something follows."""
        if self.next():
            raise self._broken("Extra data", self._at)
