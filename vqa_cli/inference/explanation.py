"""Where a model looked: what its answer loses while parts of the image, or a word, are hidden.

By occlusion, through the two passes that every answerer has: a run and its export explain
themselves alike. Many random halves of the image are hidden, one after the other, and a place is
hot where the answer is the surer the more is visible of it (RISE: Petsiuk et al., 2018,
arXiv:1806.07421). Hiding single patches instead (Zeiler and Fergus, 2014, arXiv:1311.2901) finds
the objects of the demo shapes less often: what is left of one still says enough, or looks like
another thing (benchmarks/explaining.py). Each question word is left out once.

What is measured is the answer's log-odds, its logit against the log-sum-exp of the others': unlike
a probability it still falls where the model is nearly sure, and unlike the logit alone it knows
when another answer takes over. Where the answers are independent of one another (sigmoid), the
log-odds are the logit itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.images import ImageSource, read_image
from vqa_cli.errors import SettingsError
from vqa_cli.inference.answerer import Answerer, Floats
from vqa_cli.inference.explanation_words import without_each_word, words_of
from vqa_cli.inference.prediction import Prediction

HEAT_SIDE = 64
"""A heat map has so many rows and columns, whatever the image's shape."""
SHOWN_ANSWERS = 5
QUESTION_BATCH = 64
NOTHING = 1e-3
"""Smaller changes of the log-odds are rounding: the contract of a batch allows them."""


