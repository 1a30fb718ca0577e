"""The usual script that answers a question: a peer of `vqa ask`, for `benchmarks/asking.py`.

    python benchmarks/asking_usual.py RUN IMAGE QUESTION

torch, transformers and timm; RUN is a run with a convolutional image encoder, a BERT and the
fusion `concat`. The same weights give the same answer.
"""

import json
import sys
from pathlib import Path
from typing import Any

import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from torchvision import transforms  # type: ignore[import-untyped]
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast


def projection(inside: int, width: int) -> nn.Module:
    """As each of the two encoders' means is projected."""
    return nn.Sequential(nn.LayerNorm(inside), nn.Dropout(), nn.Linear(inside, width), nn.GELU())


class Model(nn.Module):
    """Both encoders, and what joins them."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        image, question, width = (
            config["image_encoder"],
            config["question_encoder"],
            config["width"],
        )
        self.image_encoder = timm.create_model(image["architecture"], num_classes=0)
        self.question_encoder = AutoModel.from_config(
            AutoConfig.for_model(**question), add_pooling_layer=False
        )
        self.image = projection(self.image_encoder.num_features, width)
        self.question = projection(question["hidden_size"], width)
        self.head = nn.Sequential(
            nn.Dropout(),
            nn.Linear(3 * width, width),
            nn.GELU(),
            nn.Dropout(),
            nn.Linear(width, config["answers"]),
        )

    def forward(self, pixel_values: torch.Tensor, encoded: dict[str, Any]) -> torch.Tensor:
        """The logits (1, A) of one question about one image."""
        image = self.image(self.image_encoder.forward_features(pixel_values).mean((2, 3)))
        question = self.question(self.question_encoder(**encoded).last_hidden_state.mean(1))
        logits: torch.Tensor = self.head(torch.cat([image, question, image * question], -1))
        return logits


run, path, question = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
config = json.loads((run / "config.json").read_text())["model"]
model = Model(config).eval()
weights = {
    name.replace("_encoder.backbone.", "_encoder.")
    .replace("_encoder.model.", "_encoder.")
    .removeprefix("fusion."): tensor
    for name, tensor in load_file(run / "model.safetensors").items()
}
model.load_state_dict(weights)
tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(run / "tokenizer.json"))
transform = transforms.Compose(
    [
        transforms.Resize(
            config["image_encoder"]["image_size"], transforms.InterpolationMode.BICUBIC
        ),
        transforms.ToTensor(),
        transforms.Normalize(config["image_encoder"]["mean"], config["image_encoder"]["std"]),
    ]
)
with torch.inference_mode():
    pixel_values = transform(Image.open(path).convert("RGB"))[None]
    encoded = tokenizer(question, return_tensors="pt", return_token_type_ids=False)
    best = int(model(pixel_values, dict(encoded)).argmax())
print(json.loads((run / "answers.json").read_text(encoding="utf-8"))["answers"][best]["answer"])
