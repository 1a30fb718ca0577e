"""Measure how fast predictions are scored, on one core, by themselves and with all else.

    python benchmarks/scoring.py [--questions 200000] [--out FOLDER]

The questions (ten answers each) and the predictions (ten ranked answers each) are drawn; train is
as large as test, since the blind baselines learn from it. Measured are: the official accuracy of
each prediction; the further metrics beside it; and the whole command `vqa evaluate DATA
--predictions FILE`, with reading, blind baselines, intervals and calibration. Times are of the
processor, so that it makes no difference what else it does.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Callable
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
                ranked = [draw.choice(row.answers)]
                ranked += [f"answer {draw.randrange(20_000)}" for _ in range(RANKED - 1)]
                draw.shuffle(ranked)
                answers = [{"answer": answer, "confidence": 0.1} for answer in ranked]
                entry = {"question_id": row.number, "answer": ranked[0], "confidence": 0.1}
                found.append(entry | {"answers": answers})
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
    import sklearn.metrics  # noqa: F401  # else its import is measured

    _, further = timed(lambda: further_metrics(records))
    command = ["evaluate", str(prepared), "--predictions", str(file)]
    (result, *_), whole = timed(lambda: vqa(command, folder / "evaluate"))
    if result["questions"] != count:
        raise SystemExit(f"{result['questions']:,} questions were scored instead of {count:,}")
    return [("accuracy", alone), ("further metrics", further), ("the whole command", whole)]


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