@dataclass(frozen=True)
class Masking:
    """How images are hidden. masks: how often; cells: the parts of a side that are hidden or not.

    Half of the cells are hidden, by chance.
    """

    masks: int = 192
    cells: int = 8

    def visible(self) -> Floats:
        """The masks (P, HEAT_SIDE, HEAT_SIDE): 0 hidden, 1 visible; the same ones every time.

        The cells have soft edges, and are shifted by up to a cell, as in RISE.
        """
        rng = np.random.default_rng(0)
        cell = -(-HEAT_SIDE // self.cells)
        size = ((self.cells + 1) * cell,) * 2
        masks = []
        for _ in range(self.masks):
            grid = rng.integers(0, 2, (self.cells + 1, self.cells + 1)).astype(np.float32)
            large = np.asarray(Image.fromarray(grid).resize(size, Image.Resampling.BILINEAR))
            top, left = rng.integers(0, cell, 2)
            masks.append(large[top : top + HEAT_SIDE, left : left + HEAT_SIDE])
        return np.stack(masks)


DEFAULT = Masking()


@dataclass(frozen=True)
class Word:
    """A question word. importance: by how much the answer's log-odds fall without it.

    Below 0 it speaks against the answer. confidence: the answer's, without the word.
    """

    text: str
    importance: float
    confidence: float


@dataclass(frozen=True)
class Explanation:
    """Why a model gave `answer`.

    heat: (rows, columns) over the whole image, from 0 to 1 where the answer needs the image most;
        all 0 where it needs nothing of it.
    size: width and height of the image in pixels, upright.
    hidden_confidence: the answer's while what is at least half as hot as the peak, and around it,
        is hidden.
    prediction: the best answers.
    attention: like heat, what the fusion attends to; None where the model cannot say. What is
        attended to may still count for nothing, so that `heat` is what explains.
    """

    prediction: Prediction
    answer: str
    confidence: float
    heat: Floats
    size: tuple[int, int]
    hidden_confidence: float
    words: tuple[Word, ...]
    attention: Floats | None = None

    @property
    def peak(self) -> tuple[int, int] | None:
        """The pixel (x, y) at the hottest place; None where nothing matters."""
        return self._peak_of(self.heat) if self.heat.any() else None

    def _peak_of(self, heat: Floats) -> tuple[int, int]:
        row, column = np.unravel_index(int(heat.argmax()), heat.shape)
        rows, columns = heat.shape
        width, height = self.size
        return int((column + 0.5) / columns * width), int((row + 0.5) / rows * height)

    @property
    def box(self) -> tuple[int, int, int, int] | None:
        """The box (left, top, right, bottom) in pixels of the heat above half around the peak."""
        if not self.heat.any():
            return None
        region = around_peak(self.heat)
        down, across = (np.flatnonzero(region.any(axis=axis)) for axis in (1, 0))
        rows, columns = self.heat.shape
        width, height = self.size
        return (
            int(across[0] * width / columns),
            int(down[0] * height / rows),
            max(1, round((across[-1] + 1) * width / columns)),
            max(1, round((down[-1] + 1) * height / rows)),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "answer": self.answer,
            "confidence": self.confidence,
            "peak": self.peak,
            "box": self.box,
            "hidden_confidence": self.hidden_confidence,
            "attention_peak": None if self.attention is None else self._peak_of(self.attention),
            "words": [
                {"word": w.text, "importance": w.importance, "confidence": w.confidence}
                for w in self.words
            ],
        }


def explain(
    answerer: Answerer, image: ImageSource, question: str, *, answer: str | None = None
) -> Explanation:
    """Explain the best answer to a question about an image, or another answer.

    Raises DataError for an image that cannot be read and for an empty question; SettingsError
    where `answer` is not in the vocabulary.
    """
    (explanation,) = explain_all(answerer, image, [question], answer=answer)
    return explanation


def explain_all(
    answerer: Answerer,
    image: ImageSource,
    questions: Sequence[str],
    *,
    answer: str | None = None,
    masking: Masking = DEFAULT,
    report: Reporter = SILENT,
) -> list[Explanation]:
    """Explain the answers to several questions about one image: it is hidden and encoded once.

    What is raised is what `explain` raises.
    """
    rgb = read_image(image, max_pixels=answerer.max_pixels)
    predictions = answerer.ask(rgb, list(questions), top_k=SHOWN_ANSWERS)
    answers = [prediction.answer if answer is None else answer for prediction in predictions]
    chosen = [_index(answerer, text) for text in answers]
    masks, hider = masking.visible(), _Hider(answerer, rgb)
    scored = zip(chosen, _hidden_logits(hider, questions, masks, report), strict=True)
    heats = [heat_of(log_odds(answerer, logits, index), masks) for index, logits in scored]
    return [
        _explanation(hider, prediction, index, heat, rgb.size)
        for prediction, index, heat in zip(predictions, chosen, heats, strict=True)
    ]


def _hidden_logits(
    hider: _Hider, questions: Sequence[str], masks: Floats, report: Reporter
) -> list[Floats]:
    """Score all answers behind masks (P, rows, columns): the logits (P, A) of each question."""
    batch = hider.answerer.image_batch
    ids = hider.answerer.preprocessor.token_ids(questions)
    chunks = []
    for start in range(0, len(masks), batch):
        report.progress("explaining", start, len(masks))
        chunks.append(_about_each(hider.answerer, hider.encode(masks[start : start + batch]), ids))
    report.progress("explaining", len(masks), len(masks))
    return [np.concatenate(parts) for parts in zip(*chunks, strict=True)]


def _about_each(
    answerer: Answerer, image_tokens: Floats, ids: Sequence[Sequence[int]]
) -> list[Floats]:
    """Ask every question about each of B images (B, N, D): the logits (B, A) of each question."""
    count = len(image_tokens)
    at_once = max(1, QUESTION_BATCH // count)
    logits: list[Floats] = []
    for start in range(0, len(ids), at_once):
        some = ids[start : start + at_once]
        index = np.tile(np.arange(count, dtype=np.int64), len(some))
        rows = [one for one in some for _ in range(count)]
        asked = answerer.logits(image_tokens, index, *answerer.preprocessor.pad(rows))
        logits += np.split(asked, len(some))
    return logits


def log_odds(answerer: Answerer, logits: Floats, answer: int) -> NDArray[np.float64]:
    """How much likelier one answer is than all others together: logits (Q, A) -> (Q,)."""
    values = _allowed(answerer, logits).astype(np.float64)
    own = values[:, answer]
    others = np.logaddexp.reduce(np.delete(values, answer, axis=1), axis=1)
    if answerer.confidence.activation == "sigmoid" or np.isneginf(others).all():
        return own  # each answer is for itself, or there is but one
    return own - others


def _allowed(answerer: Answerer, logits: Floats) -> Floats:
    return logits if answerer.choice is None else answerer.choice.among(logits)


def heat_of(scores: NDArray[np.float64], masks: Floats) -> Floats:
    """Scores (P,) behind masks (P, rows, columns) -> the heat map (rows, columns) in [0, 1].

    At each place: how much the score rises with a standard deviation of visibility, divided by
    the highest rise; 0 where it falls.
    """
    visible = masks - masks.mean(axis=0)
    rises = np.tensordot(scores - scores.mean(), visible, 1)
    rises /= np.sqrt((visible**2).sum(axis=0) * len(masks))
    heat = np.maximum(rises, 0)
    highest = heat.max()
    return (heat / highest if highest >= NOTHING else np.zeros_like(heat)).astype(np.float32)


def around_peak(heat: Floats) -> NDArray[np.bool_]:
    """The connected region around the hottest place of what is at least half as hot."""
    hot = heat >= heat.max() / 2
    region = np.zeros_like(hot)
    region[np.unravel_index(int(heat.argmax()), heat.shape)] = True
    while True:
        wider = np.pad(region, 1)
        grown = region | wider[2:, 1:-1] | wider[:-2, 1:-1] | wider[1:-1, 2:] | wider[1:-1, :-2]
        grown &= hot
        if (grown == region).all():
            return region
        region = grown


def _index(answerer: Answerer, answer: str) -> int:
    index = answerer.vocabulary.index(answer)
    choice = answerer.choice
    if index is None or (choice is not None and index not in choice.sayable):
        raise SettingsError(f"cannot explain {answer!r}: the model cannot give this answer")
    return index


def _explanation(
    hider: _Hider, prediction: Prediction, answer: int, heat: Floats, size: tuple[int, int]
) -> Explanation:
    """Ask the question without each of its words, and without what is hot."""
    answerer, preprocessor = hider.answerer, hider.answerer.preprocessor
    variants = preprocessor.token_ids([prediction.question])
    variants += without_each_word(preprocessor, prediction.question)
    whole = np.ones_like(heat)
    rest = whole - around_peak(heat) if heat.any() else whole
    tokens = hider.encode(np.stack([whole, rest]))
    # The question about the whole image and about the hidden one, then its variants.
    index = np.array([0, 1] + [0] * (len(variants) - 1), dtype=np.int64)
    asked = preprocessor.pad([variants[0], *variants])
    logits = answerer.logits(tokens, index, *asked)
    plain, _, *wordless = log_odds(answerer, logits, answer)
    confidence, hidden, *without = answerer.probabilities(_allowed(answerer, logits))[:, answer]
    words = zip(words_of(prediction.question), wordless, without, strict=True)
    return Explanation(
        prediction=prediction,
        answer=answerer.vocabulary.answers[answer],
        confidence=float(confidence),
        heat=heat,
        size=size,
        hidden_confidence=float(hidden),
        words=tuple(Word(w.text, float(plain - odds), float(c)) for w, odds, c in words),
        attention=hider.attention(tokens[:1], variants[0]),
    )


class _Hider:
    """An RGB image as the model takes it, of which parts are hidden behind its mean colour."""

    def __init__(self, answerer: Answerer, image: Image.Image) -> None:
        transform = answerer.preprocessor.transform
        left, top, self.width, self.height = transform.place(*image.size)
        # What letterboxing adds stays as it is.
        self.inside = slice(top, top + self.height), slice(left, left + self.width)
        self.answerer = answerer
        self.pixels = transform.pixels(image)
        self.part = self.pixels[self.inside].astype(np.float32)
        self.mean = self.part.mean(axis=(0, 1))

    def encode(self, masks: Floats) -> Floats:
        """Encode the image behind masks (B, rows, columns), 1 visible: tokens (B, N, D)."""
        pictures = np.repeat(self.pixels[None], len(masks), axis=0)
        for picture, mask in zip(pictures, masks, strict=True):
            resized = Image.fromarray(mask).resize(
                (self.width, self.height), Image.Resampling.BILINEAR
            )
            visible = np.asarray(resized)[..., None]
            picture[self.inside] = np.rint(self.mean + (self.part - self.mean) * visible)
        return self.answerer.encode_images(self.answerer.preprocessor.normalize(pictures))

    def attention(self, image_tokens: Floats, ids: Sequence[int]) -> Floats | None:
        """Where a question looks in the image of tokens (1, N, D), as a heat map; None: unknown."""
        index = np.zeros(1, dtype=np.int64)
        asked = self.answerer.preprocessor.pad([ids])
        found = self.answerer.attention(image_tokens, index, *asked)
        if found is None:
            return None
        height, width = self.pixels.shape[:2]
        whole = Image.fromarray(found[0]).resize((width, height), Image.Resampling.BILINEAR)
        part = Image.fromarray(np.ascontiguousarray(np.asarray(whole)[self.inside]))
        heat = np.asarray(part.resize((HEAT_SIDE, HEAT_SIDE), Image.Resampling.BILINEAR))
        return (heat / max(float(heat.max()), 1e-12)).astype(np.float32)
