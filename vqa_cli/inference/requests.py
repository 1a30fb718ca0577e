"""Where the questions of a batch come from: JSON lines, a CSV file, or one set for many images.

A line that cannot be used becomes a request with an `error`, and the stream goes on.
"""

from __future__ import annotations

import csv
import glob
import json
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn, cast

from vqa_cli.data.image_files import IMAGE_SUFFIXES
from vqa_cli.data.preprocessor import normalize_question
from vqa_cli.errors import DataError
from vqa_cli.inference.image_sources import STDIN, shown
from vqa_cli.inference.line_stream import MAX_LINE, LineStream

IDS = ("id", "question_id")
"""What a line may be called by; passed through to its answers as it is."""
TABLES = {".csv": ",;\t", ".tsv": "\t"}
_COUNTED = 1 << 20
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Request:
    """Questions about one image.

    line: where it stands in the batch, from 1; None where it stands in none.
    error: why it cannot be asked; image and questions are then what is known of them.
    """

    image: str | None
    questions: tuple[str, ...]
    line: int | None = None
    ids: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None

    @property
    def size(self) -> int:
        """About how many characters it holds."""
        return len(self.image or "") + sum(map(len, self.questions))


@dataclass(frozen=True)
class Batch:
    """A stream of requests.

    total: how many there are, or lines, where they are numbered; None where nobody knows.
    waits: whether the next request has to be waited for.
    """

    requests: Iterator[Request]
    total: int | None
    waits: Callable[[], bool] = lambda: False


@contextmanager
def open_batch(source: str) -> Iterator[Batch]:
    """Open a batch: a file, by its ending a table or JSON lines; or `-`, JSON lines on stdin.

    Raises DataError where the file cannot be read, or is a table without the columns needed.
    """
    if source == STDIN:
        if sys.stdin is None or sys.stdin.isatty():
            raise DataError("--batch -: JSON lines are expected on stdin; pipe some there")
        lines = LineStream(cast(BufferedReader, sys.stdin.buffer))
        yield Batch(_from_json(lines), None, lines.waits)
        return
    with _open(source) as file:
        total = _count_lines(file) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
        lines = LineStream(file)
        delimiters = TABLES.get(Path(source).suffix.lower())
        requests = _from_table(lines, source, delimiters) if delimiters else _from_json(lines)
        yield Batch(requests, total, lines.waits)


