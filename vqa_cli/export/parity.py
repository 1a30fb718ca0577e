"""Proof that the exported graphs say what the model says.

Shapes: B images, Q questions, L question tokens, A answers.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vqa_cli.data.preprocessor import Preprocessor
from vqa_cli.errors import DataError, ModelError
from vqa_cli.inference.answerer import Answerer, Floats

if TYPE_CHECKING:
    from vqa_cli.data.prepared import PreparedDataset

TOLERANCE = 1e-3
"""The largest difference of two logits that an export may have."""

TIE = 1e-5
"""Two answers whose logits differ by less are as good as equal: either may come first."""

IMAGES = 8
QUESTIONS = 48

COMBINATIONS = ((1, 1), (1, 5), (3, 1), (4, 9), (5, 2), (IMAGES, 32))
"""B and Q of the passes that are compared; with L they are other sizes than the traced ones."""

EXTRA_PADDING = 3


@dataclass(frozen=True)
class Examples:
    """What is asked in the comparison. source: where it comes from, for the report."""

    pixels: NDArray[np.uint8]  # (B, H, W, 3)
    questions: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class Parity:
    """What the comparison found: the largest difference of two logits, over so many questions."""

    max_abs_diff: float
    questions: int
    source: str


def real_examples(dataset: PreparedDataset, preprocessor: Preprocessor) -> Examples:
    """Take the first images of val (or of what there is) and questions spread over the split.

    Raises DataError where the split is empty or an image cannot be read.
    """
    split = next((name for name in ("val", "test", "train") if name in dataset.splits), "val")
    rows = dataset.rows(split)
    if rows.empty:
        raise DataError(f"{dataset.folder}: {split} has no questions to check the export with")
    names = list(dict.fromkeys(rows["image"]))[:IMAGES]
    pixels = [preprocessor.pixels(dataset.image_root / name) for name in names]
    questions = list(dict.fromkeys(rows["question"]))
    chosen = questions[:: max(1, len(questions) // QUESTIONS)][:QUESTIONS]
    return Examples(np.stack(pixels), tuple(chosen), f"real questions of {split}")


def drawn_examples(preprocessor: Preprocessor) -> Examples:
    """Draw noise for images and words of the tokenizer for questions, where there is no data."""
    transform = preprocessor.transform
    shape = (IMAGES, transform.height, transform.width, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    words = sorted(word for word in preprocessor.tokenizer.get_vocab() if word.isalnum())
    draw = random.Random(0)
    questions = [
        " ".join(draw.choices(words or ["what"], k=draw.randint(1, 12))) for _ in range(QUESTIONS)
    ]
    return Examples(pixels, tuple(questions), "questions and images drawn at random")


def compare(reference: Answerer, exported: Answerer, examples: Examples) -> Parity:
    """Compare the logits at several B, Q and L, each with and without additional padding.

    Raises ModelError where two logits differ by more than `TOLERANCE`, or the top answers differ.
    """
    worst, compared, different = 0.0, 0, 0
    images, questions = cycle(range(len(examples.pixels))), cycle(examples.questions)
    for number_of_images, number_of_questions in COMBINATIONS:
        pixels = examples.pixels[list(islice(images, number_of_images))]
        asked = list(islice(questions, number_of_questions))
        wanted, found = (_logits(one, pixels, asked) for one in (reference, exported))
        padded = _logits(exported, pixels, asked, EXTRA_PADDING)
        for logits in (found, padded):
            worst = float(np.maximum(worst, np.abs(wanted - logits).max()))  # a NaN stays
            different += _different_answers(wanted, logits)
        compared += len(asked)
    if not worst <= TOLERANCE:  # written so that NaN fails too
        raise ModelError(
            f"the exported graphs do not say what the model says: the largest difference of two"
            f" logits is {worst:.3g}, more than {TOLERANCE:g}, over {compared} {examples.source};"
            " nothing was written"
        )
    if different:
        raise ModelError(
            f"the exported graphs choose other answers than the model to {different} of"
            f" {2 * compared} {examples.source}; nothing was written"
        )
    return Parity(worst, compared, examples.source)


def _logits(
    answerer: Answerer, pixels: NDArray[np.uint8], questions: Sequence[str], padding: int = 0
) -> Floats:
    """Ask all images, in turn; `padding` adds columns that no question needs."""
    image_tokens = answerer.encode_images(answerer.preprocessor.normalize(pixels))
    image_index = np.arange(len(questions), dtype=np.int64) % len(pixels)
    input_ids, attention_mask = answerer.preprocessor.questions(questions)
    more = ((0, 0), (0, padding))
    input_ids = np.pad(input_ids, more, constant_values=answerer.preprocessor.pad_token_id)
    return answerer.logits(image_tokens, image_index, input_ids, np.pad(attention_mask, more))


def _different_answers(wanted: Floats, found: Floats) -> int:
    """Count the questions whose top answer differs, real ties aside; both logits are (Q, A)."""
    rows = np.arange(len(wanted))
    gap = wanted.max(axis=1) - wanted[rows, found.argmax(axis=1)]
    return int((gap > TIE).sum())
