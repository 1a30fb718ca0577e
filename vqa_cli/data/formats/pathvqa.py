"""PathVQA's pickle files, read without running them: questions of the splits, types beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vqa_cli.data.cells import RowError, text_of
from vqa_cli.data.example import SPLITS, Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.layout import Reading
from vqa_cli.data.plain_pickle import load_plain
from vqa_cli.data.source import Source
from vqa_cli.errors import DataError

NAME = "pathvqa"
DESCRIPTION = (
    "qas/train/train_qa.pkl (or qas/train_vqa.pkl) with image, question and answer, val and test "
    "likewise; images in images/train/ and so on"
)

_NAME = re.compile(
    r"(?P<base>(?:.*?/)?)(?:qas/(?:(?:train|val|test)/)?)?"
    r"(?P<split>train|val|test)_(?P<kind>qa|vqa)\.pkl"
)
_KEYS = {"qa": ("image", "question", "answer"), "vqa": ("img_id", "sent", "label")}
_LABELS = re.compile(r"(?:.*/)?(?:trainval_)?label2ans\.pkl")

Entry = dict[str, Any]
Types = dict[tuple[str, str], tuple[str | None, str | None]]


@dataclass
class _SplitFiles:
    """qa: the file with the answers as they were given. vqa: the one with labels and types."""

    base: str
    qa: str | None = None
    vqa: str | None = None


def detect(source: Source) -> bool:
    """A file called so that begins with an entry of such keys."""
    return any(
        all(key in source.head(file) for key in _KEYS[match["kind"]])
        for file in source.files
        if (match := _NAME.fullmatch(file))
    )


def read(source: Source) -> Reading:
    """Raises DataError where there is no such file, or two for one split."""
    splits = _splits(source)
    if not splits:
        raise DataError(
            f"{source.root}: holds no train_qa.pkl or train_vqa.pkl of PathVQA (nor val, test)"
        )
    labels = next((file for file in source.files if _LABELS.fullmatch(file)), None)
    files = [file for found in splits.values() for file in (found.qa, found.vqa) if file]
    if labels and any(found.qa is None for found in splits.values()):
        files.append(labels)

    def examples(findings: Findings) -> Iterator[Example]:
        for split, found in splits.items():
            if found.qa:
                yield from _qa_examples(source, split, found.qa, found.vqa, findings)
            elif found.vqa:
                yield from _vqa_examples(source, split, found.vqa, labels, findings)

    folders = dict.fromkeys(
        f"{found.base}{name}" for found in splits.values() for name in ("images/", "")
    )
    return Reading(tuple(files), examples, tuple(folder.rstrip("/") for folder in folders))


def _splits(source: Source) -> dict[str, _SplitFiles]:
    found: dict[str, _SplitFiles] = {}
    for file in source.files:
        if not (match := _NAME.fullmatch(file)):
            continue
        files = found.setdefault(match["split"], _SplitFiles(match["base"]))
        if other := getattr(files, match["kind"]):
            raise DataError(
                f"{source.root}: {other} and {file} are both of {match['split']}; put one of them "
                "elsewhere"
            )
        setattr(files, match["kind"], file)
    return {split: found[split] for split in SPLITS if split in found}


def _entries(
    source: Source, file: str, kind: str, findings: Findings
) -> Iterator[tuple[int, Entry]]:
    content = load_plain(source.root / file)
    if not isinstance(content, list):
        raise DataError(f"{source.root / file}: must hold a list of questions")
    for number, entry in enumerate(content):
        if isinstance(entry, dict) and all(key in entry for key in _KEYS[kind]):
            yield number, entry
        else:
            findings.unusable(
                f"entry of {file} without {', '.join(_KEYS[kind])}", f"entry {number}"
            )


def _qa_examples(
    source: Source, split: str, file: str, typed: str | None, findings: Findings
) -> Iterator[Example]:
    types = _types(source, typed) if typed else {}
    for number, entry in _entries(source, file, "qa", findings):
        try:
            image, question = (
                text_of(entry["image"], "image"),
                text_of(entry["question"], "question"),
            )
            answer = text_of(entry["answer"], "answer")
        except RowError as error:
            findings.unusable(error.problem, f"{error.value!r} ({file} entry {number})")
            continue
        question_type, answer_type = types.get((image, question), (None, None))
        yield Example(
            image=f"{split}/{image}",
            question=question,
            answers=(answer,) if answer.strip() else (),
            question_id=f"{split}-{number}",
            split=split,
            question_type=question_type,
            answer_type=answer_type,
        )


def _types(source: Source, file: str) -> Types:
    """The types of question and answer by image and question, where the second file has them."""
    return {
        (str(entry["img_id"]), str(entry["sent"])): _types_of(entry)
        for _, entry in _entries(source, file, "vqa", Findings())
    }


def _types_of(entry: Entry) -> tuple[str | None, str | None]:
    question_type, answer_type = entry.get("question_type"), entry.get("answer_type")
    return (
        question_type if isinstance(question_type, str) else None,
        answer_type if isinstance(answer_type, str) else None,
    )


def _vqa_examples(
    source: Source, split: str, file: str, labels: str | None, findings: Findings
) -> Iterator[Example]:
    names = load_plain(source.root / labels) if labels else []
    for number, entry in _entries(source, file, "vqa", findings):
        try:
            image, question = text_of(entry["img_id"], "img_id"), text_of(entry["sent"], "sent")
            answers = _answers(entry["label"], names)
            question_id = text_of(entry.get("question_id"), "question_id")
        except RowError as error:
            findings.unusable(error.problem, f"{error.value!r} ({file} entry {number})")
            continue
        question_type, answer_type = _types_of(entry)
        yield Example(
            image=f"{split}/{image}",
            question=question,
            answers=answers,
            question_id=question_id or f"{split}-{number}",
            split=split,
            question_type=question_type,
            answer_type=answer_type,
        )


def _answers(label: Any, names: Any) -> tuple[str, ...]:
    """The answers of {answer: score}, the best first; an answer may be its place in `names`."""
    if not isinstance(label, dict):
        raise RowError("label that is no dict of answers", type(label))
    try:
        ranked = sorted(label, key=lambda answer: -label[answer])
        return tuple(answer if isinstance(answer, str) else names[answer] for answer in ranked)
    except (TypeError, LookupError):
        raise RowError("label that names no answer, or has no scores", label) from None
