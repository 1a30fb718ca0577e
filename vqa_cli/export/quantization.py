"""An exported folder in int8: made, measured beside the float one, and judged.

Shapes: B images, Q questions, A answers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray

from vqa_cli.config import DeviceSettings
from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.preprocessor import Preprocessor
from vqa_cli.errors import DataError, GateError, ModelError
from vqa_cli.evaluation.calibration import fit_confidence
from vqa_cli.evaluation.evaluate import is_scorable
from vqa_cli.evaluation.gates import ROUNDING
from vqa_cli.evaluation.questions import examples_of
from vqa_cli.evaluation.recalibration import logits_of, spread, worth_of
from vqa_cli.export.int8_graphs import (
    matrices,
    quantize_convolutions,
    quantize_matrices,
    quantize_tables,
)
from vqa_cli.export.onnx_export import save
from vqa_cli.export.parity import Examples, logits_at
from vqa_cli.inference.answerer import Answerer
from vqa_cli.inference.loading import load_exported
from vqa_cli.model_folder import (
    ANSWERER_FILE,
    IMAGE_ENCODER_FILE,
    Confidence,
    seal,
    write_confidence,
)

if TYPE_CHECKING:
    from vqa_cli.data.prepared import PreparedDataset

CALIBRATION_IMAGES = 32
"""More of them changed no figure that was measured; see docs/performance.md."""

WANTED_DROP = 0.005
"""The accuracy that may be lost before more layers stay float, where nobody names another."""

BATCH_TOLERANCE = 0.02
"""How much a confidence may depend on what else is in the batch."""

ROUNDS = 20
"""Of timing, of which the least counts."""


class Plan(NamedTuple):
    """What stays float: so many of the first convolutions, and of the last matrices."""

    convolutions: int
    matrices: int

    def __str__(self) -> str:
        parts = [
            f"the {end} {f'{count} {name}' if count > 1 else one}"
            for end, count, name, one in (
                ("first", self.convolutions, "convolutions", "convolution"),
                ("last", self.matrices, "matrices", "matrix"),
            )
            if count
        ]
        return " and ".join(parts)


PLANS = (Plan(2, 0), Plan(8, 0), Plan(8, 1), Plan(8, 2), Plan(1_000_000, 2))
"""Tried in turn until val is content: the smallest and fastest comes first."""


@dataclass(frozen=True)
class Measured:
    """bytes: of both graphs. accuracy: on val. milliseconds: for one question about one image."""

    bytes: int
    accuracy: float
    milliseconds: float


@dataclass(frozen=True)
class Quantization:
    """What quantising did, over so many questions of val.

    floats: what stayed float, beside what always does. batch_difference: the largest difference
    of a confidence between a question asked alone and among others.
    """

    floats: Plan
    questions: int
    before: Measured
    after: Measured
    batch_difference: float

    def facts(self) -> dict[str, Any]:
        """What config.json says: what is the same whenever and wherever it is measured."""
        return {
            "type": "int8",
            "float": str(self.floats),
            "val_questions": self.questions,
            "val_accuracy_before": self.before.accuracy,
            "val_accuracy": self.after.accuracy,
        }

    def to_json(self) -> dict[str, Any]:
        return {
            "type": "int8",
            "float": str(self.floats),
            "val_questions": self.questions,
            "before": asdict(self.before),
            "after": asdict(self.after),
            "batch_difference": self.batch_difference,
        }


def quantize(
    folder: Path,
    dataset: PreparedDataset,
    examples: Examples,
    settings: DeviceSettings,
    *,
    max_accuracy_drop: float | None = None,
    report: Reporter = SILENT,
) -> Quantization:
    """Replace the graphs of an exported folder by int8 ones, with a confidence of their own.

    dataset: train has the images that ranges are found with; val decides what stays float, and
    the confidence is fitted on it. examples: what is asked alone and among others.

    Raises DataError where `dataset` lacks what is needed; GateError where more than
    `max_accuracy_drop` of the accuracy on val is lost whatever stays float; ModelError where a
    confidence depends on its batch by more than `BATCH_TOLERANCE`.
    """
    trials = _Trials(folder, dataset, settings, report)
    accuracy, _ = trials.score(trials.original)
    size = _size(folder)
    wanted = WANTED_DROP if max_accuracy_drop is None else max_accuracy_drop
    best: tuple[float, Confidence, Plan] | None = None
    for plan in trials.plans():
        found, confidence = trials.score(trials.write(plan))
        report.notice(
            f"int8: accuracy {found:.4f} on val, {accuracy:.4f} before; float stay {plan}"
        )
        if best is None or found > best[0]:
            best = found, confidence, plan
        if accuracy - found <= wanted + ROUNDING:
            break
    assert best is not None  # there is at least one plan
    found, confidence, plan = best
    if max_accuracy_drop is not None and accuracy - found > max_accuracy_drop + ROUNDING:
        raise GateError(
            f"int8 loses {accuracy - found:.4f} of the accuracy on val ({accuracy:.4f} before,"
            f" {found:.4f} after), more than --max-accuracy-drop {max_accuracy_drop:g}, whatever"
            " stays float; nothing was written"
        )
    quantized = trials.write(plan)
    quantized.confidence = confidence
    write_confidence(folder, confidence)
    before, after = _milliseconds((trials.original, quantized), examples)
    return Quantization(
        plan,
        len(trials.questions),
        Measured(size, accuracy, before),
        Measured(_size(folder), found, after),
        _batch_difference(quantized, examples),
    )


class _Trials:
    """A folder's float graphs, and what it takes to try int8 ones in their place."""

    def __init__(
        self, folder: Path, dataset: PreparedDataset, settings: DeviceSettings, report: Reporter
    ) -> None:
        _check(dataset)
        self.original = load_exported(folder, settings)
        self.questions = spread(examples_of(dataset.rows("val")))
        self._folder, self._dataset = folder, dataset
        self._settings, self._report = settings, report
        self._image_encoder = onnx.load(folder / IMAGE_ENCODER_FILE)
        self._answerer = onnx.load(folder / ANSWERER_FILE)
        self._images = _calibration_images(dataset, self.original.preprocessor)

    def plans(self) -> list[Plan]:
        """The plans that differ for these graphs."""
        convolutions = sum(node.op_type == "Conv" for node in self._image_encoder.graph.node)
        count = len(matrices(self._answerer))
        return list(
            dict.fromkeys(
                Plan(min(plan.convolutions, convolutions), min(plan.matrices, count))
                for plan in PLANS
            )
        )

    def write(self, plan: Plan) -> Answerer:
        """Write int8 graphs over those in the folder, and open it."""
        image_encoder, answerer = deepcopy(self._image_encoder), deepcopy(self._answerer)
        image_encoder = quantize_convolutions(image_encoder, self._images, floats=plan.convolutions)
        quantize_matrices(image_encoder)
        quantize_tables(answerer)
        names = matrices(answerer)
        quantize_matrices(answerer, names[len(names) - plan.matrices :])
        save(image_encoder, self._folder / IMAGE_ENCODER_FILE)
        save(answerer, self._folder / ANSWERER_FILE)
        seal(self._folder)
        return load_exported(self._folder, self._settings)

    def score(self, answerer: Answerer) -> tuple[float, Confidence]:
        """The accuracy on val, and the confidence that fits."""
        logits = logits_of(answerer, self.questions, self._dataset.image_root, self._report)
        worth = worth_of(self.questions, logits, answerer.vocabulary)
        confidence = fit_confidence(logits, worth, answerer.confidence.activation)
        return float(np.mean(worth)), confidence


