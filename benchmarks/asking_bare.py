"""The least that answers by onnxruntime: a peer of `vqa ask`, for `benchmarks/asking.py`.

    python benchmarks/asking_bare.py EXPORT IMAGE QUESTION

It imports the four libraries, loads the two graphs with onnxruntime's own settings, and runs them
once. Nothing is checked, neither files nor image.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
from PIL import Image
from tokenizers import Tokenizer

folder, image, question = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
image_encoder = ort.InferenceSession(folder / "image_encoder.onnx")
answerer = ort.InferenceSession(folder / "answerer.onnx")
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
transform = json.loads((folder / "preprocess.json").read_text())["image"]
resized = Image.open(image).convert("RGB").resize((transform["width"], transform["height"]))
pixels = np.asarray(resized, dtype=np.float32) / 255
pixels = (pixels - np.float32(transform["mean"])) / np.float32(transform["std"])
pixel_values = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])
input_ids = np.array([tokenizer.encode(question).ids])
inputs = {
    "image_tokens": image_encoder.run(None, {"pixel_values": pixel_values})[0],
    "image_index": np.zeros(1, np.int64),
    "input_ids": input_ids,
    "attention_mask": np.ones_like(input_ids),
}
best = int(answerer.run(None, inputs)[0][0].argmax())
print(json.loads((folder / "answers.json").read_text(encoding="utf-8"))["answers"][best]["answer"])