def _open(source: str) -> BufferedReader:
    try:
        return open(source, "rb")
    except FileNotFoundError as error:
        raise DataError(f"--batch {source}: no such file") from error
    except IsADirectoryError as error:
        raise DataError(
            f"--batch {source}: is a folder; --images asks the same about all images of one"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise DataError(f"--batch {source}: cannot be read: {error}") from error


def _count_lines(file: BufferedReader) -> int:
    count, last = 0, b"\n"
    while chunk := file.read(_COUNTED):
        count, last = count + chunk.count(b"\n"), chunk[-1:]
    file.seek(0)
    return count + (last != b"\n")


def requests_about(images: Sequence[str], questions: Iterable[str]) -> Batch:
    """The same questions about each image. Raises DataError where one is empty."""
    asked = tuple(questions)
    for question in asked:
        normalize_question(question)
    return Batch((Request(image, asked) for image in images), len(images))


def find_images(text: str) -> list[str]:
    """The images of a folder, those in folders below included, or the files of a glob; sorted.

    In a folder an image is known by its ending; of a glob (`**` goes through all folders) all
    files are taken. Raises DataError where there is none.
    """
    path = os.path.expanduser(text)
    if os.path.isdir(path):
        walk = os.walk(path)
        found = [os.path.join(folder, name) for folder, _, names in walk for name in names]
        found = [name for name in found if name.lower().endswith(IMAGE_SUFFIXES)]
        if not found:
            raise DataError(f"--images {text}: no image in this folder ({_listed()})")
        return sorted(found)
    found = [name for name in glob.glob(path, recursive=True) if not os.path.isdir(name)]
    if not found:
        raise DataError(
            f"--images {text}: no such folder, and no file has a name like this; put a pattern"
            " in quotes, so that the shell leaves it alone"
        )
    return sorted(found)


def _listed() -> str:
    return ", ".join(IMAGE_SUFFIXES)


def _from_json(lines: Iterable[bytes]) -> Iterator[Request]:
    for number, line in enumerate(lines, 1):
        text = line.removeprefix(_BOM) if number == 1 else line
        if text.strip():
            yield _parsed(text, number)


def _parsed(line: bytes, number: int) -> Request:
    if len(line) > MAX_LINE:
        return _broken(number, {}, f"is longer than {MAX_LINE:,} bytes")
    try:
        values = json.loads(line.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        return _broken(number, {}, f"is no UTF-8 text (byte 0x{line[error.start]:02x})")
    except (ValueError, RecursionError) as error:
        return _broken(number, {}, f"is no JSON: {error}")
    if not isinstance(values, dict):
        return _broken(number, {}, "is no JSON object with an image and a question")
    return _checked(values, number)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no value of JSON")


def _checked(values: Mapping[str, Any], number: int) -> Request:
    """The request that a line's values make, or what is wrong with them."""
    image = values.get("image")
    if not isinstance(image, str) or not image.strip():
        return _broken(number, values, _lacks(values, "image"))
    if "questions" in values and "question" not in values:
        questions = values["questions"]
        if not isinstance(questions, list) or not questions:
            return _broken(number, values, "its questions are no list of texts")
    else:
        questions = [values.get("question")]
    for question in questions:
        if not isinstance(question, str):
            return _broken(number, values, _lacks(values, "question"))
        try:
            normalize_question(question)
        except DataError as error:
            return _broken(number, values, str(error))
    return Request(image, tuple(questions), number, _ids(values))


def _lacks(values: Mapping[str, Any], name: str) -> str:
    if name not in values and f"{name}s" not in values:
        return f"has no {name}"
    return f"its {name} is {'empty' if isinstance(values.get(name), str) else 'no text'}"


def _broken(number: int, values: Mapping[str, Any], error: str) -> Request:
    image, question = values.get("image"), values.get("question")
    return Request(
        shown(image) if isinstance(image, str) else None,
        (question,) if isinstance(question, str) else (),
        number,
        _ids(values),
        error,
    )


def _ids(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in IDS if name in values}


def _from_table(lines: LineStream, name: str, delimiters: str) -> Iterator[Request]:
    """The rows of a table whose first line names the columns; that line is read at once."""
    csv.field_size_limit(MAX_LINE)  # an image in a data: URI has millions of characters
    decoded = (line.decode("utf-8", "surrogateescape") + "\n" for line in lines)
    first = next(decoded, "")
    # Spreadsheets write semicolons where the comma is the decimal mark.
    rows = csv.reader(chain([first], decoded), delimiter=max(delimiters, key=first.count))
    try:
        header = [cell.strip() for cell in next(rows, [])]
    except csv.Error as error:
        raise DataError(f"{name}: is no table: {error}") from error
    if header:
        header[0] = header[0].removeprefix("\ufeff")
    if missing := [column for column in ("image", "question") if column not in header]:
        raise DataError(
            f"{name}: lacks the column{'s' * (len(missing) - 1)} {', '.join(missing)}; its first"
            f" line has {', '.join(header)[:200] or 'nothing'}"
        )
    return _rows(rows, header)


def _rows(rows: Any, header: Sequence[str]) -> Iterator[Request]:
    while True:
        number = rows.line_num + 1  # of the first line of a row with line breaks in it
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield _broken(number, {}, f"is no row of a table: {error}")
            continue
        if cells:
            yield _row(cells, header, number)


def _row(cells: Sequence[str], header: Sequence[str], number: int) -> Request:
    values = dict(zip(header, cells, strict=False))
    if len(cells) != len(header):
        error = f"has {len(cells)} cell{'s' * (len(cells) > 1)}, the first line has {len(header)}"
        return _broken(number, {}, error)
    try:
        "".join(cells).encode("utf-8")
    except UnicodeEncodeError:
        return _broken(number, {}, "is no UTF-8 text")
    return _checked(values, number)
