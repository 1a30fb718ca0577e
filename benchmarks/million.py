"""Measure in how much memory a million questions are trained on, and what memory-mapping costs.

    python benchmarks/million.py --out FOLDER [--questions 1000000] [--images 100000] [--steps 200]

The data is drawn: tiny pictures, so that their features can be written instead of computed (49
tokens of width 1280 an image, float16, as EfficientNet-Lite0 gives them; MiniLM's of every
question). `vqa prepare` and `vqa finetune` then take them for what they are. Measured is the
process's anonymous memory (RssAnon in /proc/self/status) while it reads the data and trains, and
the questions a second; and the latter again on so few images that their features fit in memory,
with the features memory-mapped and with the features copied into memory, in turns.

OUT needs 19 GB for the default sizes, and is removed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from PIL import Image

from benchmarks.prepare import drawn
from benchmarks.run import vqa
from benchmarks.training import BATCH, show

GIGABYTES, LOSS = 2.0, 0.10
FITTING_IMAGES = 8_000
VAL_SHARE = 0.002
SIDE = 12  # of a picture, in pixels


def write_source(folder: Path, images: int, questions: int) -> None:
    """Draw pictures, and a table of questions about them."""
    (folder / "images").mkdir(parents=True)
    draw = np.random.default_rng(0)
    for number in range(images):
        pixels = draw.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{number:06d}.bmp")
    val = max(1, round(images * VAL_SHARE))
    with (folder / "questions.jsonl").open("w", encoding="utf-8") as stream:
        for row in drawn(questions):
            image = row.number % images
            line = {
                "image": f"images/{image:06d}.bmp",
                "question": row.question,
                "answers": row.answers,
                "answer_kind": "annotators",
                "question_id": row.number,
                "split": "val" if image < val else "train",
            }
            stream.write(json.dumps(line) + "\n")


def write_features(prepared: Path, encoders: Sequence[str]) -> int:
    """Write what the encoders would give for every image and question; return the bytes."""
    from vqa_cli.config import DeviceSettings, ModelSettings
    from vqa_cli.data.feature_store import FeatureStore
    from vqa_cli.data.prepared import PreparedDataset
    from vqa_cli.device import choose_device
    from vqa_cli.models.building import build_model
    from vqa_cli.models.extraction import open_image_store, open_question_store, question_key

    data, device = PreparedDataset.open(prepared), choose_device(DeviceSettings())
    settings = ModelSettings(image_encoder=encoders[0], question_encoder=encoders[1])
    built = build_model(settings, questions=[], answers=2, seed=0, offline=True)
    model, features = built.model, prepared / "features"
    noise = np.random.default_rng(0).standard_normal(1 << 24).astype(np.float16)

    def write(store: FeatureStore, lengths: dict[str, int], per_shard: int) -> None:
        items = iter(lengths.items())
        with store.writing():
            while shard := list(islice(items, per_shard)):
                counts = [count for _, count in shard]
                size = (sum(counts), store.width)
                tokens = np.resize(noise[len(store) % 997 :], size)
                store.write_shard([key for key, _ in shard], tokens, counts)

    images = open_image_store(features, model.image_encoder, built.preprocessor.transform, device)
    write(images, dict.fromkeys(data.images()["sha256"], model.image_encoder.tokens), 256)
    questions = open_question_store(features, model.question_encoder, device)
    texts = sorted({text for split in data.splits for text in data.rows(split)["question"]})
    ids = built.preprocessor.token_ids(texts)
    write(questions, {question_key(tokens): len(tokens) for tokens in ids}, 4096)
    return sum(path.stat().st_size for path in features.rglob("*.safetensors"))


class Watched:
    """The highest RssAnon of a process, in GB, looked at five times a second."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.peak, self.at_the_end = 0.0, 0.0
        self._status = Path(f"/proc/{process.pid}/status")
        self._thread = threading.Thread(target=self._watch, args=(process,), daemon=True)
        self._thread.start()

    def _watch(self, process: subprocess.Popen[str]) -> None:
        while process.poll() is None:
            for line in self._lines():
                if line.startswith("RssAnon:"):
                    self.at_the_end = int(line.split()[1]) * 1024 / 1e9
                    self.peak = max(self.peak, self.at_the_end)
            time.sleep(0.2)

    def _lines(self) -> Iterator[str]:
        try:
            yield from self._status.read_text(encoding="utf-8").splitlines()
        except OSError:  # it has ended
            return


