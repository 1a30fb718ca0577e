"""Run folders and exported folders of tiny models with random weights, made once a session."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from vqa_cli.data.preprocessor import ImageTransform, Preprocessor
from vqa_cli.data.tokenizer import train_wordpiece
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.model_folder import Confidence

if TYPE_CHECKING:  # torch is imported by the tests that need a model, not by all
    from vqa_cli.data.prepared import PreparedDataset
    from vqa_cli.models.vqa_model import VQAModel

SIZE = 64
MAX_TOKENS = 16
CONFIDENCE = Confidence(1.5, "softmax", ceiling=0.9)
ANSWERS = ("red", "blue", "2", "yes", "no")
QUESTIONS = (
    "what color is the circle?",
    "how many squares are there?",
    "is there a red triangle?",
    "where?",
)


def tiny_model(fusion: str = "attention", architecture: str = "test_resnet") -> VQAModel:
    """A model of some 400,000 random weights; the same ones every time."""
    import torch

    from vqa_cli.models.image_encoder import ImageEncoder, ImageEncoderConfig
    from vqa_cli.models.question_encoder import QuestionEncoder
    from vqa_cli.models.vqa_model import VQAModel

    torch.manual_seed(0)
    kwargs = {"img_size": SIZE} if "vit" in architecture else {}
    half = (0.5, 0.5, 0.5)
    image_encoder = ImageEncoder.from_config(
        ImageEncoderConfig(architecture, (SIZE, SIZE), half, half, "bicubic", kwargs)
    )
    question_encoder = QuestionEncoder.from_config(
        {
            "model_type": "bert",
            "vocab_size": 100,
            "hidden_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 64,
            "max_position_embeddings": 64,
            "pad_token_id": 0,
        }
    )
    model = VQAModel(
        image_encoder,
        question_encoder,
        fusion=fusion,
        width=32,
        layers=1,
        dropout=0.1,
        answers=len(ANSWERS),
    )
    with torch.no_grad():
        model.head[-1].weight.mul_(30)  # so that answers differ by more than rounding
    return model.eval()


@cache
def tiny_preprocessor() -> Preprocessor:
    transform = ImageTransform(SIZE, SIZE, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    return Preprocessor(transform, train_wordpiece(QUESTIONS, vocab_size=90), MAX_TOKENS)


def tiny_vocabulary() -> AnswerVocabulary:
    return AnswerVocabulary.build({a: 9 - n for n, a in enumerate(ANSWERS)})


def write_run(
    folder: Path, model: VQAModel, *, finished: bool = True, data: PreparedDataset | None = None
) -> Path:
    """Write the files of a run folder, as training leaves them."""
    from vqa_cli.models.checkpoint import save_calibration, save_config, save_weights

    folder.mkdir(parents=True)
    recorded = {"folder": str(data.folder), "images": str(data.image_root)} if data else {}
    save_config(folder, model, {"preset": "tiny", "data": recorded})
    save_calibration(folder, CONFIDENCE, save_weights(folder, model.state_dict()))
    tiny_preprocessor().save(folder)
    tiny_vocabulary().save(folder / "answers.json")
    if finished:
        (folder / "metrics.json").write_text(json.dumps({"val_accuracy": 0.5}))
    return folder


def draw_photo(seed: int = 0, size: tuple[int, int] = (90, 60)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; not to be changed."""
    return write_run(tmp_path_factory.mktemp("runs") / "tiny", tiny_model())


@pytest.fixture(scope="session")
def export_folder(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of `run_folder`; not to be changed."""
    from vqa_cli.export.folder import export_run

    return export_run(run_folder, tmp_path_factory.mktemp("exports") / "tiny").out


@pytest.fixture
def ready_graphs(export_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exporting copies the graphs of `export_folder` instead of tracing them again: seconds."""
    from vqa_cli.export import folder

    def copy(model: object, path: Path) -> None:
        shutil.copy(export_folder / path.name, path)

    monkeypatch.setattr(folder, "export_image_encoder", copy)
    monkeypatch.setattr(folder, "export_answerer", copy)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """An image file."""
    path = tmp_path / "photo.png"
    draw_photo().save(path)
    return path
