"""Decoding every image once before a model is trained on it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from vqa_cli.console import Reporter
from vqa_cli.data.encoding import Places
from vqa_cli.data.findings import Findings
from vqa_cli.data.image_journal import ImageFacts, ImageJournal, Stamp
from vqa_cli.data.images import ImageError, read_image
from vqa_cli.data.near_copies import LOOK_BYTES, Looks, look_of
from vqa_cli.data.parallel import in_order
from vqa_cli.data.rows import Mask, Rows

_IMAGES_A_TASK = 32
_PROBLEMS = {
    "no image": "image file that holds no image",
    "truncated": "image that is truncated",
    "damaged": "image that is damaged",
    "too large": "image of more pixels than --max-pixels",
    "unreadable": "image file that cannot be read",
}


def check_images(
    root: Path, images: Sequence[str], max_pixels: int, report: Reporter, *, keep: bool = True
) -> list[ImageFacts]:
    """Decode every image once, in parallel: its content's hash, its size and look or its problem.

    keep: what is found is kept in the user's cache, and not looked for again as long as the file
    does not change.
    """
    journal = ImageJournal(root, max_pixels) if keep else None
    tasks = [images[i : i + _IMAGES_A_TASK] for i in range(0, len(images), _IMAGES_A_TASK)]
    stopped = "; if it is stopped, it goes on from there" if journal else ""
    if images:
        report.notice(f"checking {len(images):,} images{stopped}")

    def check(task: Sequence[str]) -> list[tuple[Stamp | None, ImageFacts]]:
        return [_check(root, image, max_pixels, journal) for image in task]

    facts: list[ImageFacts] = []
    known = 0
    for checked in in_order(check, tasks):
        new = [(stamp, each) for stamp, each in checked if stamp is not None]
        known += len(checked) - len(new) if journal else 0
        if journal:
            journal.add(new, report)
        facts += [each for _, each in checked]
        report.progress("checking images", len(facts), len(images))
    if known:
        report.notice(f"{known:,} of them were checked before and have not changed since")
    return facts


def _check(
    root: Path, image: str, max_pixels: int, journal: ImageJournal | None
) -> tuple[Stamp | None, ImageFacts]:
    """The facts of an image, with its stamp where the journal does not have them yet."""
    stamp = None
    if journal and (stamp := Stamp.of(root / image)) and (known := journal.find(image, stamp)):
        return None, known
    return stamp, image_facts(root, image, max_pixels)


def image_facts(root: Path, image: str, max_pixels: int) -> ImageFacts:
    """Read and decode one image."""
    try:
        data = (root / image).read_bytes()
    except OSError as error:
        problem = f"{image}: {error.strerror or error}"
        return ImageFacts(image, "", 0, kind="unreadable", problem=problem)
    digest = hashlib.sha256(data).hexdigest()
    try:
        picture = read_image(data, max_pixels=max_pixels, name=image)
    except ImageError as error:
        return ImageFacts(image, digest, len(data), kind=error.kind, problem=str(error))
    return ImageFacts(
        image,
        digest,
        len(data),
        picture.width,
        picture.height,
        orientation=picture.info["orientation"],
        look=look_of(picture),
    )


@dataclass(frozen=True)
class Contents:
    """Which of the images that rows have (I of them) are the same or look alike.

    of (I,): equal for images of equal content. looks (I, LOOK_BYTES): how each looks; zeros where
    it was not looked at, as `seen` (I,) says.
    """

    of: Places
    looks: Looks
    seen: Mask

    @classmethod
    def without_images(cls, rows: Rows) -> Self:
        """Of rows whose images were not looked at: each is another."""
        count = len(rows.images)
        looks = np.zeros((count, LOOK_BYTES), dtype=np.uint8)
        return cls(np.arange(count, dtype=np.int32), looks, np.zeros(count, dtype=bool))


def examine_images(
    rows: Rows, usable: Mask, facts: Sequence[ImageFacts], findings: Findings
) -> tuple[Mask, Contents]:
    """Tell what is wrong with images; return the rows (N,) that remain usable, and the contents.

    facts: of all images of usable rows.
    """
    place_of = {image: place for place, image in enumerate(rows.images)}
    rows_of = np.bincount(rows.image_of[usable], minlength=len(place_of))
    contents = Contents.without_images(rows)
    bad = np.zeros(len(place_of), dtype=bool)
    first_of: dict[str, ImageFacts] = {}
    for each in facts:
        place = place_of[each.image]
        count = int(rows_of[place])
        if each.problem:
            findings.unusable(_PROBLEMS[each.kind], each.problem, count=count)
            bad[place] = True
            continue
        contents.looks[place] = np.frombuffer(each.look, dtype=np.uint8)
        contents.seen[place] = True
        if each.orientation != 1:
            findings.told("image that is turned upright by its EXIF data", each.image, count=count)
        first = first_of.setdefault(each.sha256, each)
        if first is not each:
            contents.of[place] = place_of[first.image]
            same = f"{each.image} = {first.image}"
            findings.told("image that is there under another name too", same, count=count)
    return usable & ~bad[rows.image_of], contents
