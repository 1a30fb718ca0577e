"""VQA-CP: VQA's questions with other answers in test than in train, in bare JSON lists."""

from __future__ import annotations

from collections.abc import Iterator

from vqa_cli.data import coco
from vqa_cli.data.entries import Entry
from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.layout import Reading
from vqa_cli.data.source import Source
from vqa_cli.data.split_names import split_of
from vqa_cli.data.vqa_json import (
    ANNOTATION_KEYS,
    QUESTION_KEYS,
    SplitFiles,
    number,
    read_split,
)
from vqa_cli.errors import DataError

NAME = "vqa-cp"
DESCRIPTION = (
    "vqacp_v2_train_questions.json with vqacp_v2_train_annotations.json (test likewise), each a "
    "bare list; images in train2014/ and val2014/"
)
_OF_OTHERS = ("answers", "answer", "direct_answers", "choices")


def detect(source: Source) -> bool:
    """A bare list of questions as in VQA beside one of annotations."""
    return bool(_questions(source) and _annotations(source))


def read(source: Source) -> Reading:
    """Raises DataError where questions or annotations are missing, or are there twice."""
    questions = _by_split(source, _questions(source), "questions")
    annotations = _by_split(source, _annotations(source), "annotations")
    if not questions:
        raise DataError(
            f"{source.path}: holds no questions of VQA-CP (vqacp_v2_train_questions.json)"
        )
    if missing := [file for split, file in questions.items() if split not in annotations]:
        raise DataError(
            f"{source.root}: no annotations for {', '.join(missing)}; put "
            f"{', '.join(file.replace('questions', 'annotations') for file in missing)} beside it"
        )
    splits = [
        SplitFiles(split, file, annotations[split], lists=(None, None))
        for split, file in questions.items()
    ]

    def examples(findings: Findings) -> Iterator[Example]:
        for split in splits:
            yield from read_split(source, split, _image, findings)

    files = (*questions.values(), *(annotations[split] for split in questions))
    folders = (*coco.in_folders(*coco.SPLITS_2014[:2]), *coco.folders_of_any_split())
    return Reading(files, examples, folders)


def _questions(source: Source) -> list[str]:
    return [
        file
        for file in source.files
        if (peek := source.peek(file))
        and peek.kind == "list"
        and peek.has(*QUESTION_KEYS)
        and not any(peek.has(key) for key in _OF_OTHERS)
    ]


def _annotations(source: Source) -> list[str]:
    beside = source if source.path.is_dir() else Source(source.root)
    return [
        file
        for file in beside.files
        if (beside is source or "/" not in file)
        and (peek := beside.peek(file))
        and peek.kind == "list"
        and peek.has(*ANNOTATION_KEYS)
        and not peek.has("question")
        and _is_of_people(peek.entry["answers"])
    ]


def _is_of_people(answers: object) -> bool:
    return isinstance(answers, list) and all(
        isinstance(answer, dict) and "answer" in answer for answer in answers
    )


def _by_split(source: Source, files: list[str], what: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in files:
        split = split_of(file.rpartition("/")[2])
        if split is None:
            raise DataError(
                f"{source.root / file}: its name does not say which split it is; call it "
                f"vqacp_v2_train_{what}.json or vqacp_v2_test_{what}.json"
            )
        if split in found:
            raise DataError(
                f"{source.root}: {found[split]} and {file} are both the {what} of {split}; put "
                "one of them elsewhere"
            )
        found[split] = file
    return found


def _image(question: Entry) -> str:
    """Named whole where the entry says the folder; else by what is the same in both folders."""
    image_id, split = number(question, "image_id"), question.get("coco_split")
    if isinstance(split, str) and split in coco.SPLITS_2014:
        return coco.image_2014(split, image_id)
    return coco.image_of_any_split(image_id)
