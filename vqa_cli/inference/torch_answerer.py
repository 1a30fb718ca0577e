"""Answers from a run folder, by torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from vqa_cli.config import DeviceSettings
from vqa_cli.data.preprocessor import Preprocessor
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.device import Device, apply_threads, choose_device
from vqa_cli.inference.answerer import Answerer, Floats, Ints
from vqa_cli.inference.stored_tokens import StoredTokens
from vqa_cli.model_folder import Confidence
from vqa_cli.models.checkpoint import load_checkpoint
from vqa_cli.models.extraction import open_image_store
from vqa_cli.models.vqa_model import VQAModel


class TorchAnswerer(Answerer):
    """Runs a `VQAModel` in evaluation mode; the model is moved to the device."""

    def __init__(
        self,
        model: VQAModel,
        preprocessor: Preprocessor,
        vocabulary: AnswerVocabulary,
        confidence: Confidence,
        device: Device,
    ) -> None:
        super().__init__(preprocessor, vocabulary, confidence)
        self.model = model.eval().to(device.name)
        self.device = device
        if device.type != "cpu":
            self.image_batch = 64

    @torch.inference_mode()
    def encode_images(self, pixel_values: Floats) -> Floats:
        images = self._tensor(pixel_values).contiguous(memory_format=torch.channels_last)
        with self._autocast():
            return _array(self.model.encode_images(images))

    @torch.inference_mode()
    def logits(
        self, image_tokens: Floats, image_index: Ints, input_ids: Ints, attention_mask: Ints
    ) -> Floats:
        arrays = (image_tokens, image_index, input_ids, attention_mask)
        with self._autocast():
            return _array(self.model.answer(*[self._tensor(array) for array in arrays]))

    @torch.inference_mode()
    def attention(
        self, image_tokens: Floats, image_index: Ints, input_ids: Ints, attention_mask: Ints
    ) -> Floats | None:
        arrays = (image_tokens, image_index, input_ids, attention_mask)
        grid = self.model.image_encoder.grid
        with self._autocast():
            weights = self.model.attention(*[self._tensor(array) for array in arrays])
        if weights is None or grid is None:
            return None
        return _array(weights[:, -grid[0] * grid[1] :].unflatten(1, grid))

    def look_up(self, features: Path, digests: Mapping[Path, str]) -> StoredTokens | None:
        if features.is_dir():  # without one, no need for the digest of all weights
            encoder, transform = self.model.image_encoder, self.preprocessor.transform
            store = open_image_store(features, encoder, transform, self.device)
            self.stored = StoredTokens(store, digests)
        return self.stored

    def describe(self) -> str:
        return f"torch {torch.__version__}, {self.device.describe()}"

    def _tensor(self, array: Floats | Ints) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device.name)

    def _autocast(self) -> torch.autocast:
        wanted = self.device.precision == "bfloat16"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=wanted)


def load_run(folder: Path, settings: DeviceSettings) -> TorchAnswerer:
    """Load a run folder.

    Raises ModelError where a file is missing, damaged or newer; DeviceError where the device that
    `settings` names is absent.
    """
    device = choose_device(settings)
    apply_threads(device)
    checkpoint = load_checkpoint(folder)
    return TorchAnswerer(
        checkpoint.model,
        checkpoint.preprocessor,
        checkpoint.vocabulary,
        checkpoint.confidence,
        device,
    )


def _array(tensor: torch.Tensor) -> Floats:
    return tensor.float().cpu().numpy()
