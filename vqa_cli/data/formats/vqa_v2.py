"""VQA v2: questions and annotations in two JSON files a split, images in COCO's folders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.errors import DataError

NAME = "vqa-v2"
DESCRIPTION = (
    "v2_OpenEnded_mscoco_train2014_questions.json with v2_mscoco_train2014_annotations.json "
    "(val2014, test2015 likewise); images in train2014/ and so on"
)

_QUESTIONS = re.compile(r'"questions"\s*:\s*\[\s*\{[^{}]*"question_id"')
_ANNOTATIONS = re.compile(r'"annotations"\s*:\s*\[\s*\{.*?"answers"\s*:', re.DOTALL)
_SUBTYPE = re.compile(r'"data_subtype"\s*:\s*"((train|val|test)[^"]*)"')
_SUBTYPE_IN_NAME = re.compile(r"_((train|val|test)(?:-dev)?\d{4})_")


def detect(source: Source) -> bool:
    """A JSON file with a list "questions" of an image_id, a question and a question_id each."""
    return bool(_json_files(source, _QUESTIONS))


def read(source: Source) -> Reading:
    """Raises DataError where questions or annotations are missing, or are there twice."""
    questions = _by_subtype(source, _json_files(source, _QUESTIONS))
    annotations = _by_subtype(source, _json_files(source, _ANNOTATIONS))
    if not questions:
        raise DataError(f"{source.root}: holds no questions JSON of VQA v2")
    if "test2015" in questions:
        questions.pop("test-dev2015", None)  # a part of test2015
    unanswered = [s for s in questions if s not in annotations and not s.startswith("test")]
    if unanswered:
        raise DataError(
            f"{source.root}: no annotations for {', '.join(questions[s] for s in unanswered)}; put "
            f"the annotations JSON with the data_subtype {', '.join(unanswered)} beside it"
        )
    annotations = {s: file for s, file in annotations.items() if s in questions}

    def examples(findings: Findings) -> Iterator[Example]:
        for subtype, file in questions.items():
            yield from _examples(source, subtype, file, annotations.get(subtype), findings)

    folders = [_images_of(subtype) for subtype in questions]
    nested = [f"images/{folder}" for folder in folders]
    return Reading(
        (*questions.values(), *annotations.values()), examples, (*folders, *nested, "images", "")
    )


def _json_files(source: Source, content: re.Pattern[str]) -> list[str]:
    files = [file for file in source.files if file.lower().endswith(".json")]
    return [file for file in files if content.search(source.head(file))]


def _by_subtype(source: Source, files: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in files:
        match = _SUBTYPE.search(source.head(file)) or _SUBTYPE_IN_NAME.search(file)
        if not match:
            raise DataError(
                f"{source.root / file}: says neither in data_subtype nor in its name which split "
                "it is; name it as the official file"
            )
        if match[1] in found:
            raise DataError(
                f"{source.root}: {found[match[1]]} and {file} are both of {match[1]}; "
                "put one of them elsewhere"
            )
        found[match[1]] = file
    return found


def _images_of(subtype: str) -> str:
    return subtype.replace("test-dev", "test")


def _entries(source: Source, file: str, key: str) -> list[dict[str, Any]]:
    content = source.json(file)
    entries = content.get(key) if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(f'{source.root / file}: "{key}" must be a list of objects')
    return entries


def _examples(
    source: Source, subtype: str, questions: str, annotations: str | None, findings: Findings
) -> Iterator[Example]:
    known: dict[Any, dict[str, Any]] = {}
    if annotations:
        entries = _entries(source, annotations, "annotations")
        known = {entry.get("question_id"): entry for entry in entries}
    for number, entry in enumerate(_entries(source, questions, "questions")):
        annotation = known.pop(entry.get("question_id"), None)
        if annotations and annotation is None:
            findings.unusable(
                "question that no annotation matches", f"question_id {entry.get('question_id')}"
            )
            continue
        try:
            yield _example(subtype, entry, annotation or {})
        except (KeyError, TypeError, ValueError) as error:
            findings.unusable(
                f"question of {questions} that is not as VQA v2 has it",
                f"entry {number} ({error!r})",
            )
    if known:
        findings.told(
            "annotation that no question matches",
            *(f"question_id {question_id}" for question_id in list(known)[:3]),
            count=len(known),
        )


def _example(subtype: str, question: dict[str, Any], annotation: dict[str, Any]) -> Example:
    answers = tuple(answer["answer"] for answer in annotation.get("answers", ()))
    texts = (question["question"], *answers)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a question or an answer is no text")
    return Example(
        image=f"COCO_{_images_of(subtype)}_{int(question['image_id']):012d}.jpg",
        question=question["question"],
        answers=answers,
        answer_kind="annotators",
        question_id=str(question["question_id"]),
        split=next(split for split in ("train", "val", "test") if subtype.startswith(split)),
        question_type=annotation.get("question_type"),
        answer_type=annotation.get("answer_type"),
    )
