"""Questions and the annotations of them in two JSON lists, matched by question_id.

This is how VQA v1 and v2, VQA-CP and OK-VQA are published. Both lists are read side by side, so
that of files in the same order no more than one entry is in memory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from operator import itemgetter
from typing import Any, TypedDict, TypeGuard

from vqa_cli.data.cells import RowError, text_of
from vqa_cli.data.entries import Entry, text, texts
from vqa_cli.data.example import Example
from vqa_cli.data.findings import MAX_EXAMPLES, Findings
from vqa_cli.data.json_stream import entries
from vqa_cli.data.source import Source

QUESTION_KEYS = ("image_id", "question", "question_id")
ANNOTATION_KEYS = ("question_id", "answers")
_ANSWER = itemgetter("answer")
_END = object()


class _Answer(TypedDict, total=False):
    answer: Any


class _Annotation(TypedDict, total=False):
    """What is wanted of an annotation."""

    question_id: Any
    question_type: Any
    answer_type: Any
    multiple_choice_answer: Any
    answers: list[_Answer]


@dataclass(frozen=True)
class SplitFiles:
    """The files of one split; without annotations its questions have no answers.

    lists: under which keys the questions and the annotations are; None where files are bare lists.
    """

    split: str
    questions: str
    annotations: str | None
    lists: tuple[str | None, str | None] = ("questions", "annotations")


def read_split(
    source: Source, files: SplitFiles, image_of: Callable[[Entry], str], findings: Findings
) -> Iterator[Example]:
    """Yield the questions of one split with their answers.

    image_of: what the image of a question's entry is called; raises RowError where the entry does
    not say it.
    """
    questions = entries(source.root / files.questions, files.lists[0])
    matched: Iterable[tuple[int, Entry, Entry]]
    if files.annotations is None:
        matched = _unanswered(questions, findings)
    else:
        annotations = entries(source.root / files.annotations, files.lists[1], _Annotation)
        matched = _matched(questions, annotations, findings)
    for number, question, annotation in matched:
        try:
            example = _example(question, annotation, image_of(question), files.split)
        except RowError as error:
            where = f"{files.questions} entry {number}"
            findings.unusable(error.problem, f"{error.value!r} ({where})")
        else:
            yield example


def _unanswered(questions: Iterable[Any], findings: Findings) -> Iterator[tuple[int, Entry, Entry]]:
    for number, question in enumerate(questions):
        if _is_entry(question, "question", number, findings):
            yield number, question, {}


def _matched(
    questions: Iterable[Any], annotations: Iterable[Any], findings: Findings
) -> Iterator[tuple[int, Entry, Entry]]:
    """Yield (number, question, its annotation); what comes too early waits for the other."""
    asked: dict[Any, tuple[int, Entry]] = {}
    answered: dict[Any, Entry] = {}
    pairs = zip_longest(questions, annotations, fillvalue=_END)
    for number, (question, annotation) in enumerate(pairs):
        if (
            isinstance(question, dict)
            and isinstance(annotation, dict)
            and question.get("question_id") == annotation.get("question_id")
        ):
            yield number, question, annotation
            continue
        if question is not _END and _is_entry(question, "question", number, findings):
            name = _name(question)
            if name in answered:
                yield number, question, answered.pop(name)
            elif name in asked:
                _tell_unmatched(findings, questions=[name])
            else:
                asked[name] = number, question
        if annotation is not _END and _is_entry(annotation, "annotation", number, findings):
            name = _name(annotation)
            if name in asked:
                yield *asked.pop(name), annotation
            elif name in answered:
                _tell_unmatched(findings, annotations=[name])
            else:
                answered[name] = _slim(annotation)
    _tell_unmatched(findings, questions=asked, annotations=answered)


def _is_entry(entry: Any, what: str, number: int, findings: Findings) -> TypeGuard[Entry]:
    if isinstance(entry, dict):
        return True
    findings.unusable(f"{what} that is no object", f"entry {number} ({entry!r})")
    return False


def _name(entry: Entry) -> Any:
    """The question_id in a form that can be looked up, whatever the file holds."""
    question_id = entry.get("question_id")
    return question_id if isinstance(question_id, int | str) else repr(question_id)


def _slim(annotation: Entry) -> Entry:
    """What is needed of an annotation that waits: files in another order make many of them."""
    kept = {key: annotation[key] for key in _Annotation.__annotations__ if key in annotation}
    with suppress(KeyError, TypeError):  # told of when its question comes
        kept["answers"] = [sys.intern(answer["answer"]) for answer in annotation["answers"]]
    return kept


def _tell_unmatched(
    findings: Findings, questions: Iterable[Any] = (), annotations: Iterable[Any] = ()
) -> None:
    for name, tell, problem in (
        (list(questions), findings.unusable, "question that no annotation matches"),
        (list(annotations), findings.told, "annotation that no question matches"),
    ):
        if name:
            examples = [f"question_id {question_id}" for question_id in name[:MAX_EXAMPLES]]
            tell(problem, *examples, count=len(name))


def _example(question: Entry, annotation: Entry, image: str, split: str) -> Example:
    """Raises RowError where a value is missing or of a wrong type."""
    question_id = question.get("question_id")
    if type(question_id) is not int and not text(question, "question_id"):
        raise RowError("question without a question_id", question.get("question"))
    choices = texts(question, "multiple_choices") if "multiple_choices" in question else []
    best = annotation.get("multiple_choice_answer") if choices else None
    return Example(
        image=image,
        question=text(question, "question"),
        answers=annotators(annotation),
        answer_kind="annotators",
        question_id=str(question_id),
        split=split,
        question_type=_kind(annotation.get("question_type")),
        answer_type=_kind(annotation.get("answer_type")),
        choices=tuple(choices) or None,
        extra={"correct_choice": choices.index(best)} if best in choices else {},
    )


def number(entry: Entry, key: str) -> int:
    """The whole number under `key`, be it written as text. Raises RowError where it is none."""
    value = entry.get(key)
    if type(value) is int:
        return value
    said = text(entry, key)
    if not (said.isascii() and said.isdecimal()):
        raise RowError(f"{key} that is no number", value)
    return int(said)


def annotators(entry: Entry) -> tuple[str, ...]:
    """What each annotator said, in order, of a list of {"answer": text} or of plain texts.

    None where there is no such list, as in a test split. Raises RowError where an answer is
    missing or of a wrong type.
    """
    answers = entry.get("answers")
    if answers is None or answers == []:
        return ()
    try:
        if not isinstance(answers, list):
            raise TypeError(type(answers))
        said = tuple(map(_ANSWER, answers) if type(answers[0]) is dict else answers)
        "".join(said)  # a quick way to see that all are texts
    except (TypeError, KeyError) as error:
        raise RowError("answers that are no list of texts", answers) from error
    return said


@lru_cache(maxsize=4096)
def _kind(value: Any) -> str | None:
    """A type of questions or answers, without outer spaces. Raises RowError."""
    return text_of(value, "type").strip() or None
