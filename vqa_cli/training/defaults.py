"""What the user left open: decided from what is trained, and on which data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vqa_cli.config import TrainSettings
from vqa_cli.models.building import BuiltModel

if TYPE_CHECKING:
    import pandas as pd

SCRATCH_RATE = 1e-3
PRETRAINED_RATE = 3e-5
ADAPTER_RATE = 5e-4
SCRATCH_QUESTIONS = 300_000
FROZEN_QUESTIONS = 150_000
"""So many questions are seen in all by default. From scratch val stops rising before that on
easy-VQA and on the demo's shapes, and with frozen encoders on DAQUAR."""


def resolved(train: TrainSettings, built: BuiltModel, rows: pd.DataFrame) -> TrainSettings:
    """Fill in what is open, for a model and the `rows` of train."""
    objective = train.objective
    if objective == "auto":
        several = (rows["answer_kind"] == "annotators").mean() > 0.5
        objective = "binary" if several and not train.label_smoothing else "cross-entropy"
    learning = [
        (tuning, pretrained)
        for tuning, pretrained in (
            (built.image_tuning, built.image_pretrained),
            (built.question_tuning, built.question_pretrained),
        )
        if tuning != "frozen"
    ]
    epochs = round((SCRATCH_QUESTIONS if learning else FROZEN_QUESTIONS) / len(rows))
    return replace(
        train,
        objective=objective,
        epochs=train.epochs or min(30, max(5, epochs)),
        encoder_learning_rate=train.encoder_learning_rate or _encoder_rate(learning),
    )


def _encoder_rate(learning: list[tuple[str, bool]]) -> float:
    """Return the rate that the most easily spoilt of the learning encoders stands."""
    pretrained = [tuning for tuning, pretrained in learning if pretrained]
    if not pretrained:
        return SCRATCH_RATE
    weights = any(tuning == "full" or tuning.startswith("last") for tuning in pretrained)
    return PRETRAINED_RATE if weights else ADAPTER_RATE
