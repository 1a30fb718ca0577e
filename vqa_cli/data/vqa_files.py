"""Which files of a source are VQA v1's, VQA v2's and OK-VQA's: the three share a structure.

A file says in `data_subtype` which split it is, and in `info.version` which release; where it
does not, its name tells. OK-VQA has the names of VQA v1; its answers hold a `raw_answer`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from vqa_cli.data import coco
from vqa_cli.data.entries import Entry
from vqa_cli.data.example import SPLITS, Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.data.vqa_json import ANNOTATION_KEYS, QUESTION_KEYS, SplitFiles, number, read_split
from vqa_cli.errors import DataError

Release = Literal["VQA v1", "VQA v2", "OK-VQA"]

_SUBTYPE = re.compile(r"(?:train|val|test)(?:-dev)?\d*")
_SUBTYPE_IN_NAME = re.compile(r"_((?:train|val|test)(?:-dev)?\d{4})_")
_ABSTRACT = "abstract_v002"


@dataclass(frozen=True)
class _File:
    """One file; version is 1 or 2; None where nothing tells which."""

    path: str
    images: str
    subtype: str | None
    version: int | None
    first: dict[str, Any]

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def key(self) -> tuple[str, str | None]:
        return self.images, self.subtype


@dataclass(frozen=True)
class _Pair:
    questions: _File
    annotations: tuple[_File, ...]

    @property
    def release(self) -> Release:
        answers = self.annotations[0].first["answers"] if self.annotations else None
        if isinstance(answers, list) and answers and "raw_answer" in _keys(answers[0]):
            return "OK-VQA"
        return "VQA v1" if self.questions.version == 1 else "VQA v2"


def _keys(entry: object) -> Collection[str]:
    return entry if isinstance(entry, dict) else ()


def holds(source: Source, release: Release) -> bool:
    """Whether there are questions of a release."""
    return any(pair.release == release for pair in _pairs(source))


def read_release(source: Source, release: Release) -> Reading:
    """Raises DataError where questions or annotations are missing, or are there twice."""
    pairs = [pair for pair in _pairs(source) if pair.release == release]
    if not pairs:
        raise DataError(f"{source.path}: holds no questions JSON of {release}")
    chosen = _one_a_split(source, pairs)
    _raise_without_annotations(source, chosen)
    files = {key: _split_files(source, pair) for key, pair in chosen.items()}

    def examples(findings: Findings) -> Iterator[Example]:
        for (images, subtype), of_split in files.items():
            yield from read_split(source, of_split, _image(images, subtype), findings)

    questions = [of_split.questions for of_split in files.values()]
    annotations = [of_split.annotations for of_split in files.values() if of_split.annotations]
    folders = [_folder(images, subtype) for images, subtype in files]
    return Reading((*questions, *annotations), examples, coco.in_folders(*folders))


def _files(source: Source, key: str, *needed: str) -> list[_File]:
    found = []
    for file in source.files:
        peek = source.peek(file)
        if peek is not None and peek.list_has(key, *needed):
            found.append(_file(file, peek.values, peek.lists[key]))
    return found


def _file(path: str, said: dict[str, Any], first: dict[str, Any]) -> _File:
    name = path.rpartition("/")[2]
    subtype = said.get("data_subtype")
    if not (isinstance(subtype, str) and _SUBTYPE.fullmatch(subtype)):
        match = _SUBTYPE_IN_NAME.search(name)
        subtype = match[1] if match else None
    abstract = _ABSTRACT in (said.get("data_type"), *re.findall(_ABSTRACT, name))
    version = _version(said, name)
    if version is None and (abstract or "multiple_choices" in first):
        version = 1
    return _File(path, _ABSTRACT if abstract else "mscoco", subtype, version, first)


def _version(said: dict[str, Any], name: str) -> int | None:
    info = said.get("info")
    told = str(info.get("version", "")) if isinstance(info, dict) else ""
    if told[:1] in ("1", "2"):
        return int(told[0])
    if name.startswith("v2_"):
        return 2
    official = ("OpenEnded_mscoco_", "MultipleChoice_mscoco_", "mscoco_")
    return 1 if name.startswith(official) else None


def _pairs(source: Source) -> list[_Pair]:
    """Each file of questions with the annotations that it could have."""
    questions = _files(source, "questions", *QUESTION_KEYS)
    if not questions:
        return []
    # Of a single file that is named, the annotations lie beside it.
    beside = source if source.path.is_dir() else Source(source.root)
    annotations = _files(beside, "annotations", *ANNOTATION_KEYS)
    if beside is not source:
        annotations = [file for file in annotations if not file.folder]
    return [_Pair(file, _annotations_of(file, annotations)) for file in questions]


def _annotations_of(questions: _File, annotations: list[_File]) -> tuple[_File, ...]:
    fitting = [
        file
        for file in annotations
        if file.key == questions.key
        and (file.version == questions.version or None in (file.version, questions.version))
    ]
    near = [file for file in fitting if file.folder == questions.folder]
    return tuple(near or fitting)


def _one_a_split(source: Source, pairs: list[_Pair]) -> dict[tuple[str, str], _Pair]:
    """The pair of each split: of VQA v1 the questions with choices, which are the same ones."""
    if any("multiple_choices" in pair.questions.first for pair in pairs):
        with_choices = {p.questions.key for p in pairs if "multiple_choices" in p.questions.first}
        pairs = [
            p
            for p in pairs
            if "multiple_choices" in p.questions.first or p.questions.key not in with_choices
        ]
    chosen: dict[tuple[str, str], _Pair] = {}
    for pair in pairs:
        images, subtype = pair.questions.key
        if subtype is None:
            raise DataError(
                f"{source.root / pair.questions.path}: says neither in data_subtype nor in its "
                "name which split it is; name it as the official file"
            )
        if (images, subtype) in chosen:
            _raise_twice(source, subtype, chosen[images, subtype].questions, pair.questions)
        chosen[images, subtype] = pair
    for images in {images for images, _ in chosen}:
        if (images, "test2015") in chosen:
            chosen.pop((images, "test-dev2015"), None)  # a part of test2015
    return chosen


def _raise_twice(source: Source, subtype: str, *files: _File) -> None:
    raise DataError(
        f"{source.root}: {' and '.join(file.path for file in files)} are both of {subtype}; "
        "put one of them elsewhere"
    )


def _raise_without_annotations(source: Source, chosen: dict[tuple[str, str], _Pair]) -> None:
    missing = {
        subtype: pair.questions.path
        for (_, subtype), pair in chosen.items()
        if not pair.annotations and not subtype.startswith("test")
    }
    if missing:
        raise DataError(
            f"{source.root}: no annotations for {', '.join(missing.values())}; put the "
            f"annotations JSON with the data_subtype {', '.join(missing)} beside it"
        )


def _split_files(source: Source, pair: _Pair) -> SplitFiles:
    _, subtype = pair.questions.key
    assert subtype is not None  # _one_a_split raises
    if len(pair.annotations) > 1:
        _raise_twice(source, subtype, *pair.annotations[:2])
    split = next(split for split in SPLITS if subtype.startswith(split))
    annotations = pair.annotations[0].path if pair.annotations else None
    return SplitFiles(split, pair.questions.path, annotations)


def _image(images: str, subtype: str) -> Callable[[Entry], str]:
    """What the image of a question's entry is called."""

    @lru_cache(maxsize=4096)  # the questions about an image are often neighbours
    def name(image_id: int) -> str:
        if images == _ABSTRACT:
            return f"{_ABSTRACT}_{subtype}_{image_id:012d}.png"
        return coco.image_2014(subtype, image_id)

    return lambda entry: name(number(entry, "image_id"))


def _folder(images: str, subtype: str) -> str:
    if images == _ABSTRACT:
        return f"scene_img_{_ABSTRACT}_{subtype}"
    return subtype.replace("test-dev", "test")
