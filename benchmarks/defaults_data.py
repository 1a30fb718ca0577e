"""The set-ups of the study of the defaults: datasets, whole and with less to learn from.

Train is subsampled, and val where it is so large that most of a trial would go into scoring it.
Test stays as it is: what is compared is how well a recipe learns from few questions, not noise.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import data, encoders
from benchmarks.bar_charts import write_bar_charts
from vqa_cli.config import ModelSettings, PrepareSettings
from vqa_cli.data.folder import read_info, split_file
from vqa_cli.data.prepare import prepare
from vqa_cli.data.vocabulary import AnswerVocabulary, countable_answers
from vqa_cli.data.writing import whole_folder, write_info

FEATURES = "features"
KEPT = ("test.parquet", "images.parquet")

VAL_QUESTIONS = 1500
"""At most so many beside a subsampled train: an epoch of 500 questions is not scored on 3,287."""


@dataclass(frozen=True)
class Setup:
    """A dataset, and so many questions of its train; all of them where None."""

    dataset: str
    questions: int | None = None
    seed: int = 0

    @property
    def name(self) -> str:
        if self.questions is None:
            return self.dataset
        return f"{self.dataset}-{self.questions}" + (f"-seed-{self.seed}" if self.seed else "")


CHOOSING = (
    Setup("shapes", 500),
    Setup("easy-vqa", 500),
    Setup("daquar", 500),
    Setup("shapes", 2000),
    Setup("daquar", 2000),
    Setup("easy-vqa", 2000),
    Setup("shapes"),
    Setup("daquar"),
    Setup("easy-vqa"),
)
"""On these the defaults are chosen. What is small and learns fast comes first."""

HELD_OUT = (
    Setup("daquar-csv", 1500, seed=1),
    Setup("easy-vqa", 1000, seed=1),
    Setup("bar-charts"),
)
"""Put aside before any trial ran: on these the chosen defaults are compared with 40 trials."""


class Datasets:
    """Prepares the set-ups' datasets in `folder`, once; `daquar` is where DAQUAR's files are."""

    def __init__(self, folder: Path, daquar: Path) -> None:
        self._folder, self._daquar = folder, daquar

    def get(self, setup: Setup) -> Path:
        """Return the prepared folder of a set-up."""
        whole = self._whole(setup.dataset)
        if setup.questions is None:
            return whole
        out = self._folder / setup.name
        if not out.exists():
            subsample(whole, out, setup.questions, setup.seed)
        return out

    def model(self, setup: Setup) -> ModelSettings:
        """Return the encoders: DAQUAR's are pretrained and frozen, the others' from scratch."""
        if not setup.dataset.startswith("daquar"):
            return ModelSettings(preset="tiny")
        image = self._folder / "efficientnet-lite0"
        if not image.exists():
            encoders.efficientnet_lite0(image)
        return ModelSettings(image_encoder=str(image), question_encoder=str(encoders.minilm()))

    def _whole(self, name: str) -> Path:
        out = self._folder / name
        if not out.exists():
            source, settings = self._sources()[name]
            prepare(source(), out, settings)
            (out / FEATURES).mkdir()
        return out

    def _sources(self) -> dict[str, tuple[Callable[[], Path], PrepareSettings]]:
        raw, by_image = self._folder / "raw", PrepareSettings()
        official = lambda: data.daquar_view(self._daquar, "official", raw / "daquar-official")  # noqa: E731
        csv = lambda: data.daquar_view(self._daquar, "csv", raw / "daquar-csv")  # noqa: E731
        return {
            "easy-vqa": (data.easy_vqa, by_image),
            "daquar": (official, by_image),
            # Its test was drawn by question, so its val is too (benchmarks/run.py).
            "daquar-csv": (csv, PrepareSettings(split_by="question")),
            "shapes": (lambda: _shapes(raw / "shapes"), by_image),
            "bar-charts": (lambda: write_bar_charts(raw / "bar-charts"), by_image),
        }


def _shapes(out: Path) -> Path:
    script = Path(__file__).resolve().parent.parent / "examples" / "shapes.py"
    subprocess.run([sys.executable, str(script), str(out)], check=True, stdout=subprocess.DEVNULL)
    return out


def subsample(prepared: Path, out: Path, questions: int, seed: int) -> None:
    """Write a prepared dataset with `questions` questions of train; features are shared."""
    info = read_info(prepared)
    rows = drawn(pq.read_table(prepared / split_file("train")), questions, seed)
    val = drawn(pq.read_table(prepared / split_file("val")), VAL_QUESTIONS, seed)
    given = zip(rows["answers"].to_pylist(), rows["answer_kind"].to_pylist(), strict=True)
    answers = [answer for each, kind in given for answer in countable_answers(each, kind)]
    vocabulary = AnswerVocabulary.build(answers, top=info["settings"]["top"])
    with whole_folder(out) as folder:
        pq.write_table(rows, folder / split_file("train"), compression="zstd")
        pq.write_table(val, folder / split_file("val"), compression="zstd")
        for name in KEPT:
            os.link(prepared / name, folder / name)
        vocabulary.save(folder / "answers.json")
        kept = {key: info[key] for key in ("name", "format", "source", "settings", "images")}
        root = str((prepared / info["image_root"]).resolve())
        splits = {**info["splits"], "train": len(rows), "val": len(val)}
        write_info(folder, {**kept, "image_root": root, "splits": splits})
        (folder / FEATURES).symlink_to((prepared / FEATURES).resolve())


def drawn(rows: pa.Table, questions: int, seed: int) -> pa.Table:
    """Draw at most `questions` rows, whole images at a time; the last gives what is missing."""
    images = np.array(rows.column("image").to_pylist())
    distinct, number = np.unique(images, return_inverse=True)
    rank = np.random.default_rng(seed).permutation(len(distinct))[number]
    return rows.take(np.sort(np.argsort(rank, kind="stable")[:questions]))
