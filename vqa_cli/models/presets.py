"""Encoders and sizes that fit together, and which preset `auto` is on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from vqa_cli.config import ModelSettings
from vqa_cli.console import SILENT, Reporter
from vqa_cli.models import hub
from vqa_cli.models.image_encoder import ImageEncoderConfig, default_repository


@dataclass(frozen=True)
class Preset:
    """What the user did not name. An encoder of None is trained from scratch."""

    image_encoder: str | None
    question_encoder: str | None
    width: int


PRESETS = {
    "tiny": Preset(image_encoder=None, question_encoder=None, width=128),
    "small": Preset(
        image_encoder="resnet50.a1_in1k",
        question_encoder="sentence-transformers/all-MiniLM-L6-v2",
        width=512,
    ),
    "base": Preset(
        image_encoder="vit_base_patch16_224.augreg2_in21k_ft_in1k",
        question_encoder="google-bert/bert-base-uncased",
        width=768,
    ),
}

TINY_IMAGE_SIZE = 64
TINY_PAD = 0
"""[PAD] comes first in the tokenizers that are trained here."""


def tiny_image_encoder(image_size: int | None = None) -> ImageEncoderConfig:
    """A ResNet with three stages and group norm, so that no image depends on the batch it is in.

    At 64 pixels it keeps a 4x4 grid (stride 16): fine enough to say where things are, and few
    enough tokens to train on two CPU cores within minutes. Without a fourth stage and with
    branches that do not begin at zero it recognises drawn shapes after a fifth of the steps.
    """
    side = image_size or TINY_IMAGE_SIZE
    return ImageEncoderConfig(
        architecture="resnet10t",
        image_size=(side, side),
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        interpolation="bicubic",
        kwargs={
            "norm_layer": "groupnorm",
            "stem_type": "",
            "stem_width": 32,
            "channels": [32, 64, 96, 128],
            "layers": [1, 1, 1, 0],
            "zero_init_last": False,
        },
    )


def tiny_question_encoder(vocab_size: int, max_question_tokens: int) -> dict[str, object]:
    """A BERT of two layers and width 64, as a transformers configuration's plain values.

    Without dropout of its own: it is far too small to overfit by itself.
    """
    return {
        "model_type": "bert",
        "vocab_size": vocab_size,
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 256,
        "max_position_embeddings": max_question_tokens,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "pad_token_id": TINY_PAD,
    }


def resolve_preset(settings: ModelSettings, *, offline: bool, report: Reporter = SILENT) -> str:
    """Return the preset's name; `auto` becomes `small` where its weights are at hand.

    Only the weights of encoders that the user did not name count: no other is used. `auto` never
    fails: it falls back to `tiny`, and says so.
    """
    if settings.preset != "auto":
        return settings.preset
    needed = _unnamed(PRESETS["small"], settings)
    if not needed:
        return "small"  # for its sizes
    missing = [repository for repository in needed.values() if not hub.is_cached(repository)]
    encoders = " and ".join(needed)
    if not missing:
        report.notice(f"preset small: its pretrained {encoders} in the local cache")
        return "small"
    if not hub.is_offline(offline) and all(map(hub.answers_at_once, missing)):
        report.notice(f"preset small: its pretrained {encoders} on the hub ({', '.join(missing)})")
        return "small"
    report.warn(
        f"preset tiny: {encoders} from scratch, because what preset small has pretrained is "
        f"neither in the local cache nor within reach ({', '.join(missing)}); --preset small "
        "insists on it"
    )
    return "tiny"


def _unnamed(preset: Preset, settings: ModelSettings) -> dict[str, str]:
    """Give the hub repositories of the pretrained encoders that a preset decides on."""
    needed = {}
    if preset.image_encoder and settings.image_encoder is None:
        needed["image encoder"] = default_repository(preset.image_encoder)
    if preset.question_encoder and settings.question_encoder is None:
        needed["question encoder"] = preset.question_encoder
    return needed