def train(prepared: Path, encoders: Sequence[str], steps: int, *flags: str) -> dict[str, Any]:
    """Take so many steps; return questions a second, and the highest RssAnon in GB."""
    run, log = prepared.parent / "run", prepared.parent / "train.log"
    named = [f"--image-encoder={encoders[0]}", f"--question-encoder={encoders[1]}"]
    frozen = ["--image-tuning=frozen", "--question-tuning=frozen", "--fusion=concat"]
    sizes = ["--width=512", f"--batch-size={BATCH}", "--epochs=1"]
    command = [sys.executable, str(Path(__file__).parent / "clocked.py"), f"--steps={steps}"]
    command += [*flags, "--", str(prepared), *named, *frozen, *sizes, f"--out={run}"]
    with log.open("w", encoding="utf-8") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
        watched = Watched(process)
        printed, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: failed\n{log.read_text()[-2000:]}")
    shutil.rmtree(run)
    rate = json.loads(printed.splitlines()[-1])["steps_per_second"] * BATCH
    return {"rate": rate, "peak": watched.peak, "training": watched.at_the_end}


def prepared_data(out: Path, name: str, images: int, questions: int) -> Path:
    """Draw data and prepare it."""
    source, prepared = out / name, out / f"{name}-prepared"
    write_source(source, images, questions)
    vqa(["prepare", str(source), "--out", str(prepared)], out / f"{name}-prepare")
    return prepared


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description="Measure the memory of a million questions.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=1_000_000)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    from benchmarks import encoders

    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.out) as folder:
        out, steps = Path(folder), arguments.steps
        pair = [str(encoders.efficientnet_lite0(out / "lite0")), str(encoders.minilm())]
        large = prepared_data(out, "large", arguments.images, arguments.questions)
        size = write_features(large, pair) / 1e9
        few = min(FITTING_IMAGES, arguments.images)
        small = prepared_data(out, "small", few, few * 10)
        write_features(small, pair)
        found = train(large, pair, steps)
        fitting: dict[str, list[float]] = {"mapped": [], "copied": []}
        for _ in range(arguments.rounds):
            fitting["mapped"].append(train(small, pair, steps)["rate"])
            fitting["copied"].append(train(small, pair, steps, "--in-memory")["rate"])
    losses = [1 - m / c for m, c in zip(fitting["mapped"], fitting["copied"], strict=True)]
    each = {name: ", ".join(f"{rate:,.0f}" for rate in rates) for name, rates in fitting.items()}
    show(
        [
            "what|found|limit|reached",
            (
                f"{arguments.questions:,} questions, {arguments.images:,} images, {size:.1f} GB of "
                f"features: highest RssAnon|{found['peak']:.2f} GB|<= {GIGABYTES:g} GB"
                f"|{'yes' if found['peak'] <= GIGABYTES else 'NO'}"
            ),
            f"the same, while it trains|{found['training']:.2f} GB||",
            f"the same, questions a second|{found['rate']:,.0f}||",
            f"{few:,} images, memory-mapped, questions a second|{each['mapped']}||",
            f"{few:,} images, copied into memory, questions a second|{each['copied']}||",
            (
                f"loss by memory-mapping|{', '.join(f'{loss:.1%}' for loss in losses)}"
                f"|< {LOSS:.0%}|{'yes' if min(losses) < LOSS else 'NO'}"
            ),
        ]
    )


if __name__ == "__main__":
    main()
