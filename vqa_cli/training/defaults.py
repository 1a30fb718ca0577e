"""What the user left open: decided from what is trained, and on which data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from vqa_cli.config import TrainSettings

if TYPE_CHECKING:
    import pandas as pd

RATES = {
    "full": 3e-5,
    "last": 3e-5,
    "lora": 5e-4,
    "adalora": 5e-4,
    "bitfit": 5e-4,
    "ia3": 3e-3,
    "prompt": 5e-3,
}
"""Of pretrained encoders, by what learns; near those of the papers. The less there is of
it, the faster it has to learn."""

QUESTIONS = 300_000
LEAST_EPOCHS, MOST_EPOCHS = 5, 90
"""So many questions are seen in all, but neither too few nor too many passes are made."""


@dataclass(frozen=True)
class Recipe:
    """What is usual for a kind of training (docs/defaults.md).

    learning_rate: of fusion and head; encoder_learning_rate: of encoders from scratch.
    label_smoothing: with softmax cross-entropy.
    """

    learning_rate: float
    encoder_learning_rate: float
    weight_decay: float
    warmup: float
    label_smoothing: float
    batch_size: int
    questions: int = QUESTIONS
    most_epochs: int = MOST_EPOCHS


FROZEN = Recipe(5e-4, 1e-3, 0.1, 0.1, 0.15, 256)
SCRATCH = Recipe(1e-3, 1e-3, 0.01, 0.05, 0.0, 128, most_epochs=30)
FEW = Recipe(4e-4, 8e-4, 0.003, 0.1, 0.15, 32, most_epochs=120)
FEW_QUESTIONS = 4000
"""Encoders from scratch take some thousand steps: with fewer questions, smaller ones."""
PRETRAINED = Recipe(1e-3, 1e-3, 0.01, 0.05, 0.0, 128, 150_000, 30)
"""Pretrained encoders that learn; not part of the study."""


class Tuned(Protocol):
    """What is known of a model's encoders, be it built yet or not."""

    @property
    def image_tuning(self) -> str: ...

    @property
    def question_tuning(self) -> str: ...

    @property
    def image_pretrained(self) -> bool: ...

    @property
    def question_pretrained(self) -> bool: ...


def resolved(train: TrainSettings, encoders: Tuned, rows: pd.DataFrame) -> TrainSettings:
    """Fill in what is open, for a model with these encoders and the `rows` of train."""
    learning = learning_of(encoders)
    recipe = _recipe(learning, len(rows))
    objective = objective_of(train, rows)
    passes = max(LEAST_EPOCHS, round(recipe.questions / len(rows)))
    usual: dict[str, Any] = {
        "epochs": min(recipe.most_epochs, passes),
        # A step has at least a question for each of the parts that it is computed in.
        "batch_size": max(train.accumulation, recipe.batch_size),
        "learning_rate": recipe.learning_rate,
        "encoder_learning_rate": _encoder_rate(learning, recipe),
        "weight_decay": recipe.weight_decay,
        "warmup": recipe.warmup,
        "label_smoothing": recipe.label_smoothing if objective == "cross-entropy" else 0.0,
    }
    left_open = {name: usual[name] for name in usual if getattr(train, name) is None}
    return replace(train, objective=objective, **left_open)


def _recipe(learning: list[tuple[str, bool]], questions: int) -> Recipe:
    if not learning:
        return FROZEN
    if any(pretrained for _, pretrained in learning):
        return PRETRAINED
    return FEW if questions < FEW_QUESTIONS else SCRATCH


def objective_of(train: TrainSettings, rows: pd.DataFrame) -> str:
    """Return the objective that `auto` is on the `rows` of train."""
    if train.objective != "auto":
        return train.objective
    several = (rows["answer_kind"] == "annotators").mean() > 0.5
    return "binary" if several and not train.label_smoothing else "cross-entropy"


def learning_of(encoders: Tuned) -> list[tuple[str, bool]]:
    """Return of each encoder that learns its tuning, and whether it is pretrained."""
    both = (
        (encoders.image_tuning, encoders.image_pretrained),
        (encoders.question_tuning, encoders.question_pretrained),
    )
    return [(tuning, pretrained) for tuning, pretrained in both if tuning != "frozen"]


def at_heads_rate(encoders: Tuned) -> list[str]:
    """Return the encoders from scratch beside a pretrained one that learns.

    The rate that a pretrained encoder stands would teach them nothing; they are as new as the head.
    """
    new = {
        "image_encoder": not encoders.image_pretrained,
        "question_encoder": not encoders.question_pretrained,
    }
    mixed = any(pretrained for _, pretrained in learning_of(encoders))
    return [name for name, is_new in new.items() if is_new and mixed]


def left_at_random(encoders: Tuned) -> list[str]:
    """Say of each encoder that begins at random that it does not learn as a whole."""
    each = (
        ("--image-tuning", encoders.image_tuning, encoders.image_pretrained),
        ("--question-tuning", encoders.question_tuning, encoders.question_pretrained),
    )
    return [
        f"{flag} {tuning}: the encoder begins at random, so what stays as it is knows nothing; "
        f"use {flag} full, or a pretrained encoder"
        for flag, tuning, pretrained in each
        if not pretrained and tuning != "full"
    ]


def _encoder_rate(learning: list[tuple[str, bool]], recipe: Recipe) -> float:
    """Return the rate that the most easily spoilt of the learning encoders stands."""
    rates = [RATES[tuning.split(":")[0]] for tuning, pretrained in learning if pretrained]
    return min(rates, default=recipe.encoder_learning_rate)
