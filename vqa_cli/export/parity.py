"""Proof that the exported graphs say what the model says.

Shapes: B images, Q questions, L question tokens, A answers.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TYPE_CHECKING, NamedTuple

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

IMAGES = 16
QUESTIONS_PER_IMAGE = 6

COMBINATIONS = ((1, 1), (1, 5), (3, 1), (4, 9), (5, 2))
"""B and Q of the passes before the one with everything; none is of the traced sizes."""

EXTRA_PADDING = 3


@dataclass(frozen=True)
class Examples:
    """What is asked in the comparison: each image with at least one question about it.

    source: where it comes from, for the report.
    """

    pixels: NDArray[np.uint8]  # (B, H, W, 3)
    questions: tuple[tuple[str, ...], ...]  # those about each image
    source: str


@dataclass(frozen=True)
class Parity:
    """What the comparison found.

    max_abs_diff: the largest difference of two logits. questions: so many different ones, each
    about its image, were asked. comparisons: so often a question's logits were compared, at
    different sizes. source: where the questions come from.
    """

    max_abs_diff: float
    questions: int
    comparisons: int
    source: str


def real_examples(dataset: PreparedDataset, preprocessor: Preprocessor) -> Examples:
    """Take images spread over val (or over what there is), and the first questions about each.

    Raises DataError where the split is empty or an image cannot be read.
    """
    split = next((name for name in ("val", "test", "train") if name in dataset.splits), "val")
    rows = dataset.rows(split)
    if rows.empty:
        raise DataError(f"{dataset.folder}: {split} has no questions to check the export with")
    asked: dict[str, dict[str, None]] = {}
    for image, question in zip(rows["image"], rows["question"], strict=True):
        asked.setdefault(image, {})[question] = None
    every = list(asked)
    places = np.linspace(0, len(every) - 1, min(IMAGES, len(every))).astype(int)
    names = [every[place] for place in places]
    pixels = [preprocessor.pixels(dataset.image_root / name) for name in names]
    questions = tuple(tuple(asked[name])[:QUESTIONS_PER_IMAGE] for name in names)
    return Examples(np.stack(pixels), questions, f"real questions of {split}")


def drawn_examples(preprocessor: Preprocessor) -> Examples:
    """Draw noise for images and words of the tokenizer for questions, where there is no data."""
    transform = preprocessor.transform
    shape = (IMAGES, transform.height, transform.width, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    words = sorted(word for word in preprocessor.tokenizer.get_vocab() if word.isalnum())
    draw = random.Random(0)
    questions = tuple(
        tuple(
            " ".join(draw.choices(words or ["what"], k=draw.randint(1, 12)))
            for _ in range(QUESTIONS_PER_IMAGE)
        )
        for _ in range(IMAGES)
    )
    return Examples(pixels, questions, "questions and images drawn at random")


def compare(reference: Answerer, exported: Answerer, examples: Examples) -> Parity:
    """Compare the logits at several B, Q and L, each with and without additional padding.

    Raises ModelError where two logits differ by more than `TOLERANCE`, or the top answers differ.
    """
    worst, compared, different = 0.0, 0, 0
    asked: set[tuple[int, str]] = set()
    for batch in _passes(examples):
        asked |= {(batch.images[place], question) for place, question in batch.questions}
        wanted = _logits(reference, examples, batch)
        for padding in (0, EXTRA_PADDING):
            found = _logits(exported, examples, batch, padding)
            worst = float(np.maximum(worst, np.abs(wanted - found).max()))  # a NaN stays
            different += _different_answers(wanted, found)
            compared += len(found)
    if not worst <= TOLERANCE:  # written so that NaN fails too
        raise ModelError(
            f"the exported graphs do not say what the model says: the largest difference of two"
            f" logits is {worst:.3g}, more than {TOLERANCE:g}, over {len(asked)} {examples.source};"
            " nothing was written"
        )
    if different:
        raise ModelError(
            f"the exported graphs choose other answers than the model in {different} of"
            f" {compared} comparisons over {len(asked)} {examples.source}; nothing was written"
        )
    return Parity(worst, len(asked), compared, examples.source)


class _Pass(NamedTuple):
    """What is asked at once: images of the examples, and (place among them, question)."""

    images: list[int]
    questions: list[tuple[int, str]]


def _passes(examples: Examples) -> Iterator[_Pass]:
    """Ask at each of the sizes, then everything at once, so that no example is left out.

    Where there are fewer images, or fewer questions about them, than a size needs, they repeat.
    """
    order = cycle(range(len(examples.pixels)))
    for number_of_images, number_of_questions in COMBINATIONS:
        images = list(islice(order, number_of_images))
        about = cycle(_about(examples, images))
        yield _Pass(images, list(islice(about, number_of_questions)))
    images = list(range(len(examples.pixels)))
    yield _Pass(images, _about(examples, images))


def _about(examples: Examples, images: Sequence[int]) -> list[tuple[int, str]]:
    return [
        (place, question)
        for place, image in enumerate(images)
        for question in examples.questions[image]
    ]


def _logits(answerer: Answerer, examples: Examples, batch: _Pass, padding: int = 0) -> Floats:
    images, texts = [place for place, _ in batch.questions], [text for _, text in batch.questions]
    return logits_at(answerer, examples.pixels[batch.images], images, texts, padding)


def logits_at(
    answerer: Answerer,
    pixels: NDArray[np.uint8],
    images: Sequence[int],
    questions: Sequence[str],
    padding: int = 0,
) -> Floats:
    """The logits (Q, A) of questions about `images` of (B, H, W, 3), all in one pass.

    padding: so many columns that no question needs, or as many of them as the model takes.
    """
    preprocessor = answerer.preprocessor
    image_tokens = answerer.encode_images(preprocessor.normalize(pixels))
    image_index = np.asarray(images, dtype=np.int64)
    input_ids, attention_mask = preprocessor.questions(questions)
    padding = min(padding, preprocessor.max_question_tokens - input_ids.shape[1])
    more = ((0, 0), (0, padding))
    input_ids = np.pad(input_ids, more, constant_values=preprocessor.pad_token_id)
    return answerer.logits(image_tokens, image_index, input_ids, np.pad(attention_mask, more))


def _different_answers(wanted: Floats, found: Floats) -> int:
    """Count the questions whose top answer differs, real ties aside; both logits are (Q, A)."""
    rows = np.arange(len(wanted))
    gap = wanted.max(axis=1) - wanted[rows, found.argmax(axis=1)]
    return int((gap > TIE).sum())
