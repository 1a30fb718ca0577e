"""Virtual tokens are a part of both graphs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from tests.export.test_onnx_export import agrees, open_graph
from tests.tiny_runs import SIZE, tiny_model
from vqa_cli.export.onnx_export import export_answerer, export_image_encoder
from vqa_cli.models.tuning import prepare_tuning
from vqa_cli.models.vqa_model import VQAModel


def test_both_graphs_have_the_virtual_tokens(tmp_path: Path) -> None:
    config = tiny_model("joint", "test_vit").config
    kwargs = {"img_size": SIZE, "patch_size": 32, "depth": 1}
    image_encoder = replace(config.image_encoder, kwargs=kwargs)
    torch.manual_seed(0)
    model = VQAModel.from_config(replace(config, image_encoder=image_encoder)).eval()
    pixels = torch.randn(3, 3, SIZE, SIZE)
    without = model.encode_images(pixels)
    prepare_tuning(model, "prompt:3", "prompt:2", seed=0)
    assert model.image_encoder.virtual_tokens is not None
    model.image_encoder.virtual_tokens.vectors.data.normal_()

    export_answerer(model, tmp_path / "answerer.onnx")
    agrees(model, tmp_path / "answerer.onnx")
    export_image_encoder(model, tmp_path / "image_encoder.onnx")
    session = open_graph(tmp_path / "image_encoder.onnx")
    (found,) = session.run(["image_tokens"], {"pixel_values": pixels.numpy()})
    np.testing.assert_allclose(found, model.encode_images(pixels).detach().numpy(), atol=1e-4)
    assert not np.allclose(found, without.detach().numpy(), atol=1e-2)
