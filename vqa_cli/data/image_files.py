"""Finding the image file that a row means."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from vqa_cli.data.findings import Findings

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
MISSING_IMAGE = "image that is missing"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE = re.compile(r"[A-Za-z]:")


class UnusableImageError(Exception):
    """A row's image cannot be used; `problem` is the kind, `value` what the row says."""

    def __init__(self, problem: str, value: str) -> None:
        super().__init__(f"{problem}: {value}")
        self.problem = problem
        self.value = value


class ImageFinder:
    """Turns what a row says into a path relative to the image root.

    root: the image root.
    folders: folders below the root where a row's image may lie, tried in this order; "" is the
    root itself, and "train2014/COCO_train2014_{}" a folder whose files' names go on like this;
    "train/{name}" is for the last part of a path alone. A name without an image's ending is
    completed by the file that has it as stem.
    relocated: the user named the root, so that it may also be the first folder of a row's path:
    "images/a.png" is then found as "a.png" too.

    Every folder is listed once, so that asking a million times costs no million file accesses.
    """

    def __init__(
        self, root: Path, folders: tuple[str, ...] = ("", "images"), *, relocated: bool = False
    ) -> None:
        self.root = root
        self._folders = folders
        self._relocated = relocated
        self._listed: dict[str, dict[str, list[str]]] = {}
        self._lowered: dict[str, dict[str, str]] = {}
        self._found: dict[str, str | UnusableImageError] = {}

    def find(self, value: str) -> str:
        """The path, with forward slashes, of the image file that a row calls `value`.

        Raises UnusableImageError where there is no such file, more than one, or where the value
        leaves the image root.
        """
        if (found := self._found.get(value)) is None:
            try:
                found = self._search(value)
            except UnusableImageError as error:
                found = error
            self._found[value] = found
        if isinstance(found, str):
            return found
        raise found

    def _search(self, value: str) -> str:
        path = inside(value)
        for candidate in self._candidates(path):
            parent, _, name = candidate.rpartition("/")
            names = self._names(parent)
            if name in names:
                matches = [name]
            elif name.lower().endswith(IMAGE_SUFFIXES):
                continue
            else:
                matches = names.get(f"{name}.*", [])
            if len(matches) > 1:
                raise UnusableImageError(
                    "image name that fits several files", f"{value} ({' '.join(matches)})"
                )
            if matches:
                return f"{parent}/{matches[0]}" if parent else matches[0]
        for candidate in self._candidates(path):
            if other := self._in_other_case(candidate):
                problem = "image that is missing, though a file has its name in another case"
                raise UnusableImageError(problem, f"{value} (there is {other})")
        raise UnusableImageError(MISSING_IMAGE, value)

    def _in_other_case(self, candidate: str) -> str | None:
        parent, _, name = candidate.rpartition("/")
        if parent not in self._lowered:
            self._lowered[parent] = {known.casefold(): known for known in self._names(parent)}
        found = self._lowered[parent].get(name.casefold()) or self._lowered[parent].get(
            f"{name.casefold()}.*"
        )
        return found.removesuffix(".*") if found else None

    def _candidates(self, path: str) -> Iterator[str]:
        for folder in self._folders:
            if "{}" in folder:
                yield folder.replace("{}", path)
            elif "{name}" in folder:
                yield folder.replace("{name}", path.rsplit("/", 1)[-1])
            else:
                yield f"{folder}/{path}" if folder else path
        if self._relocated and "/" in path:
            yield path.split("/", 1)[1]

    def _names(self, folder: str) -> dict[str, list[str]]:
        """The files of a folder: by name, and under "stem.*" those images that share a stem."""
        if folder not in self._listed:
            names: defaultdict[str, list[str]] = defaultdict(list)
            try:
                with os.scandir(self.root / folder) as entries:
                    files = sorted(entry.name for entry in entries if entry.is_file())
            except (OSError, ValueError):  # no such folder: nothing in it is found either
                files = []
            for name in files:
                names[name].append(name)
                stem, suffix = os.path.splitext(name)
                if suffix.lower() in IMAGE_SUFFIXES:
                    names[f"{stem}.*"].append(name)
            self._listed[folder] = dict(names)
        return self._listed[folder]


@lru_cache(maxsize=1 << 12)  # the questions about an image are often neighbours
def inside(value: str) -> str:
    """The value as a clean relative path; raises UnusableImageError where it leaves the root."""
    path = value.strip().replace("\\", "/")
    if not path:
        raise UnusableImageError("image that is not named", repr(value))
    if _URL.match(path):
        raise UnusableImageError("image given as a URL (download it first)", value)
    if path.startswith("/") or _DRIVE.match(path):
        raise UnusableImageError("image with an absolute path (give it relative)", value)
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise UnusableImageError("image path that climbs out of the folder", value)
    return "/".join(parts)


def tell_case_twins(images: Iterable[tuple[str, int]], findings: Findings) -> None:
    """Tell which images are two files here, but one where case means nothing (Windows, macOS).

    images: each with the number of its rows.
    """
    first_of: dict[str, str] = {}
    for image, rows in images:
        first = first_of.setdefault(image.casefold(), image) if rows else image
        if first != image:
            findings.told(
                "image whose name differs only in case from another's (one file on Windows, macOS)",
                f"{image} and {first}",
                count=rows,
            )
