"""What is decided for the user, by what learns and by how many questions there are."""

from __future__ import annotations

import pandas as pd
import pytest

from vqa_cli.config import ModelSettings, TrainSettings
from vqa_cli.models.building import choose_encoders
from vqa_cli.training.defaults import left_at_random, resolved

FROZEN = ModelSettings(preset="small")
SCRATCH = ModelSettings(preset="tiny")


def settle(model: ModelSettings, questions: int, **train: object) -> TrainSettings:
    rows = pd.DataFrame({"answer_kind": ["alternatives"] * questions})
    return resolved(TrainSettings(**train), choose_encoders(model), rows)


@pytest.mark.parametrize(
    ("model", "questions", "epochs", "batch_size"),
    [
        (SCRATCH, 500, 100, 32),
        (SCRATCH, 1_499, 100, 32),
        (SCRATCH, 1_500, 30, 128),
        (SCRATCH, 30_000, 10, 128),
        (SCRATCH, 1_000_000, 5, 128),
        (FROZEN, 500, 30, 128),
        (FROZEN, 6_000, 25, 128),
        (FROZEN, 1_000_000, 5, 128),
    ],
)
def test_the_fewer_questions_the_more_often_each_is_seen(
    model: ModelSettings, questions: int, epochs: int, batch_size: int
) -> None:
    found = settle(model, questions)
    assert (found.epochs, found.batch_size) == (epochs, batch_size)


def test_what_the_user_says_holds() -> None:
    found = settle(SCRATCH, 500, epochs=3, batch_size=7, encoder_learning_rate=0.5)
    assert (found.epochs, found.batch_size, found.encoder_learning_rate) == (3, 7, 0.5)
    assert settle(SCRATCH, 500, batch_size="auto").batch_size == "auto"


def test_a_batch_has_a_question_for_each_of_its_parts() -> None:
    assert settle(SCRATCH, 500, accumulation=50).batch_size == 50


def test_an_encoder_from_scratch_that_does_not_learn_is_told() -> None:
    chosen = choose_encoders(ModelSettings(preset="tiny", image_tuning="lora"))
    assert [reason.partition(":")[0] for reason in left_at_random(chosen)] == [
        "--image-tuning lora"
    ]
    assert left_at_random(choose_encoders(SCRATCH)) == []
    assert left_at_random(choose_encoders(FROZEN)) == []
