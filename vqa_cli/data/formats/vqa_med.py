"""VQA-Med 2019: lines of image, question and answer between pipes, and a test with categories."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from vqa_cli.data.example import SPLITS, Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.errors import DataError

NAME = "vqa-med"
DESCRIPTION = (
    "VQA-Med 2019: All_QA_Pairs_train.txt and All_QA_Pairs_val.txt (image|question|answer), "
    "VQAMed2019_Test_Questions_w_Ref_Answers.txt; images in Train_images/ and so on"
)

_PAIRS = re.compile(r"(?P<base>(?:.*/)?)All_QA_Pairs_(?P<split>train|val|test)\.txt")
_CATEGORY = re.compile(
    r"(?P<base>(?:.*?/)?)(?:QAPairsByCategory/)?C\d_(?P<category>[A-Za-z]+)_(?P<split>train|val)\.txt"
)
_TEST = re.compile(r"(?P<base>(?:.*/)?)VQAMed2019_Test_Questions(?P<answered>_w_Ref_Answers)?\.txt")
_LINE = re.compile(r"[^|\n]+(\|[^|\n]+){1,3}\s*(\n|$)")
_IMAGES = ("Train_images", "Val_images", "VQAMed2019_Test_Images")
_OPTIONAL = re.compile(r"\([^()]*\)")


@dataclass(frozen=True)
class _File:
    """fields: what stands between the pipes. category: that of all lines. base: its folder."""

    path: str
    split: str
    base: str
    fields: tuple[str, ...] = ("image", "question", "answer")
    category: str | None = None


def detect(source: Source) -> bool:
    """A file called so whose first line has its fields between pipes."""
    return any(_LINE.match(source.head(file.path)) for file in _files(source))


def read(source: Source) -> Reading:
    """Raises DataError where there is no such file, or two of one split."""
    known = _files(source)
    files = [file for split in SPLITS for file in _chosen(source, known, split)]
    if not files:
        raise DataError(
            f"{source.root}: holds neither All_QA_Pairs_train.txt (_val) nor "
            "VQAMed2019_Test_Questions_w_Ref_Answers.txt"
        )
    categories = [file for file in known if file.category and file not in files]
    folders = dict.fromkeys(
        f"{base}{name}"
        for base in sorted({file.base for file in files})
        for name in (*_IMAGES, f"{_IMAGES[2]}/{_IMAGES[2]}", "images", "")
    )

    def examples(findings: Findings) -> Iterator[Example]:
        category_of = {
            (values["image"], values["question"]): file.category
            for file in categories
            for _, values in _lines(source, file, Findings())
        }
        for file in files:
            for example in _examples(source, file, findings):
                category = category_of.get((example.image, example.question))
                yield replace(example, question_type=category) if category else example

    read_files = (*(file.path for file in files), *(file.path for file in categories))
    return Reading(read_files, examples, tuple(folder.rstrip("/") for folder in folders))


def _files(source: Source) -> list[_File]:
    found: list[_File] = []
    for path in source.files:
        if match := _PAIRS.fullmatch(path):
            found.append(_File(path, match["split"], match["base"]))
        elif match := _CATEGORY.fullmatch(path):
            category = match["category"].lower()
            found.append(_File(path, match["split"], match["base"], category=category))
        elif match := _TEST.fullmatch(path):
            fields = ("image", "category", "question", "answer")
            asked = ("image", "question")
            found.append(_File(path, "test", match["base"], fields if match["answered"] else asked))
    return found


def _chosen(source: Source, known: list[_File], split: str) -> list[_File]:
    """The files that a split is read from: all of it in one, else by category, else unanswered."""
    files = [file for file in known if file.split == split]
    whole = [file for file in files if not file.category and "answer" in file.fields]
    if len(whole) > 1:
        raise DataError(
            f"{source.root}: {whole[0].path} and {whole[1].path} are both of {split}; put one of "
            "them elsewhere"
        )
    return whole or [file for file in files if file.category] or files[:1]


def _lines(source: Source, file: _File, findings: Findings) -> Iterator[tuple[int, dict[str, str]]]:
    for number, line in enumerate(source.lines(file.path), start=1):
        values = [value.strip() for value in line.split("|")]
        if len(values) == len(file.fields):
            yield number, dict(zip(file.fields, values, strict=True))
        elif line:
            findings.unusable(
                f"line of {file.path} that is not {'|'.join(file.fields)}",
                f"line {number}: {line!r}",
            )


def _examples(source: Source, file: _File, findings: Findings) -> Iterator[Example]:
    stem = file.path.rsplit("/", 1)[-1].removesuffix(".txt")
    for number, values in _lines(source, file, findings):
        image = values["image"]
        yield Example(
            image=image,
            question=values["question"],
            answers=_answers(values.get("answer", ""), optional="category" in values),
            # Official results name the image: of the test, each has one question.
            question_id=image if file.split == "test" else f"{stem}-{number}",
            split=file.split,
            question_type=values.get("category") or file.category,
        )


def _answers(text: str, *, optional: bool) -> tuple[str, ...]:
    """The alternatives between "#"; with `optional` also each without its parts in brackets.

    Only the reference answers of the test mean brackets so; train's classes have them in their
    names: "ct w/contrast (iv)".
    """
    found: dict[str, None] = {}
    for part in text.split("#"):
        shorter = " ".join(_OPTIONAL.sub(" ", part).split())
        found.update(dict.fromkeys((part.strip(), shorter) if optional else (part.strip(),)))
    return tuple(answer for answer in found if answer)
