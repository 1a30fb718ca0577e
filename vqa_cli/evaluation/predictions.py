"""Predictions: made by a model, read from a file in the official results format, and saved."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError, SettingsError
from vqa_cli.files import write_text

if TYPE_CHECKING:
    from vqa_cli.inference.answerer import Answerer

RESULTS_FORMAT = '[{"question_id": 1, "answer": "yes"}, ...]'
SUFFIXES = (".json", ".jsonl", ".csv")
EXAMPLES_SHOWN = 3


@dataclass(frozen=True)
class Predicted:
    """The answer to one question.

    confidence: in [0, 1], None where the source gives none. answers: the best (answer,
    confidence), best first; empty where the source gives none.
    choice: the most probable of the question's choices; None where it has none, or where the
    model knows none of them. watched: the probabilities of the answers that are watched over the
    whole split; empty where the source gives none.
    """

    answer: str
    confidence: float | None = None
    answers: tuple[tuple[str, float], ...] = ()
    choice: str | None = None
    watched: tuple[float, ...] = ()


@dataclass(frozen=True)
class Record:
    """A question, what was predicted, and its score in [0, 1]; None where it has no answers."""

    example: Example
    predicted: Predicted
    score: float | None

    def to_json(self) -> dict[str, Any]:
        example, predicted = self.example, self.predicted
        return {
            "question_id": example.question_id,
            "image": example.image,
            "question": example.question,
            "answer": predicted.answer,
            "confidence": predicted.confidence,
            "answers": [{"answer": a, "confidence": c} for a, c in predicted.answers],
            "ground_truth": list(example.answers),
            "score": self.score,
        }


def predict(
    answerer: Answerer,
    questions: Sequence[Example],
    image_root: Path,
    *,
    top_k: int = 1,
    report: Reporter = SILENT,
) -> list[Predicted]:
    """Answer the questions, in their order; each image is read and encoded once.

    Raises DataError for an image that cannot be read.
    """
    of_image: dict[str, list[int]] = {}
    for place, question in enumerate(questions):
        of_image.setdefault(question.image, []).append(place)
    items = [
        (image_root / image, [questions[place].question for place in places])
        for image, places in of_image.items()
    ]
    found: dict[int, Predicted] = {}
    predictions = answerer.predict(items, top_k=top_k, report=report)
    for places, answered in zip(of_image.values(), predictions, strict=True):
        for place, prediction in zip(places, answered, strict=True):
            found[place] = Predicted(
                prediction.answer,
                prediction.confidence,
                tuple((answer.text, answer.confidence) for answer in prediction.answers),
            )
    return [found[place] for place in range(len(questions))]


def read_predictions(path: Path, questions: Sequence[Example]) -> list[Predicted]:
    """Read predictions in the official results format, one for each question, in their order.

    Ids are compared as texts, so 7 and "7" are the same; what else an entry holds is ignored.

    Raises DataError, with all problems at once, where the file is no such list, or where ids are
    missing, unknown or given twice.
    """
    entries = _read_list(path)
    answers: dict[str, str] = {}
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    for number, entry in enumerate(entries, start=1):
        problem = _entry_problem(entry)
        if problem:
            wrong.append(f"entry {number} {problem}")
            continue
        question_id = str(entry["question_id"])
        answers[question_id] = entry["answer"]
        seen[question_id] += 1
    if wrong:
        hidden = len(wrong) - EXAMPLES_SHOWN
        more = [f"and {hidden:,} more"] if hidden > 0 else []
        raise DataError(
            f"{path}: {len(wrong):,} of {len(entries):,} entries are no predictions; expected "
            f"{RESULTS_FORMAT}:",
            wrong[:EXAMPLES_SHOWN] + more,
        )
    asked = {question.question_id for question in questions}
    groups = {
        "without a prediction": [q.question_id for q in questions if q.question_id not in seen],
        "predicted but not in this split": [name for name in seen if name not in asked],
        "predicted more than once": [name for name, count in seen.items() if count > 1],
    }
    if problems := [_examples(what, names) for what, names in groups.items() if names]:
        raise DataError(
            f"{path}: does not fit the {len(questions):,} questions; it needs exactly one "
            "prediction for each:",
            problems,
        )
    return [Predicted(answers[question.question_id]) for question in questions]


def _read_list(path: Path) -> list[Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}: no valid JSON: line {error.lineno}, column {error.colno}: {error.msg}; "
            f"expected {RESULTS_FORMAT}"
        ) from error
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, 10,000 brackets
        raise DataError(
            f"{path}: cannot be read as JSON: {error}; expected {RESULTS_FORMAT}"
        ) from error
    if not isinstance(content, list):
        raise DataError(
            f"{path}: holds one {type(content).__name__}, not a list; expected {RESULTS_FORMAT}"
        )
    return content


def _entry_problem(entry: Any) -> str | None:
    if not isinstance(entry, dict):
        return f"is no object but {_short(entry)}"
    if missing := [key for key in ("question_id", "answer") if key not in entry]:
        return f"has no {' and no '.join(missing)}"
    if isinstance(entry["question_id"], bool) or not isinstance(entry["question_id"], (int, str)):
        return f"has a question_id that is neither number nor text: {_short(entry['question_id'])}"
    if not isinstance(entry["answer"], str) or not _is_unicode(entry["answer"]):
        return f"has an answer that is no text: {_short(entry['answer'])}"
    return None


def _is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold it; half a surrogate pair, which JSON can spell, it cannot."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=not _is_unicode(str(value)))
    return text if len(text) <= 60 else text[:57] + "..."


def _examples(what: str, names: Sequence[str]) -> str:
    more = ", ..." if len(names) > EXAMPLES_SHOWN else ""
    ids = "id" if len(names) == 1 else "ids"
    return f"{len(names):,} {ids} {what}: {', '.join(names[:EXAMPLES_SHOWN])}{more}"


def check_target(path: Path, *, force: bool = False) -> None:
    """Find out before the work is done whether predictions can be saved at `path`.

    Raises SettingsError for an unknown ending, DataError where the folder does not exist or where
    there is something already; `force` allows to replace a file.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise SettingsError(
            f"--save-predictions {path}: the ending says the format and must be one of "
            f"{', '.join(SUFFIXES)}"
        )
    if not path.parent.is_dir():
        raise DataError(f"--save-predictions {path}: there is no folder {path.parent}; make it")
    if path.is_dir() or (path.exists() and not force):
        hint = "is a folder" if path.is_dir() else "exists; --force replaces it"
        raise DataError(f"--save-predictions {path}: {hint}")


def save_predictions(path: Path, records: Iterable[Record], *, force: bool = False) -> None:
    """Save every question with its answers, as .json, .jsonl or .csv; whole or not at all.

    A .json can be read again by `read_predictions`. In a .csv the lists are JSON texts.

    Raises what `check_target` raises.
    """
    check_target(path, force=force)
    rows = [record.to_json() for record in records]
    suffix = path.suffix.lower()
    if suffix == ".csv":
        write_text(path, _csv(rows))
    elif suffix == ".jsonl":
        write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    else:
        lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        write_text(path, f"[\n{lines}\n]\n")


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    names = list(rows[0]) if rows else []
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        lists = {k: json.dumps(v, ensure_ascii=False) for k, v in row.items() if type(v) is list}
        writer.writerow(row | lists)
    return text.getvalue()
