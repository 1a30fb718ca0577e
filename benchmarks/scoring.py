"""Measure how fast predictions are scored, on one core, by themselves and with all else.

    python benchmarks/scoring.py [--questions 200000] [--out FOLDER]

The questions (ten answers each) and the predictions are drawn; train is as large as test, since
the blind baselines learn from it. Measured are: the official accuracy of each prediction; the
further metrics beside it, where ten ranked answers are known; and the whole command `vqa evaluate
DATA --predictions FILE` in the official results format, with reading, blind baselines and
intervals. Times are of the processor, not of the clock, since other work may share it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.prepare import drawn
from benchmarks.run import rule_below, vqa
from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.evaluation.further import further_metrics
from vqa_cli.evaluation.metrics import score
from vqa_cli.evaluation.prediction_files import read_predictions
from vqa_cli.evaluation.predictions import Record
from vqa_cli.evaluation.questions import examples_of

SECONDS = 20.0
RANKED = 10
T = TypeVar("T")


def write(folder: Path, count: int) -> tuple[Path, Path]:
    """Draw the data and the predictions; return where they are."""
    source, predictions = folder / "data", folder / "predictions.json"
    source.mkdir()
    draw = random.Random(1)
    found = []
    with (source / "questions.jsonl").open("w", encoding="utf-8") as stream:
        for row in drawn(2 * count):
            split = "train" if row.number < count else "test"
            line = {
                "image": f"{row.image:06d}.jpg",
                "question": row.question,
                "answers": row.answers,
                "answer_kind": "annotators",
                "question_id": row.number,
                "question_type": row.kind,
                "split": split,
            }
            stream.write(json.dumps(line) + "\n")
            if split == "test":
                found.append({"question_id": row.number, "answer": draw.choice(row.answers)})
    predictions.write_text(json.dumps(found), encoding="utf-8")
    return source, predictions


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What `work` returns, and how many seconds of the processor it and what it started took."""
    started = os.times()
    result = work()
    ended = os.times()
    return result, sum(ended[:4]) - sum(started[:4])


def measure(folder: Path, count: int) -> list[tuple[str, float]]:
    """What was measured, and its seconds."""
    source, file = write(folder, count)
    prepared = folder / "prepared"
    vqa(["prepare", str(source), "--no-images", "--out", str(prepared)], folder / "prepare")
    questions = examples_of(PreparedDataset.open(prepared).rows("test"))
    predicted = read_predictions(file, questions)
    records, alone = timed(
        lambda: [
            Record(q, p, score(q.answers, q.answer_kind, p.answer))
            for q, p in zip(questions, predicted, strict=True)
        ]
    )
    _, further = timed(lambda: further_metrics([_ranked(record) for record in records]))
    command = ["evaluate", str(prepared), "--predictions", str(file)]
    (result, *_), whole = timed(lambda: vqa(command, folder / "evaluate"))
    if result["questions"] != count:
        raise SystemExit(f"{result['questions']:,} questions were scored instead of {count:,}")
    return [("accuracy", alone), ("further metrics", further), ("the whole command", whole)]


def _ranked(record: Record) -> Record:
    """The record with its answer in the last place of ten, which is the most work."""
    others = ((f"answer {number}", 0.1) for number in range(RANKED - 1))
    answers = (*others, (record.predicted.answer, 0.1))
    return replace(record, predicted=replace(record.predicted, answers=answers))


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description="Measure how fast predictions are scored.")
    parser.add_argument("--questions", type=int, default=200_000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    head = "what|questions|time|questions a second|target|reached"
    lines = [head, rule_below(head)]
    with tempfile.TemporaryDirectory(dir=arguments.out) as folder:
        for what, seconds in measure(Path(folder), arguments.questions):
            target = SECONDS * arguments.questions / 200_000
            reached = "yes" if seconds <= target else "NO"
            rate = arguments.questions / seconds
            lines.append(
                f"{what}|{arguments.questions:,}|{seconds:.1f} s|{rate:,.0f}|<= {target:g} s"
                f"|{reached}"
            )
    print("\n".join(f"| {line.replace('|', ' | ')} |" for line in lines))


if __name__ == "__main__":
    main()
