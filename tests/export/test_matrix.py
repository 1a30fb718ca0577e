"""Every fusion with every kind of encoder on either side, through both graphs.

Those with BERT alone are in test_onnx_export.py, which is quick.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from tests.export.test_onnx_export import agrees, open_graph
from tests.tiny_runs import SIZE, tiny_model
from vqa_cli.config import FUSIONS
from vqa_cli.export.int8_graphs import quantize_matrices, quantize_tables
from vqa_cli.export.onnx_export import export_answerer, export_image_encoder
from vqa_cli.models.recurrent_encoder import recurrent_config
from vqa_cli.models.tuning import prepare_tuning
from vqa_cli.models.vqa_model import VQAModel

IMAGES = ("test_resnet", "test_vit")
RECURRENT = ("gru", "lstm")
OTHERS = [fusion for fusion in FUSIONS if fusion != "joint"]
"""`joint` runs a BERT-like encoder over question and image, and no other."""


def model(fusion: str, image: str, question: str) -> VQAModel:
    config = tiny_model(fusion, image).config
    if question != "bert":
        recurrent = recurrent_config(question, 100, 100, 64, 0).to_dict()
        config = replace(config, question_encoder=recurrent)
    torch.manual_seed(0)
    return VQAModel.from_config(config).eval()


def same_tokens(made: VQAModel, path: Path) -> None:
    export_image_encoder(made, path)
    pixels = torch.randn(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = made.encode_images(pixels).numpy()
    (found,) = open_graph(path).run(["image_tokens"], {"pixel_values": pixels.numpy()})
    np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("question", RECURRENT)
@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("fusion", OTHERS)
def test_every_combination_says_the_same(
    fusion: str, image: str, question: str, tmp_path: Path
) -> None:
    made = model(fusion, image, question)
    export_answerer(made, tmp_path / "answerer.onnx")
    agrees(made, tmp_path / "answerer.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("fusion", FUSIONS)
def test_virtual_tokens_on_both_sides_say_the_same(fusion: str, tmp_path: Path) -> None:
    made = model(fusion, "test_vit", "bert")
    prepare_tuning(made, "prompt:3", "prompt:2", seed=0)
    made.eval()
    export_answerer(made, tmp_path / "answerer.onnx")
    agrees(made, tmp_path / "answerer.onnx")
    same_tokens(made, tmp_path / "image_encoder.onnx")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fusion", "question"), [("joint", "bert"), *itertools.product(OTHERS, ("bert", "lstm"))]
)
def test_every_fusion_keeps_its_answers_in_int8_alone_and_among_others(
    fusion: str, question: str, tmp_path: Path
) -> None:
    made = model(fusion, "test_resnet", question)
    path = tmp_path / "answerer.onnx"
    export_answerer(made, path)
    proto = onnx.load(path)
    quantize_tables(proto)
    quantize_matrices(proto)
    onnx.checker.check_model(proto)
    onnx.save(proto, path)
    session = open_graph(path)
    draw = torch.Generator().manual_seed(0)
    shape = 2, made.image_encoder.tokens, made.image_encoder.width
    inputs = {
        "image_tokens": torch.randn(shape, generator=draw),
        "image_index": torch.tensor([0, 1, 1, 0]),
        "input_ids": torch.randint(5, 90, (4, 9), generator=draw),
        "attention_mask": (torch.arange(9) < torch.tensor([[9], [4], [2], [7]])).long(),
    }
    with torch.inference_mode():
        wanted = made.answer(**inputs).numpy()
    arrays = {name: tensor.numpy() for name, tensor in inputs.items()}
    (found,) = session.run(["logits"], arrays)
    assert 0 < np.abs(found - wanted).max() < 0.05 * np.ptp(wanted) + 0.02
    for place, length in enumerate((9, 4, 2, 7)):
        image = int(arrays["image_index"][place])
        (alone,) = session.run(
            ["logits"],
            {
                "image_tokens": arrays["image_tokens"][image : image + 1],
                "image_index": np.zeros(1, dtype=np.int64),
                "input_ids": arrays["input_ids"][place : place + 1, :length],
                "attention_mask": arrays["attention_mask"][place : place + 1, :length],
            },
        )
        np.testing.assert_allclose(alone[0], found[place], atol=5e-3)
