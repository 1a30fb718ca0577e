"""Where an image comes from, as people write it: a file, `-`, a `data:` URI, a URL.

Standard library only; what fetches a URL is imported where one is fetched.
"""

from __future__ import annotations

import base64
import binascii
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

from vqa_cli.errors import DataError

STDIN = "-"
MAX_BYTES = 1 << 28
"""Of an image on stdin, which may have no end."""

_URL = re.compile(r"https?://", re.IGNORECASE)
_DATA = re.compile(r"data:", re.IGNORECASE)
_OTHER = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_SHOWN = 60
"""Characters of a name that are shown; a data: URI has millions."""


@dataclass(frozen=True)
class LazyImage:
    """An image whose bytes are had when it is its turn.

    name: what messages call it. load: gives the bytes of the file; raises DataError.
    """

    name: str
    load: Callable[[], bytes]


def open_image(text: str, *, allow_url: bool) -> str | LazyImage:
    """What to ask an `Answerer` about, of an image as people write it; nothing is read yet.

    text: a path, a `data:` URI or a URL. What is wrong with it is raised when it is read.
    """
    name = shown(text)
    if _DATA.match(text):
        return LazyImage(name, partial(_decode, text, name))
    if _URL.match(text):
        return LazyImage(name, partial(_fetch, text, name, allow_url))
    if _OTHER.match(text):
        return LazyImage(name, partial(_refuse, f"{name}: only http and https URLs are fetched"))
    return text


def read_stdin(stream: BinaryIO | None = None, *, limit: int = MAX_BYTES) -> bytes:
    """The bytes of the image on stdin. Raises DataError where there is none."""
    if stream is None:
        if sys.stdin is None or sys.stdin.isatty():
            raise DataError("-: stands for an image on stdin, and none comes: pipe one there")
        stream = sys.stdin.buffer
    content = stream.read(limit + 1)
    if not content:
        raise DataError("-: stdin is empty; an image was expected there")
    if len(content) > limit:
        raise DataError(f"-: more than {limit:,} bytes on stdin; that is no image to ask about")
    return content


def shown(text: str) -> str:
    """The image's name in messages and records: all of a path or URL, the start of a data: URI."""
    if _DATA.match(text) and len(text) > _SHOWN:
        return f"{text[:_SHOWN]}…"
    return text


def _decode(text: str, name: str) -> bytes:
    """Read a data: URI (RFC 2397): data:[type][;base64],content."""
    head, comma, content = text.partition(",")
    if not comma:
        raise DataError(f"{name}: no data: URI: it lacks the comma before its content")
    raw = unquote_to_bytes(content)
    if not head.lower().rstrip().endswith(";base64"):
        return raw
    raw = b"".join(raw.split())
    try:
        return base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)
    except binascii.Error as error:
        raise DataError(f"{name}: its base64 is damaged: {error}") from error


def _fetch(url: str, name: str, allow_url: bool) -> bytes:
    if not allow_url:
        raise DataError(f"{name}: is on the network; --allow-url lets vqa fetch it")
    from vqa_cli.inference.url_images import fetch

    return fetch(url)


def _refuse(message: str) -> bytes:
    raise DataError(message)
