"""What is decided for the user, by what learns and by how many questions there are."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from vqa_cli.config import ModelSettings, TrainSettings
from vqa_cli.models.building import Head, choose_encoders, choose_head
from vqa_cli.training.defaults import left_at_random, resolved

FROZEN = ModelSettings(preset="small")
SCRATCH = ModelSettings(preset="tiny")
LORA = ModelSettings(preset="small", question_tuning="lora")


def settle(model: ModelSettings, questions: int, **train: object) -> TrainSettings:
    rows = pd.DataFrame({"answer_kind": ["alternatives"] * questions})
    return resolved(TrainSettings(**train), choose_encoders(model), rows)


@pytest.mark.parametrize(
    ("model", "questions", "epochs", "batch_size"),
    [
        (SCRATCH, 500, 120, 32),
        (SCRATCH, 3_999, 75, 32),
        (SCRATCH, 4_000, 30, 128),
        (SCRATCH, 30_000, 10, 128),
        (SCRATCH, 1_000_000, 5, 128),
        (FROZEN, 500, 90, 256),
        (FROZEN, 6_000, 50, 256),
        (FROZEN, 1_000_000, 5, 256),
        (LORA, 500, 30, 128),
    ],
)
def test_the_fewer_questions_the_more_often_each_is_seen(
    model: ModelSettings, questions: int, epochs: int, batch_size: int
) -> None:
    found = settle(model, questions)
    assert (found.epochs, found.batch_size) == (epochs, batch_size)


def test_how_much_is_regularised_depends_on_what_learns() -> None:
    frozen, scratch, lora = (settle(model, 2000) for model in (FROZEN, SCRATCH, LORA))
    assert frozen.weight_decay > scratch.weight_decay
    assert frozen.label_smoothing == scratch.label_smoothing == 0.15
    assert lora.label_smoothing == settle(SCRATCH, 20_000).label_smoothing == 0.0
    asked = settle(FROZEN, 2000, weight_decay=0.0, label_smoothing=0.0, warmup=0.0)
    assert (asked.weight_decay, asked.label_smoothing, asked.warmup) == (0.0, 0.0, 0.0)
    several = resolved(
        TrainSettings(),
        choose_encoders(FROZEN),
        pd.DataFrame({"answer_kind": ["annotators"] * 9}),
    )
    assert (several.objective, several.label_smoothing) == ("binary", 0.0)


def test_frozen_encoders_have_another_head() -> None:
    def head(settings: ModelSettings) -> Head:
        return choose_head(settings, choose_encoders(settings))

    assert head(FROZEN) == Head("concat", 1024, 0.4)
    assert head(SCRATCH) == Head("attention", 128, 0.1)
    asked = replace(FROZEN, fusion="attention", dropout=0.0)
    assert head(asked) == Head("attention", 512, 0.0)


def test_what_the_user_says_holds() -> None:
    found = settle(SCRATCH, 500, epochs=3, batch_size=7, encoder_learning_rate=0.5)
    assert (found.epochs, found.batch_size, found.encoder_learning_rate) == (3, 7, 0.5)
    assert settle(SCRATCH, 500, batch_size="auto").batch_size == "auto"


def test_a_batch_has_a_question_for_each_of_its_parts() -> None:
    assert settle(SCRATCH, 500, accumulation=500).batch_size == 500


def test_an_encoder_from_scratch_that_does_not_learn_is_told() -> None:
    chosen = choose_encoders(ModelSettings(preset="tiny", image_tuning="lora"))
    assert [reason.partition(":")[0] for reason in left_at_random(chosen)] == [
        "--image-tuning lora"
    ]
    assert left_at_random(choose_encoders(SCRATCH)) == []
    assert left_at_random(choose_encoders(FROZEN)) == []
