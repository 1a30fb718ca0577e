"""Files for the leaderboards, each in its official form.

- VQA v1 and v2, VQA-CP, OK-VQA, TextVQA: `[{"question_id": 1, "answer": "yes"}, ...]`
  (https://visualqa.org/evaluation.html), ids as numbers.
- VizWiz: `[{"image": "VizWiz_test_00000000.jpg", "answer": "yes"}, ...]`; for its second task, in
  a file beside it, `[{"image": ..., "answerable": 0.93}, ...]`.
- GQA: `[{"questionId": "1", "prediction": "yes"}, ...]`.
- A-OKVQA: `{"1": {"multiple_choice": "yes", "direct_answer": "yes"}, ...}`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.example import Example
from vqa_cli.errors import DataError
from vqa_cli.evaluation.predictions import Record
from vqa_cli.evaluation.questions import watched_in
from vqa_cli.evaluation.saving import check_target, json_list
from vqa_cli.evaluation.tasks import UNANSWERABLE
from vqa_cli.files import write_text

if TYPE_CHECKING:
    from vqa_cli.data.prepared import PreparedDataset

OPTION = "--submission"
EXAMPLES_SHOWN = 3

Name = int | str
"""What a leaderboard calls a question."""


def _number(question: Example) -> Name | None:
    return int(question.question_id) if question.question_id.isdecimal() else None


def _text(question: Example) -> Name | None:
    return question.question_id


def _image(question: Example) -> Name | None:
    return PurePosixPath(question.image).name


@dataclass(frozen=True)
class _Form:
    """name_of: what the leaderboard calls a question, None where it cannot know it.

    id_key, answer_key: the members of the objects in the list.
    """

    name_of: Callable[[Example], Name | None]
    id_key: str = "question_id"
    answer_key: str = "answer"


_FORMS = {
    **dict.fromkeys(("vqa-v2", "vqa-v1", "vqa-cp", "ok-vqa", "textvqa"), _Form(_number)),
    "vizwiz": _Form(_image, "image"),
    "gqa": _Form(_text, "questionId", "prediction"),
    "a-okvqa": _Form(_text),
}


def check_submission(path: Path, dataset: PreparedDataset, *, force: bool = False) -> None:
    """Find out before the work is done whether a submission can be written.

    Raises DataError where the layout has no leaderboard's form, or as `check_target` does.
    """
    layout = _layout(dataset)
    if layout not in _FORMS:
        raise DataError(
            f"{OPTION}: no leaderboard's form is known for data in the layout {layout}, only for "
            f"{', '.join(_FORMS)}; --save-predictions writes the answers of any data"
        )
    for file in [path, _beside(path)] if layout == "vizwiz" else [path]:
        check_target(file, force=force, option=OPTION, suffixes=(".json",))


def write_submission(
    path: Path,
    dataset: PreparedDataset,
    records: Sequence[Record],
    *,
    force: bool = False,
    report: Reporter = SILENT,
) -> None:
    """Write the records of a whole split in the form that the data's leaderboard takes.

    Raises DataError, with all of them at once, for ids that the leaderboard cannot know, and as
    `check_submission` does.
    """
    check_submission(path, dataset, force=force)
    layout = _layout(dataset)
    form = _FORMS[layout]
    names = _names(layout, [record.example for record in records])
    answers = [record.predicted.answer for record in records]
    if layout == "a-okvqa":
        write_text(path, _a_okvqa(names, records, report))
    else:
        write_text(path, _json_list(form.id_key, names, form.answer_key, answers))
    report.notice(f"wrote a submission of {len(records):,} answers to {path}")
    if layout == "vizwiz":
        _write_answerability(_beside(path), names, records, report)
    left_out = sum(p["rows"] for p in dataset.info["problems"] if p["unusable"])
    if left_out:
        report.warn(
            f"{left_out:,} rows were left out when the data was prepared; a leaderboard that "
            "misses answers to them refuses the file"
        )


def _layout(dataset: PreparedDataset) -> str:
    return str(dataset.info["format"])


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.stem}.answerability.json")


def _names(layout: str, questions: Sequence[Example]) -> list[Name]:
    """What the leaderboard calls the questions. Raises DataError where it cannot know one."""
    names = {q.question_id: _FORMS[layout].name_of(q) for q in questions}
    count = Counter(names.values())
    wrong = {
        "no id that the leaderboard knows": [i for i, name in names.items() if name is None],
        "an id that is not theirs alone": [
            i for i, name in names.items() if name is not None and count[name] > 1
        ],
    }
    if problems := [
        f"{len(ids):,} with {what}: {', '.join(ids[:EXAMPLES_SHOWN])}"
        f"{', ...' if len(ids) > EXAMPLES_SHOWN else ''}"
        for what, ids in wrong.items()
        if ids
    ]:
        raise DataError(
            f"{OPTION}: the questions are not those of the leaderboard of {layout}; prepare its "
            "official files:",
            problems,
        )
    return [name for name in names.values() if name is not None]


def _json_list(id_key: str, names: Sequence[Name], key: str, values: Sequence[object]) -> str:
    return json_list({id_key: n, key: v} for n, v in zip(names, values, strict=True))


def _a_okvqa(names: Sequence[Name], records: Sequence[Record], report: Reporter) -> str:
    answers = {}
    unknown = 0
    for name, record in zip(names, records, strict=True):
        choice = record.predicted.choice
        if choice is None and record.example.choices:
            choice = record.example.choices[0]
            unknown += 1
        answers[name] = {"multiple_choice": choice, "direct_answer": record.predicted.answer}
    if unknown:
        what = "question has" if unknown == 1 else "questions have"
        report.warn(f"{unknown:,} {what} no choice that the model knows: its first is given")
    return json.dumps(answers, ensure_ascii=False, indent=0) + "\n"


def _write_answerability(
    path: Path, names: Sequence[Name], records: Sequence[Record], report: Reporter
) -> None:
    """A question is as answerable as the answer "unanswerable" is improbable."""
    place = watched_in([record.example for record in records]).index(UNANSWERABLE)
    if not all(record.predicted.watched for record in records):
        report.notice("no file for the task of answerability: that takes a model's probabilities")
        return
    answerable = [1 - record.predicted.watched[place] for record in records]
    write_text(path, _json_list("image", names, "answerable", answerable))
    report.notice(f"wrote a submission for the task of answerability to {path}")
