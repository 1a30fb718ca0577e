"""NLVR2: sentences that are true or false of two images, as JSON lines in a .json."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from vqa_cli.data import json_stream
from vqa_cli.data.cells import RowError
from vqa_cli.data.entries import Entry, examples, folders_around, text
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.errors import DataError

NAME = "nlvr2"
DESCRIPTION = (
    "train.json, dev.json, test1.json (or test2.json): JSON lines with identifier, sentence and "
    "label; dev/dev-850-0-img0.png and -img1.png, images/train/42/ (put side by side)"
)

# train.json and so on are the official files; their split stands in each identifier too.
_SPLITS = {"train": "train", "dev": "val", "test1": "test", "test2": "test"}
_IDENTIFIER = re.compile(r"(train|dev|test1|test2)-(\d+)-(\d+)-(\d+)")
_LABELS = {"true": "True", "false": "False"}


def detect(source: Source) -> bool:
    """JSON lines whose first has a sentence and an identifier like dev-850-0-0."""
    return bool(_variants(source))


def read(source: Source) -> Reading:
    """Raises DataError where there is no such file, or a split is there twice."""
    variants = _variants(source)
    if not variants:
        raise DataError(
            f"{source.root}: holds no JSON lines of NLVR2; needed is train.json, dev.json or the "
            'like, with {"identifier": "dev-850-0-0", "sentence": ..., "label": ...} a line'
        )
    files, left = _chosen(source, variants)

    def rows(findings: Findings) -> Iterator[Example]:
        if left:
            findings.note(
                f"not read: {', '.join(left)} ({', '.join(files.values())} instead); to use one of "
                "them, prepare it by itself"
            )
        for split, file in files.items():
            entries = json_stream.lines(source.root / file)
            yield from examples(file, entries, partial(_example, split), findings)

    read_files = tuple(files.values())
    names = [name for file in read_files for name in _image_folders(variants[file])]
    return Reading(
        read_files, rows, folders_around(read_files, *names, "images", ""), makes_images=True
    )


def _variants(source: Source) -> dict[str, str]:
    """The files, each with the name of its split: train, dev, test1 or test2."""
    found: dict[str, str] = {}
    for file in source.files:
        if (peek := source.peek(file)) and peek.kind != "list":
            # A file of one line is an object.
            first = peek.entry if peek.kind == "lines" else peek.values
            if match := _identified(first):
                found[file] = match[1]
    return found


def _identified(entry: Any) -> re.Match[str] | None:
    if not isinstance(entry, dict) or "sentence" not in entry:
        return None
    identifier = entry.get("identifier")
    return _IDENTIFIER.fullmatch(identifier) if isinstance(identifier, str) else None


def _chosen(source: Source, variants: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """The file of each split, and those left out: test2 beside test1, and extracts of the whole.

    The repository of NLVR2 has the balanced and the unbalanced part of its files beside them.
    """
    chosen: dict[str, str] = {}
    for variant, split in _SPLITS.items():
        files = [file for file, its in variants.items() if its == variant]
        whole = [file for file in files if PurePosixPath(file).name == f"{variant}.json"] or files
        if len(whole) > 1:
            raise DataError(
                f"{source.root}: {' and '.join(whole)} are both of {variant}; name one of them "
                f"(vqa prepare {source.root / whole[0]}), or put the others elsewhere"
            )
        if whole and split not in chosen:
            chosen[split] = whole[0]
    return chosen, [file for file in variants if file not in chosen.values()]


def _image_folders(variant: str) -> Iterator[str]:
    """Where images are unpacked to; those of train lie in numbered folders there, or in one."""
    for folder in (f"images/{variant}", variant):
        yield folder
        yield f"{folder}/{{name}}"


def _example(split: str, entry: Entry) -> Example:
    identifier = text(entry, "identifier")
    match = _IDENTIFIER.fullmatch(identifier)
    if not match:
        raise RowError("identifier that is not like dev-850-0-0", identifier)
    variant, images, pair, sentence = match.groups()
    directory = text(entry, "directory")
    stem = f"{directory}/" if directory else ""
    left, right = (f"{stem}{variant}-{images}-{pair}-img{side}.png" for side in (0, 1))
    return Example(
        image=left,
        beside=right,
        question=text(entry, "sentence"),
        answers=_label(entry),
        question_id=identifier,
        split=split,
        # The pairs of one set of images: people wrote its sentences looking at all of them.
        group=f"{variant}-{images}",
        # A sentence, whichever pair it is about (as the official metrics.py blanks the pair).
        extra={"consistency_group": f"{variant}-{images}--{sentence}"},
    )


def _label(entry: Entry) -> tuple[str, ...]:
    value = entry.get("label")
    if value is None:
        return ()
    if (label := _LABELS.get(str(value).lower())) is None:
        raise RowError("label that is neither True nor False", value)
    return (label,)
