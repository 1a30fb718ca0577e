"""Asking a model, whatever runs it: the answers, and all that the implementations share.

Shapes: B images, Q questions, N image tokens, L question tokens, D width, A answers.
Only the standard library, numpy and the preprocessor are used here; an implementation brings the
two forward passes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import cast, overload

import numpy as np
from numpy.typing import NDArray

from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.images import MAX_PIXELS, ImageSource, read_image
from vqa_cli.data.preprocessor import Preprocessor, normalize_question
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.device import usable_cpus
from vqa_cli.errors import DataError, ModelError, SettingsError
from vqa_cli.inference.answer_choice import AnswerChoice
from vqa_cli.inference.image_sources import LazyImage
from vqa_cli.inference.prediction import Prediction, best_answers, calibrated
from vqa_cli.inference.question_batches import distinct_questions, question_batches
from vqa_cli.inference.read_ahead import Item, read_ahead
from vqa_cli.inference.stored_tokens import Read, StoredTokens, encode_fresh
from vqa_cli.model_folder import Confidence

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class Answerer(ABC):
    """Answers questions about images; to be used from one thread at a time.

    preprocessor: turns images and questions into the arrays that the model takes.
    vocabulary: the answers, in the order of the logits.
    confidence: how logits become confidences.
    max_pixels: larger images are refused.
    image_batch: so many images are encoded at once. On a CPU few: what more of them need leaves
    the cache.
    question_batch: so many questions are answered at once.
    chunk: the questions of so many images are put together; None: of an `image_batch`.
    readers: so many threads read images, `together` at a time.
    stored: image tokens that need not be computed; see `look_up`.
    choice: which answers predictions may hold; None: all.
    """

    max_pixels = MAX_PIXELS
    image_batch = 8
    question_batch = 64
    chunk: int | None = None
    together = 1
    stored: StoredTokens | None = None
    choice: AnswerChoice | None = None

    def __init__(
        self, preprocessor: Preprocessor, vocabulary: AnswerVocabulary, confidence: Confidence
    ) -> None:
        self.preprocessor = preprocessor
        self.vocabulary = vocabulary
        self.confidence = confidence
        self.readers = usable_cpus()

    @abstractmethod
    def encode_images(self, pixel_values: Floats) -> Floats:
        """Encode images: (B, 3, H, W) -> image tokens (B, N, D)."""

    @abstractmethod
    def logits(
        self, image_tokens: Floats, image_index: Ints, input_ids: Ints, attention_mask: Ints
    ) -> Floats:
        """Score all answers: (B, N, D), (Q,), (Q, L), (Q, L) -> (Q, A), before the calibration."""

    def attention(
        self, image_tokens: Floats, image_index: Ints, input_ids: Ints, attention_mask: Ints
    ) -> Floats | None:
        """Where each question looks in the model's input: (Q, rows, columns), from 0.

        The arguments are those of `logits`. None where the model cannot say: exported graphs give
        answers alone, and not every fusion attends to the image.
        """
        return None

    @abstractmethod
    def describe(self) -> str:
        """Say in one line what runs the model, and where."""

    def look_up(self, features: Path, digests: Mapping[Path, str]) -> StoredTokens | None:
        """Take the tokens of images from the store that training made of them, where there is one.

        features: the folder of the stores. digests: the hex SHA-256 of each image file, by its
        path. Gives what was found. Only a model that can tell which stored tokens are its own
        looks for any; the others encode every image.
        """
        return self.stored

    @overload
    def ask(
        self, image: ImageSource | LazyImage, question: str, *, top_k: int = 1
    ) -> Prediction: ...

    @overload
    def ask(
        self,
        image: ImageSource | LazyImage,
        question: list[str] | tuple[str, ...],
        *,
        top_k: int = 1,
    ) -> list[Prediction]: ...

    def ask(
        self,
        image: ImageSource | LazyImage,
        question: str | list[str] | tuple[str, ...],
        *,
        top_k: int = 1,
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

    def look(self, image: ImageSource | LazyImage) -> Floats:
        """Encode one image for `ask_about`: its image tokens (N, D). Raises DataError as `ask`."""
        return encode_fresh([self._read(image)], self._encode)[0]

    def ask_about(
        self, image_tokens: Floats, questions: Sequence[str], *, top_k: int = 1
    ) -> list[Prediction]:
        """As `ask`, about an image that `look` has encoded: its tokens (N, D)."""
        logits = self._chunk_scores([image_tokens], [questions], len(questions) or 1)
        return self._predictions(questions, logits, top_k)

    def predict(
        self,
        items: Iterable[Item],
        *,
        top_k: int = 1,
        image_batch: int | None = None,
        question_batch: int | None = None,
        total: int | None = None,
        report: Reporter = SILENT,
    ) -> Iterator[list[Prediction]]:
        """Answer all questions of each (image, questions), in the order given.

        Up to `image_batch` images are encoded at once, and up to `question_batch` of their
        questions answered at once, however many each image has (default: as many as suit the
        device); the images to come are decoded and resized beside that. `items` may be a stream
        of any length: only what is in work is held.

        total: number of items, for the progress; default: len(items) where it has one.

        Raises DataError, with its name, for an image that cannot be read, and for an empty
        question.
        """
        _check_top_k(top_k)
        asked: deque[Sequence[str]] = deque()
        if total is None and isinstance(items, Sequence):
            total = len(items)
        scores = self.scores(
            _noting(items, asked),
            image_batch=image_batch,
            question_batch=question_batch,
            total=total,
            report=report,
        )
        return (self._predictions(asked.popleft(), logits, top_k) for logits in scores)

    def attempt(
        self, items: Iterable[Item], *, top_k: int = 1
    ) -> Iterator[list[Prediction] | DataError]:
        """As `predict`, but an image that cannot be read gives its error, and the stream goes on.

        Raises DataError for an empty question alone.
        """
        _check_top_k(top_k)
        asked: deque[Sequence[str]] = deque()
        sizes = self._chunk(), self.question_batch
        found = self._scores(_noting(items, asked), *sizes, None, SILENT, raising=False)
        for logits in found:
            questions = asked.popleft()
            if isinstance(logits, DataError):
                yield logits
            else:
                yield self._predictions(questions, logits, top_k)

    def scores(
        self,
        items: Iterable[Item],
        *,
        image_batch: int | None = None,
        question_batch: int | None = None,
        total: int | None = None,
        report: Reporter = SILENT,
    ) -> Iterator[Floats]:
        """Score all answers to the questions of each (image, questions), in the order given.

        Yields the logits (Q, A) of an image's questions, not calibrated; see `probabilities`. The
        other arguments, and what is raised, are those of `predict`.
        """
        image_batch = self._chunk() if image_batch is None else image_batch
        question_batch = self.question_batch if question_batch is None else question_batch
        sizes = {"image_batch": image_batch, "question_batch": question_batch}
        if wrong := [f"{name} must be at least 1, got {n}" for name, n in sizes.items() if n < 1]:
            raise SettingsError("cannot predict:", wrong)
        if total is None and isinstance(items, Sequence):
            total = len(items)
        found = self._scores(items, image_batch, question_batch, total, report, raising=True)
        return cast(Iterator[Floats], found)

    def probabilities(self, logits: Floats) -> NDArray[np.float64]:
        """The calibrated probabilities, from 0 to 1, that logits (Q, A) stand for."""
        return calibrated(logits, self.confidence)

    def is_cut(self, question: str) -> bool:
        """Whether the model sees only the beginning of a question, because it is too long."""
        encoding = self.preprocessor.tokenizer.encode(normalize_question(question))
        return bool(encoding.overflowing)

    def _scores(
        self,
        items: Iterable[Item],
        image_batch: int,
        question_batch: int,
        total: int | None,
        report: Reporter,
        *,
        raising: bool,
    ) -> Iterator[Floats | DataError]:
        """As `scores`; an image that cannot be read gives its error, where that is not raised."""
        done = 0
        report.progress("answering", done, total or 1)
        read = self._read_together, image_batch, self.readers, self.together
        with closing(read_ahead(items, *read)) as chunks:
            for images, questions in chunks:
                if raising:
                    _raise_first(images)
                logits = self._each_scores(images, questions, question_batch)
                done += len(questions)
                report.progress("answering", done, max(total or 0, done))
                yield from logits

    def _each_scores(
        self, images: list[Read | DataError], questions: list[Sequence[str]], batch: int
    ) -> Iterator[Floats | DataError]:
        """The logits (Q, A) of each image's questions; the error of one that was not read."""
        both = zip(images, questions, strict=True)
        good = [(image, asked) for image, asked in both if not isinstance(image, DataError)]
        asked_of_good = [asked for _, asked in good]
        logits = self._chunk_scores([image for image, _ in good], asked_of_good, batch)
        ends = np.cumsum([len(asked) for asked in asked_of_good])
        parts = iter(np.split(logits, ends[:-1]))
        return (image if isinstance(image, DataError) else next(parts) for image in images)

    def _chunk(self) -> int:
        return self.chunk or self.image_batch

    def _read_together(self, images: Sequence[ImageSource | LazyImage]) -> list[Read | DataError]:
        """Read images; one that cannot be read gives its error."""
        return [self._try_to_read(image) for image in images]

    def _try_to_read(self, image: ImageSource | LazyImage) -> Read | DataError:
        try:
            return self._read(image)
        except DataError as error:
            return error

    def _read(self, image: ImageSource | LazyImage) -> Read:
        """The image's stored tokens (N, D), or its pixels (H, W, 3)."""
        if isinstance(image, LazyImage):
            rgb = read_image(image.load(), max_pixels=self.max_pixels, name=image.name)
            return self.preprocessor.transform.pixels(rgb)
        tokens = self.stored.find(image) if self.stored else None
        if tokens is not None:
            return tokens
        rgb = read_image(image, max_pixels=self.max_pixels)
        return self.preprocessor.transform.pixels(rgb)

    def _encode(self, pixels: NDArray[np.uint8]) -> Floats:
        return self.encode_images(self.preprocessor.normalize(pixels))

    def _chunk_scores(
        self, images: list[Read], questions: list[Sequence[str]], batch: int
    ) -> Floats:
        """The logits (Q, A) of all questions of a chunk; both lists have one entry an image."""
        owners = [image for image, asked in enumerate(questions) for _ in asked]
        if not owners:
            return np.zeros((0, len(self.vocabulary)), dtype=np.float32)
        texts = [text for asked in questions for text in asked]
        once = list(dict.fromkeys(texts))  # often one question about many images
        ids_of = dict(zip(once, self.preprocessor.token_ids(once), strict=True))
        distinct, rows = distinct_questions(owners, [ids_of[text] for text in texts])
        image_tokens = encode_fresh(images, self._encode)
        found = np.empty((len(distinct), len(self.vocabulary)), dtype=np.float32)
        for together in question_batches(distinct, batch):
            tokens = self.preprocessor.pad(together.token_ids)
            found[together.places] = self.logits(
                image_tokens[together.images], together.image_index, *tokens
            )
        logits = found[rows]
        if not np.isfinite(logits).all():
            raise ModelError(
                "the model's scores are not finite numbers: its weights are damaged, or the"
                " training diverged; train it again"
            )
        return logits

    def _predictions(
        self, questions: Sequence[str], logits: Floats, top_k: int
    ) -> list[Prediction]:
        """What logits (Q, A) say to the questions of an image."""
        sayable = None
        if self.choice is not None:
            logits, sayable = self.choice.among(logits), self.choice.sayable
        best = best_answers(self.probabilities(logits), self.vocabulary, top_k, sayable)
        return [Prediction(*asked) for asked in zip(questions, best, strict=True)]


def _check_top_k(top_k: int) -> None:
    if top_k < 1:
        raise SettingsError(f"cannot predict: top_k must be at least 1, got {top_k}")


def _raise_first(images: Iterable[Read | DataError]) -> None:
    for image in images:
        if isinstance(image, DataError):
            raise image


def _noting(items: Iterable[Item], asked: deque[Sequence[str]]) -> Iterator[Item]:
    """Pass the items on, and keep the questions of those whose answers are not there yet."""
    for item in items:
        asked.append(item[1])
        yield item
