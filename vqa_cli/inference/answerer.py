"""Asking a model, whatever runs it: the answers, and all that the implementations share.

Shapes: B images, Q questions, N image tokens, L question tokens, D width, A answers.
Only the standard library, numpy and the preprocessor are used here; an implementation brings the
two forward passes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import overload

import numpy as np
from numpy.typing import NDArray

from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.images import MAX_PIXELS, ImageSource, read_image
from vqa_cli.data.preprocessor import Preprocessor, normalize_question
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.device import usable_cpus
from vqa_cli.errors import ModelError, SettingsError

Item = tuple[ImageSource, Sequence[str]]
Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

CHUNKS_AHEAD = 2
"""Chunks of images that are decoded while the model works on the one before them."""


@dataclass(frozen=True)
class Answer:
    """One answer of the vocabulary and its calibrated probability."""

    text: str
    confidence: float


@dataclass(frozen=True)
class Prediction:
    """What a model says to one question: at least one answer, the most probable first."""

    question: str
    answers: tuple[Answer, ...]

    @property
    def answer(self) -> str:
        return self.answers[0].text

    @property
    def confidence(self) -> float:
        return self.answers[0].confidence

    def __str__(self) -> str:
        return self.answer


class Answerer(ABC):
    """Answers questions about images; to be used from one thread at a time.

    preprocessor: turns images and questions into the arrays that the model takes.
    vocabulary: the answers, in the order of the logits.
    temperature: the logits are divided by it before the softmax.
    max_pixels: larger images are refused.
    """

    max_pixels = MAX_PIXELS

    def __init__(
        self, preprocessor: Preprocessor, vocabulary: AnswerVocabulary, temperature: float
    ) -> None:
        self.preprocessor = preprocessor
        self.vocabulary = vocabulary
        self.temperature = temperature

    @abstractmethod
    def encode_images(self, pixel_values: Floats) -> Floats:
        """Encode images: (B, 3, H, W) -> image tokens (B, N, D)."""

    @abstractmethod
    def logits(
        self, image_tokens: Floats, image_index: Ints, input_ids: Ints, attention_mask: Ints
    ) -> Floats:
        """Score all answers: (B, N, D), (Q,), (Q, L), (Q, L) -> (Q, A), before the temperature."""

    @abstractmethod
    def describe(self) -> str:
        """Say in one line what runs the model, and where."""

    @overload
    def ask(self, image: ImageSource, question: str, *, top_k: int = 1) -> Prediction: ...

    @overload
    def ask(
        self, image: ImageSource, question: list[str] | tuple[str, ...], *, top_k: int = 1
    ) -> list[Prediction]: ...

    def ask(
        self, image: ImageSource, question: str | list[str] | tuple[str, ...], *, top_k: int = 1
    ) -> Prediction | list[Prediction]:
        """Answer one question about an image, or several; the image is encoded once.

        image: a path, the bytes of a file, a Pillow image, or an array (H, W[, channels]); see
            `vqa_cli.data.images.read_image`.
        top_k: how many answers each prediction holds, at most as many as the vocabulary has.

        Raises DataError for an image that cannot be read and for an empty question.
        """
        questions = [question] if isinstance(question, str) else list(question)
        (predictions,) = self.predict([(image, questions)], top_k=top_k)
        return predictions[0] if isinstance(question, str) else predictions

    def predict(
        self,
        items: Iterable[Item],
        *,
        top_k: int = 1,
        image_batch: int = 32,
        question_batch: int = 64,
        total: int | None = None,
        report: Reporter = SILENT,
    ) -> Iterator[list[Prediction]]:
        """Answer all questions of each (image, questions), in the order given.

        Up to `image_batch` images are encoded at once, and up to `question_batch` of their
        questions answered at once, however many each image has; the images of the chunks to
        come are decoded and resized beside that. `items` may be a stream of any length: only the
        chunks in work are held.

        total: number of items, for the progress; default: len(items) where it has one.

        Raises DataError, with its name, for an image that cannot be read, and for an empty
        question.
        """
        sizes = {"top_k": top_k, "image_batch": image_batch, "question_batch": question_batch}
        if wrong := [f"{name} must be at least 1, got {n}" for name, n in sizes.items() if n < 1]:
            raise SettingsError("cannot predict:", wrong)
        if total is None and isinstance(items, Sequence):
            total = len(items)
        return self._predict(items, top_k, image_batch, question_batch, total, report)

    def is_cut(self, question: str) -> bool:
        """Whether the model sees only the beginning of a question, because it is too long."""
        encoding = self.preprocessor.tokenizer.encode(normalize_question(question))
        return bool(encoding.overflowing)

    def _predict(
        self,
        items: Iterable[Item],
        top_k: int,
        image_batch: int,
        question_batch: int,
        total: int | None,
        report: Reporter,
    ) -> Iterator[list[Prediction]]:
        done = 0
        for pixels, questions in _read_ahead(items, self._pixels, image_batch):
            predictions = self._answer_chunk(pixels, questions, top_k, question_batch)
            done += len(questions)
            report.progress("answering", done, max(total or 0, done))
            yield from predictions

    def _pixels(self, image: ImageSource) -> Pixels:
        rgb = read_image(image, max_pixels=self.max_pixels)
        return self.preprocessor.transform.pixels(rgb)

    def _answer_chunk(
        self, pixels: list[Pixels], questions: list[Sequence[str]], top_k: int, batch: int
    ) -> list[list[Prediction]]:
        """Answer the questions of the images of one chunk; both lists have one entry an image."""
        owner = [image for image, asked in enumerate(questions) for _ in asked]  # non-decreasing
        flat = [question for asked in questions for question in asked]
        if not flat:
            return [[] for _ in questions]
        image_tokens = self.encode_images(self.preprocessor.normalize(np.stack(pixels)))
        predictions: list[list[Prediction]] = [[] for _ in questions]
        for start in range(0, len(flat), batch):
            part = flat[start : start + batch]
            index = np.asarray(owner[start : start + batch], dtype=np.int64)
            # A slice of the images is enough: the questions of a batch are about neighbours.
            first, last = int(index[0]), int(index[-1])
            scores = self.logits(
                image_tokens[first : last + 1], index - first, *self.preprocessor.questions(part)
            )
            for image, question, answers in zip(
                index, part, self._answers(scores, top_k), strict=True
            ):
                predictions[image].append(Prediction(question, answers))
        return predictions

    def _answers(self, logits: Floats, top_k: int) -> list[tuple[Answer, ...]]:
        """Turn logits (Q, A) into the best answers of each question with their probability."""
        if not np.isfinite(logits).all():
            raise ModelError(
                "the model's scores are not finite numbers: its weights are damaged, or the"
                " training diverged; train it again"
            )
        probabilities = softmax(logits / self.temperature)
        # Stable: among equals the answer that the vocabulary names first, on every machine.
        best = np.argsort(-probabilities, axis=1, kind="stable")[:, :top_k]
        return [
            tuple(Answer(self.vocabulary.answers[a], float(row[a])) for a in order)
            for row, order in zip(probabilities, best, strict=True)
        ]


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probabilities along the last axis, in double precision."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def _read_ahead(
    items: Iterable[Item], read: Callable[[ImageSource], Pixels], size: int
) -> Iterator[tuple[list[Pixels], list[Sequence[str]]]]:
    """Yield chunks of up to `size` items, decoded, while threads decode the chunks after them."""
    stream = iter(items)
    waiting: deque[list[tuple[Future[Pixels], Sequence[str]]]] = deque()
    pool = ThreadPoolExecutor(max_workers=usable_cpus(), thread_name_prefix="decode")
    try:
        while True:
            while len(waiting) <= CHUNKS_AHEAD and (chunk := list(islice(stream, size))):
                waiting.append([(pool.submit(read, image), asked) for image, asked in chunk])
            if not waiting:
                return
            chunk_read = waiting.popleft()
            yield [pixels.result() for pixels, _ in chunk_read], [asked for _, asked in chunk_read]
    finally:  # also when the caller stops early, or one image is bad
        pool.shutdown(cancel_futures=True)