def _check(dataset: PreparedDataset) -> None:
    """Raise DataError where there is nothing to find ranges with, or nothing to judge by."""
    needed = {"train": "the ranges of activations", "val": "the accuracy"}
    lacking = [
        f"{split}, for {use}" for split, use in needed.items() if split not in dataset.splits
    ]
    if lacking:
        raise DataError(
            f"--quantize int8 needs splits that {dataset.folder} does not have:", lacking
        )
    if not is_scorable(dataset, "val"):
        raise DataError(f"--quantize int8: no question of val in {dataset.folder} has an answer")


def _calibration_images(
    dataset: PreparedDataset, preprocessor: Preprocessor
) -> list[NDArray[np.float32]]:
    """Images spread over train, each as pixel_values (1,3,H,W)."""
    names = list(dict.fromkeys(dataset.rows("train")["image"]))
    places = np.linspace(0, len(names) - 1, min(len(names), CALIBRATION_IMAGES)).astype(np.int64)
    return [preprocessor.images([dataset.image_root / names[place]]) for place in places]


def _size(folder: Path) -> int:
    return sum((folder / name).stat().st_size for name in (IMAGE_ENCODER_FILE, ANSWERER_FILE))


def _milliseconds(answerers: Sequence[Answerer], examples: Examples) -> list[float]:
    """The least time for one question about one image, each answerer in turn."""
    least = [float("inf")] * len(answerers)
    for _ in range(ROUNDS):
        for place, answerer in enumerate(answerers):
            started = time.perf_counter()
            logits_at(answerer, examples.pixels[:1], [0], examples.questions[0][:1])
            least[place] = min(least[place], 1000 * (time.perf_counter() - started))
    return least


def _batch_difference(answerer: Answerer, examples: Examples) -> float:
    """Ask every example alone and all together. Raises ModelError where that differs too much."""
    about = [(place, text) for place, texts in enumerate(examples.questions) for text in texts]
    images, texts = [place for place, _ in about], [text for _, text in about]
    together = answerer.probabilities(logits_at(answerer, examples.pixels, images, texts))
    worst = 0.0
    for row, (place, text) in zip(together, about, strict=True):
        pixels = examples.pixels[place : place + 1]
        (alone,) = answerer.probabilities(logits_at(answerer, pixels, [0], [text]))
        worst = max(worst, float(np.abs(row - alone).max()))
    if worst > BATCH_TOLERANCE:
        raise ModelError(
            f"the int8 graphs' confidences depend on their batch by {worst:.3g}, more than"
            f" {BATCH_TOLERANCE:g}; nothing was written: export without --quantize"
        )
    return worst
