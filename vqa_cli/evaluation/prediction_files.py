"""Predictions made elsewhere: read from a file, exactly one for each question.

What is read, by the endings .json, .jsonl and .csv (or .tsv):

- the official results format, `[{"question_id": 1, "answer": "yes"}, ...]`, one object a line in
  a .jsonl, one row in a .csv. GQA calls these `questionId` and `prediction`; VizWiz names the
  `image` in the place of the question.
- an object that gives each id its answer, `{"1": "yes", ...}`, or both of A-OKVQA's:
  `{"1": {"direct_answer": "yes", "multiple_choice": "no"}, ...}`.
- what `--save-predictions` wrote, with `confidence`, `answers` and `choice`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from vqa_cli.data.example import Example
from vqa_cli.data.findings import Findings
from vqa_cli.data.json_stream import entries, members, peek
from vqa_cli.data.tables import rows
from vqa_cli.errors import DataError
from vqa_cli.evaluation.predictions import Predicted, choice_among
from vqa_cli.memory import without_garbage_collection

RESULTS_FORMAT = '[{"question_id": 1, "answer": "yes"}, ...]'
EXAMPLES_SHOWN = 3
TABLES = (".jsonl", ".csv", ".tsv")

_IDS = ("question_id", "questionId", "image")
_ANSWERS = ("answer", "prediction")

Entry = tuple[str, Any]
"""What messages call an entry, and what the file holds there."""


def is_predictions(path: Path) -> bool:
    """Whether a path means a file of predictions, and not the folder of a model."""
    return path.suffix.lower() in (".json", *TABLES) and not path.is_dir()


@without_garbage_collection()
def read_predictions(path: Path, questions: Sequence[Example]) -> list[Predicted]:
    """Read predictions, one for each question, in the order of the questions.

    Ids are compared as texts, so 7 and "7" are the same; what else an entry holds is ignored.

    Raises DataError, with all problems at once, where the file cannot be read, where entries are
    no predictions, or where ids are missing, unknown or given twice.
    """
    found = list(_read(path))
    id_key = _key_used(found, _IDS)
    answer_key = _key_used(found, _ANSWERS)
    names = [_image_name(q) if id_key == "image" else q.question_id for q in questions]
    if id_key == "image":
        _check_one_question_each(path, names)
    _check_entries(path, found, id_key, answer_key)
    given = Counter(str(entry[id_key]) for _, entry in found)
    _check_ids(path, names, given)
    by_id = {str(entry[id_key]): entry for _, entry in found}
    return [
        _predicted(by_id[name], answer_key, question)
        for name, question in zip(names, questions, strict=True)
    ]


def _read(path: Path) -> Iterator[Entry]:
    if path.suffix.lower() in TABLES:
        findings = Findings()
        yield from ((f"row {number}", row) for number, row in rows(path, findings))
        if problems := [str(finding) for finding in findings]:
            raise DataError(f"{path}: not all of it can be read:", problems)
    elif (beginning := peek(path)) and beginning.kind == "object":
        for name, value in members(path):
            yield f"entry {json.dumps(name)}", {"question_id": name, **_answers_of(value)}
    else:
        for number, value in enumerate(entries(path), start=1):
            yield f"entry {number}", value


def _answers_of(value: Any) -> dict[str, Any]:
    """An object's answer, or A-OKVQA's pair of answers, by the names that a list has."""
    if not isinstance(value, dict):
        return {"answer": value}
    choice = {"choice": value["multiple_choice"]} if "multiple_choice" in value else {}
    answers = [value[k] for k in ("direct_answer", "multiple_choice", "answer") if k in value]
    return choice | ({"answer": answers[0]} if answers else {})


def _key_used(found: Sequence[Entry], names: Sequence[str]) -> str:
    first = next((entry for _, entry in found if isinstance(entry, Mapping)), {})
    return next((name for name in names if name in first), names[0])


def _image_name(question: Example) -> str:
    return PurePosixPath(question.image).name


def _check_one_question_each(path: Path, images: Sequence[str]) -> None:
    if several := [name for name, count in Counter(images).items() if count > 1]:
        raise DataError(
            f"{path}: its entries name images, which does not say which question is meant: "
            f"{_ids('with several questions', several)}; name the questions by question_id"
        )


def _check_entries(path: Path, found: Sequence[Entry], id_key: str, answer_key: str) -> None:
    wrong = [
        f"{place} {problem}"
        for place, entry in found
        if (problem := _problem(entry, id_key, answer_key))
    ]
    if wrong:
        hidden = len(wrong) - EXAMPLES_SHOWN
        more = [f"and {hidden:,} more"] if hidden > 0 else []
        raise DataError(
            f"{path}: {len(wrong):,} of {len(found):,} entries are no predictions; expected "
            f"{RESULTS_FORMAT}:",
            wrong[:EXAMPLES_SHOWN] + more,
        )


def _problem(entry: Any, id_key: str, answer_key: str) -> str | None:
    if not isinstance(entry, Mapping):
        return f"is no object but {_short(entry)}"
    if missing := [key for key in (id_key, answer_key) if key not in entry]:
        return f"has no {' and no '.join(missing)}"
    question, answer = entry[id_key], entry[answer_key]
    if isinstance(question, bool) or not isinstance(question, (int, str)):
        return f"has a {id_key} that is neither number nor text: {_short(question)}"
    if not isinstance(answer, str) or not _is_unicode(answer):
        return f"has an {answer_key} that is no text: {_short(answer)}"
    choice = entry.get("choice")
    if choice is not None and (not isinstance(choice, str) or not _is_unicode(choice)):
        return f"has a choice that is no text: {_short(choice)}"
    try:
        confidence = _confidence(entry)
    except (TypeError, ValueError):
        confidence = -1
    if confidence is not None and not 0 <= confidence <= 1:
        return f"has a confidence that is no number from 0 to 1: {_short(entry['confidence'])}"
    return None


def _check_ids(path: Path, names: Sequence[str], given: Counter[str]) -> None:
    asked = set(names)
    groups = {
        "without a prediction": [name for name in names if name not in given],
        "predicted but not in this split": [name for name in given if name not in asked],
        "predicted more than once": [name for name, count in given.items() if count > 1],
    }
    if problems := [_ids(what, found) for what, found in groups.items() if found]:
        raise DataError(
            f"{path}: does not fit the {len(names):,} questions; it needs exactly one "
            "prediction for each:",
            problems,
        )


def _ids(what: str, names: Sequence[str]) -> str:
    more = ", ..." if len(names) > EXAMPLES_SHOWN else ""
    ids = "id" if len(names) == 1 else "ids"
    return f"{len(names):,} {ids} {what}: {', '.join(names[:EXAMPLES_SHOWN])}{more}"


def _predicted(entry: Mapping[str, Any], answer_key: str, question: Example) -> Predicted:
    answer = entry[answer_key]
    answers = _ranked(entry) if "answers" in entry else ()
    choice = entry.get("choice") or None
    if question.choices and not choice:
        choice = choice_among(question.choices, [text for text, _ in answers] or [answer])
    return Predicted(answer, _confidence(entry), answers, choice)


def _confidence(entry: Mapping[str, Any]) -> float | None:
    value = entry.get("confidence")
    return None if value is None or value == "" else float(value)


def _ranked(entry: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """The best answers with their confidences, where the entry has them as we save them."""
    try:
        value = entry["answers"]
        listed = json.loads(value) if isinstance(value, str) else value
        return tuple((str(pair["answer"]), float(pair["confidence"])) for pair in listed)
    except (ValueError, KeyError, TypeError):
        return ()  # something else under that name, which is not ours


def _is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold it; half a surrogate pair, which JSON can spell, it cannot."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=not _is_unicode(str(value)))
    return text if len(text) <= 60 else text[:57] + "..."
