"""A-OKVQA: four choices and ten direct answers a question; images of COCO 2017."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from vqa_cli.data import coco, json_stream
from vqa_cli.data.cells import RowError, list_in
from vqa_cli.data.entries import Entry, examples, one_for_each, text, texts
from vqa_cli.data.example import SPLITS, Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.data.split_names import split_of
from vqa_cli.data.vqa_json import number
from vqa_cli.errors import DataError

NAME = "a-okvqa"
DESCRIPTION = (
    "aokvqa_v1p0_train.json (val, test likewise), each a list of questions with choices and "
    "direct_answers; images in train2017/ and so on"
)


def detect(source: Source) -> bool:
    """A JSON list of questions about an image_id, with choices."""
    return bool(_files(source))


def read(source: Source) -> Reading:
    """Raises DataError where there is no such file, or where two are of the same split."""
    found = {file: split_of(file.rpartition("/")[2]) for file in _files(source)}
    if not found:
        raise DataError(
            f"{source.path}: holds no list of A-OKVQA's questions (aokvqa_v1p0_train.json)"
        )
    files = one_for_each(source, found)

    def rows(findings: Findings) -> Iterator[Example]:
        for split, file in files.items():
            entries = json_stream.entries(source.root / file)
            yield from examples(file, entries, partial(_example, split), findings)

    return Reading(tuple(files.values()), rows, coco.folders_of_any_split())


def _files(source: Source) -> list[str]:
    return [
        file
        for file in source.files
        if (peek := source.peek(file))
        and peek.kind == "list"
        and peek.has("image_id", "question_id", "question", "choices")
    ]


def _example(split: str | None, entry: Entry) -> Example:
    said = entry.get("split")
    choices = texts(entry, "choices")
    extra: dict[str, Any] = {}
    if (correct := entry.get("correct_choice_idx")) is not None:
        if correct not in range(len(choices)):
            raise RowError("correct_choice_idx that is no place among the choices", correct)
        extra["correct_choice"] = int(correct)
    if entry.get("difficult_direct_answer"):
        extra["difficult_direct_answer"] = True
    if rationales := texts(entry, "rationales"):
        extra["rationales"] = rationales
    return Example(
        image=coco.image_of_any_split(number(entry, "image_id")),
        question=text(entry, "question"),
        answers=_answers(entry),
        answer_kind="annotators",
        question_id=text(entry, "question_id"),
        split=said if said in SPLITS else split,
        choices=tuple(choices),
        extra=extra,
    )


def _answers(entry: Entry) -> tuple[str, ...]:
    """A copy of the dataset spells the list in one string, as Python does."""
    answers = entry.get("direct_answers")
    if isinstance(answers, str):
        answers = list_in(answers)
    return tuple(texts({"direct_answers": answers}, "direct_answers"))
