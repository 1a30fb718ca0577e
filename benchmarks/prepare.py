"""Measure how fast `vqa prepare` reads a million rows of ten answers, and in how much memory.

    python benchmarks/prepare.py [--rows 1000000] [--formats jsonl vqa-v2] [--out FOLDER]

The rows are drawn, written as a table (questions.jsonl) and as VQA v2's two JSON files, and
prepared by the command line without images, so that what is measured is reading, checking,
counting and writing; three times each. The data takes about 1.3 GB in OUT (default: a temporary
folder, removed).
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.run import rule_below, vqa

ROWS_A_SECOND = 50_000
GIGABYTES = 1.0
RUNS = 3
"""Whatever else the machine does only adds time: the best run says most of the program."""

PEOPLE = 10
QUESTIONS_AN_IMAGE = 5

_KINDS = ("what color is", "how many people are near", "is there a cat on", "what is behind")
_THINGS = ("table", "dog", "tree", "car", "boat", "lamp", "street", "wall", "horse", "window")
_PLACES = ("in the kitchen", "on the left", "at the beach", "next to the man", "in the mirror")


class Row(NamedTuple):
    """One question; `kind` is how it begins."""

    number: int
    image: int
    kind: str
    question: str
    answers: list[str]


def drawn(count: int) -> Iterator[Row]:
    """Draw questions of which many are alike, and answers of which few are frequent."""
    draw = random.Random(0)
    for number in range(count):
        kind = draw.choice(_KINDS)
        thing, place = draw.choice(_THINGS), draw.choice(_PLACES)
        # A long tail, as people's answers have one.
        common, other = (f"answer {int(20_000 * draw.random() ** 6)}" for _ in range(2))
        agree = draw.randint(3, PEOPLE)
        yield Row(
            number=number,
            image=number // QUESTIONS_AN_IMAGE,
            kind=kind,
            question=f"{kind} the {thing} {number % 1000} {place}?",
            answers=[common] * agree + [other] * (PEOPLE - agree),
        )


def write_jsonl(folder: Path, count: int) -> None:
    """A table as users have it: one object a line."""
    with (folder / "questions.jsonl").open("w", encoding="utf-8") as stream:
        for row in drawn(count):
            line = {
                "image": f"{row.image:06d}.jpg",
                "question": row.question,
                "answers": row.answers,
                "answer_kind": "annotators",
                "question_id": row.number,
            }
            stream.write(json.dumps(line) + "\n")


def write_vqa_v2(folder: Path, count: int) -> None:
    """The official files' structure."""
    questions = (
        {
            "image_id": row.image,
            "question": row.question,
            "question_id": row.number,
        }
        for row in drawn(count)
    )
    annotations = (
        {
            "question_type": row.kind,
            "multiple_choice_answer": row.answers[0],
            "answers": [
                {"answer": answer, "answer_confidence": "yes", "answer_id": number}
                for number, answer in enumerate(row.answers, start=1)
            ],
            "image_id": row.image,
            "answer_type": "other",
            "question_id": row.number,
        }
        for row in drawn(count)
    )
    name = "mscoco_train2014"
    _write_list(folder / f"v2_OpenEnded_{name}_questions.json", "questions", questions)
    _write_list(folder / f"v2_{name}_annotations.json", "annotations", annotations)


def _write_list(path: Path, key: str, entries: Iterator[dict[str, Any]]) -> None:
    head = {"info": {"version": "2.0"}, "data_type": "mscoco", "data_subtype": "train2014"}
    with path.open("w", encoding="utf-8") as stream:
        stream.write(f'{json.dumps(head)[:-1]}, "{key}": [')
        for number, entry in enumerate(entries):
            stream.write((", " if number else "") + json.dumps(entry))
        stream.write("]}")


FORMATS: dict[str, Callable[[Path, int], None]] = {"jsonl": write_jsonl, "vqa-v2": write_vqa_v2}


def measure(name: str, count: int, out: Path) -> str:
    """Write the data, prepare it, and return a line of the table."""
    source = out / name
    source.mkdir(parents=True)
    FORMATS[name](source, count)
    size = sum(path.stat().st_size for path in source.iterdir()) / 1e9
    command = ["prepare", str(source), "--no-images", "--out"]
    times, peaks = [], []
    for number in range(RUNS):
        target = out / f"{name}-prepared-{number}"
        result, seconds, peak = vqa([*command, str(target)], out / f"{name}-log-{number}")
        if (rows := sum(result["splits"].values())) != count:
            raise SystemExit(f"{name}: {rows:,} rows were prepared instead of {count:,}")
        times.append(seconds)
        peaks.append(peak)
        shutil.rmtree(target)
    rate, peak = count / min(times), max(peaks)
    each = ", ".join(f"{seconds:.1f}" for seconds in times)
    reached = rate >= ROWS_A_SECOND and peak <= GIGABYTES
    return (
        f"{name}|{count:,}|{size:.2f} GB|{each} s|{rate:,.0f}|>= {ROWS_A_SECOND:,}"
        f"|{peak:.2f} GB|<= {GIGABYTES:g} GB|{'yes' if reached else 'NO'}"
    )


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description="Measure how fast questions are prepared.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    head = "data|rows|files|each run|rows a second, best|target|peak memory|limit|reached"
    lines = [head, rule_below(head)]
    with tempfile.TemporaryDirectory(dir=arguments.out) as folder:
        lines += [measure(name, arguments.rows, Path(folder)) for name in arguments.formats]
    print("\n".join(f"| {line.replace('|', ' | ')} |" for line in lines))


if __name__ == "__main__":
    main()
