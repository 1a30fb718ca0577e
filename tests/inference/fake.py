"""An answerer without a model, whose answer can be told from image and question."""

from __future__ import annotations

import numpy as np

from tests.tiny_runs import tiny_preprocessor, tiny_vocabulary
from vqa_cli.inference.answerer import Answerer, Floats, Ints
from vqa_cli.model_folder import Confidence


class FakeAnswerer(Answerer):
    """Each image's token is its mean brightness; a question's logits depend on it and its words.

    Remembers the sizes of all passes.
    """

    def __init__(self) -> None:
        super().__init__(tiny_preprocessor(), tiny_vocabulary(), Confidence(1.0, "softmax"))
        self.encoded: list[int] = []
        self.passes: list[tuple[int, int]] = []  # (B, Q)

    def encode_images(self, pixel_values: Floats) -> Floats:
        self.encoded.append(len(pixel_values))
        return pixel_values.mean(axis=(1, 2, 3), dtype=np.float64).astype(np.float32)[:, None, None]

    def logits(
        self, image_tokens: Floats, image_index: Ints, input_ids: Ints, attention_mask: Ints
    ) -> Floats:
        self.passes.append((len(image_tokens), len(input_ids)))
        words = (input_ids * attention_mask).sum(axis=1, keepdims=True)
        brightness = image_tokens[image_index][:, 0]
        classes = np.arange(len(self.vocabulary))
        return np.sin(100 * brightness + words + classes).astype(np.float32)

    def describe(self) -> str:
        return "a fake"
