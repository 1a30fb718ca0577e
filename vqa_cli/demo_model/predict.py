"""Answer questions about an image: python predict.py IMAGE QUESTION...

Needs this folder alone, and: pip install onnxruntime tokenizers numpy pillow
"""

import json
import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from PIL import Image, ImageOps
from tokenizers import Tokenizer

HERE, GRAPHS = Path(__file__).resolve().parent, ("image_encoder", "answerer")


def read_json(name: str) -> Any:
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def read_image(path: str) -> Image.Image:
    """Upright RGB: 16-bit grey scaled to 8 bits, transparency over white."""
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened)
    if image.mode == "I" or image.mode.startswith("I;16"):
        values = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        image = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return image.convert("RGB")


def pixel_values(image: Image.Image, settings: dict[str, Any]) -> np.ndarray:
    """RGB image -> float32 (1, 3, H, W)."""
    height, width, mean = settings["height"], settings["width"], settings["mean"]
    size = width, height
    if settings["resize"] == "letterbox":
        ratio = max(image.height / height, image.width / width)
        size = tuple(max(1, round(side / ratio)) for side in image.size)
    resampling = Image.Resampling[settings["interpolation"].upper()]
    canvas = Image.new("RGB", (width, height), tuple(round(255 * value) for value in mean))
    canvas.paste(image.resize(size, resampling), ((width - size[0]) // 2, (height - size[1]) // 2))
    values = np.asarray(canvas).astype(np.float32) / np.float32(255)
    values = (values - np.float32(mean)) / np.float32(settings["std"])
    return values.transpose(2, 0, 1)[None]


def predict(image: str, questions: list[str]) -> list[tuple[str, float]]:
    """Give the best answer to each question and its confidence."""
    preprocess, calibration = read_json("preprocess.json"), read_json("calibration.json")
    tokenizer = Tokenizer.from_file(str(HERE / "tokenizer.json"))
    tokenizer.enable_truncation(preprocess["max_question_tokens"])
    tokenizer.enable_padding(pad_id=preprocess["pad_token_id"])
    texts = [" ".join(unicodedata.normalize("NFC", question).split()) for question in questions]
    encoded = tokenizer.encode_batch(texts)
    image_encoder, answerer = (ort.InferenceSession(HERE / f"{name}.onnx") for name in GRAPHS)
    inputs = {"pixel_values": pixel_values(read_image(image), preprocess["image"])}
    inputs = {
        "image_tokens": image_encoder.run(None, inputs)[0],
        "image_index": np.zeros(len(texts), dtype=np.int64),  # all about the one image
        "input_ids": np.array([one.ids for one in encoded], dtype=np.int64),
        "attention_mask": np.array([one.attention_mask for one in encoded], dtype=np.int64),
    }
    logits = answerer.run(None, inputs)[0].astype(np.float64) / calibration["temperature"]
    sigmoid = calibration["activation"] == "sigmoid"
    total = np.logaddexp(0, logits) if sigmoid else np.logaddexp.reduce(logits, -1, keepdims=True)
    scores = calibration["ceiling"] * np.exp(logits - total)
    answers = [entry["answer"] for entry in read_json("answers.json")["answers"]]
    return [(answers[row.argmax()], row.max()) for row in scores]


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    for answer, confidence in predict(sys.argv[1], sys.argv[2:]):
        print(f"{answer}\t{confidence:.2f}")
