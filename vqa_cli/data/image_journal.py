"""What is known of images that were checked before, so that a stopped check can go on."""

from __future__ import annotations

import hashlib
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from vqa_cli.console import Reporter
from vqa_cli.data.feature_cache import user_cache
from vqa_cli.data.near_copies import LOOK_BYTES, Look

FOLDER = "checked-images"
_VERSION = 1
_SETTLED_NS = 2_000_000_000
"""A file that was changed less than this before it was read may change again in the same tick of
its file system's clock; nothing is kept of it."""


@dataclass(frozen=True)
class ImageFacts:
    """One image file; width and height as people see it, after its EXIF orientation.

    kind, problem: why it cannot be read, in a few words and in full; the sizes are 0 then.
    orientation: its EXIF orientation, 1 where it is upright as it is stored. look: how it looks,
    see `vqa_cli.data.near_copies`; empty where it cannot be read.
    """

    image: str
    sha256: str
    bytes: int
    width: int = 0
    height: int = 0
    orientation: int = 1
    look: Look = b""
    kind: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Stamp:
    """What tells that a file has not changed."""

    bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """The stamp of a file; None where there is none that can be reached."""
        try:
            status = path.stat()
        except OSError:
            return None
        return cls(status.st_size, status.st_mtime_ns)


class ImageJournal:
    """The facts of the images below one folder, in a file of the user's cache.

    A line an image, appended as they are checked: whatever stops the check, the lines that are
    whole stay good. Images that were refused for their size are those of one `max_pixels`.
    """

    def __init__(self, root: Path, max_pixels: int) -> None:
        key = json.dumps([_VERSION, LOOK_BYTES, str(root.resolve()), max_pixels])
        name = hashlib.sha256(key.encode()).hexdigest()[:24]
        self.path = user_cache() / FOLDER / f"{name}.jsonl"
        self._known = dict(_read(self.path))

    def find(self, image: str, stamp: Stamp) -> ImageFacts | None:
        """What is known of an image; None where nothing is, or where its file has changed."""
        known = self._known.get(image)
        return known[1] if known is not None and known[0] == stamp else None

    def add(self, checked: Iterable[tuple[Stamp, ImageFacts]], report: Reporter) -> None:
        """Keep facts. Where they cannot be written that is told, and nothing is lost but time."""
        now = time.time_ns()
        lines = [
            _line(stamp, facts)
            for stamp, facts in checked
            if facts.sha256 and not 0 <= now - stamp.mtime_ns < _SETTLED_NS
        ]
        if not lines:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # One write of whole lines, so that two checks at once do not mix theirs; a line that
            # an earlier stop cut in two is ended first.
            with self.path.open("ab") as file:
                file.write(b"\n" + b"".join(lines))
        except OSError as error:
            report.detail(f"{self.path}: checks cannot be kept: {error.strerror or error}")


def _line(stamp: Stamp, facts: ImageFacts) -> bytes:
    look = b64encode(facts.look).decode()
    values = [facts.image, stamp.mtime_ns, facts.sha256, stamp.bytes, facts.width, facts.height]
    values += [facts.orientation, look, facts.kind, facts.problem]
    return json.dumps(values).encode() + b"\n"


def _read(path: Path) -> Iterator[tuple[str, tuple[Stamp, ImageFacts]]]:
    """The whole lines of a journal; a later one replaces an earlier one of the same image."""
    try:
        file = path.open("rb")
    except OSError:  # none yet, or none that can be read: the images are checked anew
        return
    with file:
        for line in file:
            try:
                image, mtime_ns, sha256, size, width, height, turned, look, kind, problem = (
                    json.loads(line)
                )
                facts = ImageFacts(
                    image, sha256, size, width, height, turned, b64decode(look), kind, problem
                )
            except (ValueError, TypeError):  # cut short by whatever stopped the check
                continue
            yield image, (Stamp(size, mtime_ns), facts)


def journals() -> list[Path]:
    """The files that the user's cache holds, by name."""
    return sorted((user_cache() / FOLDER).glob("*.jsonl"))
