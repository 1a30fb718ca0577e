"""Tiny real models: timm's own test architectures and a BERT of width 32."""

from __future__ import annotations

from typing import Any

import pytest

from vqa_cli.models.image_encoder import ImageEncoderConfig
from vqa_cli.models.vqa_model import VQAModelConfig

BACKBONES: dict[str, dict[str, Any]] = {
    "test_resnet": {"norm_layer": "groupnorm1", "output_stride": 8},
    "test_vit": {"img_size": [32, 32], "patch_size": 8},
}


def tiny_config(fusion: str = "attention", backbone: str = "test_resnet") -> VQAModelConfig:
    return VQAModelConfig(
        image_encoder=ImageEncoderConfig(
            architecture=backbone,
            image_size=(32, 32),
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
            interpolation="bicubic",
            kwargs=BACKBONES[backbone],
        ),
        question_encoder={
            "model_type": "bert",
            "vocab_size": 20,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 64,
            "max_position_embeddings": 16,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        },
        fusion=fusion,
        width=32,
        layers=1,
        dropout=0.0,
        answers=2,
    )


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)
