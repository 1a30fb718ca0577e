"""Batch asking beside a bare onnxruntime loop over preprocessed tensors, for `asking.py`.

    python benchmarks/asking_rate.py EXPORT QUESTIONS.jsonl [--rounds 5]

QUESTIONS.jsonl is what `vqa ask --batch` reads. The loop gets the same images as `pixel_values`
and the same questions as token ids, both made beforehand; it comes in several batch sizes, with
onnxruntime's own settings and without threads that wait by spinning, which costs it much where
other work shares the processors. Batch asking begins with the files. They take turns in one
process, the first round does not count. Prints a JSON object: questions a second, by what was
measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime as ort

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from vqa_cli.inference.batch import answer_batch
from vqa_cli.inference.loading import load_answerer
from vqa_cli.inference.requests import open_batch

WAITING = ("spinning", "sleeping")
IMAGE_BATCHES = (1, 8)


def read_asked(path: Path) -> dict[str, list[str]]:
    """The questions about each image."""
    asked: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        asked.setdefault(record["image"], []).append(record["question"])
    return asked


class BareLoop:
    """Runs the two graphs over arrays that are there already."""

    def __init__(self, folder: Path, asked: dict[str, list[str]], spinning: bool) -> None:
        settings = ort.SessionOptions()
        settings.add_session_config_entry("session.intra_op.allow_spinning", f"{spinning:d}")
        self.image_encoder = ort.InferenceSession(folder / "image_encoder.onnx", settings)
        self.answerer = ort.InferenceSession(folder / "answerer.onnx", settings)
        self.preprocessor = load_answerer(folder).preprocessor
        self.pixel_values = self.preprocessor.images(list(asked))
        self.questions = list(asked.values())

    def batches(self, size: int) -> list[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """What each turn of the loop is given, for `size` images at once."""
        return list(self._batches(size))

    def _batches(self, size: int) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        for start in range(0, len(self.questions), size):
            asked = self.questions[start : start + size]
            owners = [image for image, questions in enumerate(asked) for _ in questions]
            tokens = self.preprocessor.questions([q for questions in asked for q in questions])
            yield (
                self.pixel_values[start : start + size],
                {
                    "image_index": np.asarray(owners),
                    "input_ids": tokens[0],
                    "attention_mask": tokens[1],
                },
            )

    def run(self, batches: list[tuple[np.ndarray, dict[str, np.ndarray]]]) -> list[int]:
        """The best answers' numbers."""
        best: list[int] = []
        for pixel_values, questions in batches:
            (tokens,) = self.image_encoder.run(None, {"pixel_values": pixel_values})
            (logits,) = self.answerer.run(None, {"image_tokens": tokens, **questions})
            best += logits.argmax(axis=1).tolist()
        return best


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description="Measure the rate of batch asking.")
    parser.add_argument("export", type=Path)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    asked = read_asked(options.questions)
    loops = {name: BareLoop(options.export, asked, name == "spinning") for name in WAITING}
    answerer = load_answerer(options.export)

    def ask() -> list[str]:
        with open_batch(str(options.questions)) as batch:
            return [
                str(outcome.prediction)
                for _, outcomes in answer_batch(answerer, batch)
                for outcome in outcomes
            ]

    def bare(loop: BareLoop, size: int) -> Callable[[], list[int]]:
        given = loop.batches(size)
        return lambda: loop.run(given)

    works: dict[str, Callable[[], list[int] | list[str]]] = {
        "asking": ask,
        **{
            f"bare loop, {name}, {size} image(s) at once": bare(loop, size)
            for name, loop in loops.items()
            for size in IMAGE_BATCHES
        },
    }
    seconds: dict[str, list[float]] = {name: [] for name in works}
    answers: dict[str, list[str]] = {}
    for number in range(options.rounds + 1):
        for name, work in works.items():
            began = time.perf_counter()
            found = work()
            if number:
                seconds[name].append(time.perf_counter() - began)
            vocabulary = answerer.vocabulary.answers
            answers[name] = [a if isinstance(a, str) else vocabulary[a] for a in found]
    different = {name for name, found in answers.items() if found != answers["asking"]}
    if different:
        raise SystemExit(f"other answers than asking gives: {', '.join(sorted(different))}")
    count = len(answers["asking"])
    print(json.dumps({name: count / median(spent) for name, spent in seconds.items()}))


if __name__ == "__main__":
    main()
