"""The README of a run folder, whatever its question encoder calls its sizes."""

from __future__ import annotations

from typing import Any

import pytest
from transformers import BertConfig, DistilBertConfig

from tests.models.conftest import tiny_config
from vqa_cli.config import ModelSettings, TrainSettings
from vqa_cli.models.recurrent_encoder import recurrent_config
from vqa_cli.training.model_card import model_card

SETTINGS = {
    "model": ModelSettings(image_tuning="frozen", question_tuning="last:1").to_mapping(),
    "train": TrainSettings(epochs=3).to_mapping(),
}
METRICS = {"val_accuracy": 0.5, "val_accuracy_untrained": 0.1, "best_epoch": 2, "stopped": ""}


@pytest.mark.parametrize(
    ("encoder", "told"),
    [
        (BertConfig().to_dict(), "bert, 12 layers of width 768, last:1"),
        (DistilBertConfig().to_dict(), "distilbert, 6 layers of width 768, last:1"),
        (recurrent_config("gru", 9, 9, 9, 0).to_dict(), "gru, 1 layer of width 128, last:1"),
    ],
)
def test_the_question_encoder_is_named_with_its_size(encoder: dict[str, Any], told: str) -> None:
    model = tiny_config().to_mapping() | {"question_encoder": encoder}
    data = {"questions": {"train": 1000}}
    card = model_card("run", {"model": model, "settings": SETTINGS, "data": data}, METRICS)
    assert f"| question encoder | {told} |" in card
