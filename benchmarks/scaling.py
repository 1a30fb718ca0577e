"""Measure what grows with the data: the rates and bytes that docs/scaling.md reckons with.

    python benchmarks/scaling.py [--questions 200000] [--items 200000]

Questions of ten answers are drawn and prepared without images; features are written as the store
keeps them, of one token each, since what grows in memory is the index. Times are CPU seconds of
this process, scaled to a million; bytes are how much this process has grown.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import psutil
from PIL import Image

from benchmarks.prepare import drawn
from benchmarks.run import rule_below, vqa

MILLION = 1_000_000
HEAD = "what | CPU seconds a million | bytes each"
KEY = {"kind": "image"}
PER_SHARD = 256
TOKENS, WIDTH, IMAGES = 49, 1280, 1_000
FEW_PHOTOS, PHOTOS = 50, 400
BATCH, GATHERED = 128, 8_192


def measured(what: str, count: int, work: Callable[[], Any]) -> Any:
    """Do `work`, print what a million of its `count` things take, and return what it gives."""
    gc.collect()
    process = psutil.Process()
    before, began = process.memory_info().rss, time.process_time()
    made = work()
    seconds = (time.process_time() - began) * MILLION / count
    gc.collect()
    size = (process.memory_info().rss - before) / count
    print(f"| {what} | {seconds:,.2f} | {max(0.0, size):,.0f} |", flush=True)
    return made


def questions(folder: Path, count: int) -> None:
    """Read a split, number it, make its targets, and plan an epoch of it."""
    from vqa_cli.data.prepared import PreparedDataset
    from vqa_cli.training.batches import plan_epoch
    from vqa_cli.training.objective import soft_targets
    from vqa_cli.training.task import _numbered

    source = folder / "questions"
    source.mkdir()
    with (source / "questions.jsonl").open("w", encoding="utf-8") as stream:
        for row in drawn(count):
            line = {"image": f"{row.image}.jpg", "question": row.question, "split": "train"}
            line |= {"answers": row.answers, "answer_kind": "annotators"}
            stream.write(json.dumps(line) + "\n")
    prepared = folder / "prepared"
    vqa(["prepare", str(source), "--no-images", "--out", str(prepared)], folder / "log")
    data = PreparedDataset.open(prepared)
    kept = sum(path.stat().st_size for path in prepared.iterdir())
    print(f"| a question: prepared, on the disk | | {kept / count:,.0f} |")
    rows = measured("a question: its row, read", count, lambda: data.rows("train"))
    (image,) = measured(
        "a question: its image, numbered", count, lambda: _numbered([rows["image"]])[1]
    )
    answers, kinds = list(rows["answers"]), list(rows["answer_kind"])
    vocabulary = data.vocabulary
    measured("a question: its targets", count, lambda: soft_targets(answers, kinds, vocabulary))
    measured(
        "a question: its place in an epoch",
        count,
        lambda: plan_epoch(image, 128, 0, 0, together=1),
    )


def images(folder: Path) -> None:
    """Prepare photos of a usual size: each is read, checked and hashed."""
    draw, seconds = np.random.default_rng(0), []
    for count in (FEW_PHOTOS, FEW_PHOTOS + PHOTOS):
        source = folder / f"photos-{count}"
        source.mkdir()
        lines = ["image,question,answer"]
        for number in range(count):
            blocks = draw.integers(0, 256, (30, 40, 3), dtype=np.uint8)
            photo = Image.fromarray(blocks).resize((640, 480), Image.Resampling.BICUBIC)
            photo.save(source / f"{number}.jpg", quality=90)
            lines.append(f"{number}.jpg,what is it?,{number % 7}")
        (source / "questions.csv").write_text("\n".join(lines))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        vqa(["prepare", str(source), "--out", str(folder / f"of-{count}")], folder / "log")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    million = (seconds[1] - seconds[0]) * MILLION / PHOTOS
    print(f"| an image of 640 x 480, checked and hashed | {million:,.0f} | |", flush=True)


def written(folder: Path, count: int, tokens: int, width: int) -> list[str]:
    """Write a store of `count` items, and give their names."""
    from vqa_cli.data.feature_shards import SUFFIX, write_shard
    from vqa_cli.data.feature_store import FeatureStore

    place = FeatureStore.open(folder, KEY, width).folder
    place.mkdir(parents=True)
    names = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(count)]
    values = np.random.default_rng(0).standard_normal((PER_SHARD * tokens, width)).astype("f2")
    for start in range(0, count, PER_SHARD):
        part = names[start : start + PER_SHARD]
        shard = place / f"{start:016x}{SUFFIX}"
        write_shard(shard, part, values[: len(part) * tokens], [tokens] * len(part))
    return names


def store(folder: Path, count: int) -> None:
    """Open a store of `count` items of one number each, and read from one of real ones."""
    from vqa_cli.data.feature_store import FeatureStore

    names = written(folder / "index", count, 1, 1)
    index = measured(
        f"an item of the store: its place, {PER_SHARD} a shard",
        count,
        lambda: FeatureStore.open(folder / "index", KEY, 1),
    )
    measured("an item of the store: looked up", count, lambda: index.lookup(names))
    names = written(folder / "read", IMAGES, TOKENS, WIDTH)
    features = FeatureStore.open(folder / "read", KEY, WIDTH)
    draw = np.random.default_rng(0)
    batches = draw.integers(0, IMAGES, (GATHERED // BATCH, BATCH))

    def read() -> None:
        for batch in batches:
            features.gather(batch)

    read()  # what is measured is reading from the system's memory, not from the disk
    measured(f"an image of {TOKENS} x {WIDTH}: its tokens, gathered", GATHERED, read)


def main() -> None:
    """Read the command line, measure, print a table."""
    parser = argparse.ArgumentParser(description="Measure what grows with the data.")
    parser.add_argument("--questions", type=int, default=200_000)
    parser.add_argument("--items", type=int, default=200_000)
    arguments = parser.parse_args()
    print(f"| {HEAD} |\n|{rule_below(HEAD)}|")
    with tempfile.TemporaryDirectory() as folder:
        questions(Path(folder), arguments.questions)
        images(Path(folder))
        store(Path(folder) / "features", arguments.items)


if __name__ == "__main__":
    main()
