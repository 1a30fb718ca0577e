"""A new model from settings: pretrained or from scratch, with the Preprocessor that fits it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer

from vqa_cli.config import ModelSettings
from vqa_cli.console import SILENT, Reporter
from vqa_cli.data.preprocessor import ImageTransform, Preprocessor
from vqa_cli.data.tokenizer import train_wordpiece
from vqa_cli.models.image_encoder import ImageEncoder, load_image_encoder
from vqa_cli.models.presets import (
    PRESETS,
    TINY_PAD,
    resolve_preset,
    tiny_image_encoder,
    tiny_question_encoder,
)
from vqa_cli.models.question_encoder import QuestionEncoder, load_question_encoder
from vqa_cli.models.recurrent_encoder import CELLS, recurrent_config
from vqa_cli.models.vqa_model import VQAModel


@dataclass(frozen=True)
class Encoders:
    """Which encoders settings mean, and how much of each learns; nothing is built yet.

    A source of None, or of a recurrent cell, is an encoder from scratch. width: the preset's.
    """

    preset: str
    image_source: str | None
    question_source: str | None
    image_tuning: str
    question_tuning: str
    width: int

    @property
    def image_pretrained(self) -> bool:
        return self.image_source is not None

    @property
    def question_pretrained(self) -> bool:
        return self.question_source is not None and self.question_source not in CELLS


@dataclass(frozen=True)
class Head:
    """What comes after the encoders. width: of fusion and head."""

    fusion: str
    width: int
    dropout: float


FROZEN_WIDTH, FROZEN_DROPOUT = 2, 0.4
"""Over frozen encoders concat, so many times as wide as the preset (docs/defaults.md)."""
LEARNING_DROPOUT = 0.1


@dataclass(frozen=True)
class BuiltModel:
    """A model that has not learned yet, and what was decided on the way."""

    model: VQAModel
    preprocessor: Preprocessor
    preset: str
    image_pretrained: bool
    question_pretrained: bool
    image_tuning: str
    question_tuning: str


def choose_encoders(
    settings: ModelSettings, *, offline: bool = False, report: Reporter = SILENT
) -> Encoders:
    """Settle the preset, and with it what `settings` leave open of the encoders."""
    preset = resolve_preset(settings, offline=offline, report=report)
    chosen = PRESETS[preset]
    image_source = settings.image_encoder or chosen.image_encoder
    question_source = settings.question_encoder or chosen.question_encoder
    from_scratch = question_source is None or question_source in CELLS
    return Encoders(
        preset,
        image_source,
        question_source,
        _tuning(settings.image_tuning, pretrained=image_source is not None),
        _tuning(settings.question_tuning, pretrained=not from_scratch),
        chosen.width,
    )


def choose_head(settings: ModelSettings, encoders: Encoders) -> Head:
    """Settle what `settings` leave open of fusion and head, by whether the encoders learn."""
    frozen = encoders.image_tuning == encoders.question_tuning == "frozen"
    fusion = settings.fusion or ("concat" if frozen else "attention")
    times = FROZEN_WIDTH if frozen and fusion == "concat" else 1
    dropout = FROZEN_DROPOUT if frozen else LEARNING_DROPOUT
    return Head(
        fusion,
        settings.width or times * encoders.width,
        dropout if settings.dropout is None else settings.dropout,
    )


def build_model(
    settings: ModelSettings,
    *,
    questions: Iterable[str],
    answers: int,
    seed: int,
    offline: bool = False,
    report: Reporter = SILENT,
) -> BuiltModel:
    """Build the model that `settings` describe, for `answers` classes.

    `questions` are those of train: a question encoder from scratch gets its tokenizer from them.
    Raises ModelError where an encoder cannot be had.
    """
    encoders = choose_encoders(settings, offline=offline, report=report)
    head = choose_head(settings, encoders)
    torch.manual_seed(seed)
    image_encoder = _image_encoder(encoders.image_source, settings, offline)
    question_encoder, tokenizer, pad_token_id = _question_encoder(
        encoders.question_source, settings, questions, offline
    )
    model = VQAModel(
        image_encoder,
        question_encoder,
        fusion=head.fusion,
        width=head.width,
        layers=settings.layers,
        dropout=head.dropout,
        answers=answers,
    )
    max_tokens = min(settings.max_question_tokens, question_encoder.max_tokens)
    preprocessor = Preprocessor(
        _transform(image_encoder, settings.resize), tokenizer, max_tokens, pad_token_id
    )
    return BuiltModel(
        model,
        preprocessor,
        encoders.preset,
        image_pretrained=encoders.image_pretrained,
        question_pretrained=encoders.question_pretrained,
        image_tuning=encoders.image_tuning,
        question_tuning=encoders.question_tuning,
    )


def _image_encoder(source: str | None, settings: ModelSettings, offline: bool) -> ImageEncoder:
    if source is None:
        return ImageEncoder.from_config(tiny_image_encoder(settings.image_size))
    return load_image_encoder(source, image_size=settings.image_size, offline=offline)


def _question_encoder(
    source: str | None, settings: ModelSettings, questions: Iterable[str], offline: bool
) -> tuple[QuestionEncoder, Tokenizer, int]:
    if source is not None and source not in CELLS:
        return load_question_encoder(source, offline=offline)
    questions = list(questions)
    tokenizer = train_wordpiece(questions)
    words, longest = tokenizer.get_vocab_size(), settings.max_question_tokens
    if source is None:
        config = tiny_question_encoder(words, longest)
    else:
        config = recurrent_config(source, words, len(questions), longest, TINY_PAD).to_dict()
    return QuestionEncoder.from_config(config), tokenizer, TINY_PAD


def _tuning(asked: str | None, *, pretrained: bool) -> str:
    """Without a word of the user's, what is pretrained stays and what is new learns."""
    return asked or ("frozen" if pretrained else "full")


def _transform(encoder: ImageEncoder, resize: str) -> ImageTransform:
    config = encoder.config
    height, width = config.image_size
    return ImageTransform(
        height, width, resize, config.interpolation, mean=config.mean, std=config.std
    )
