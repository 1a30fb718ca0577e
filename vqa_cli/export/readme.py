"""The README.md of an exported folder."""

from __future__ import annotations

from typing import Any

from vqa_cli.models.checkpoint import Checkpoint

TEMPLATE = """\
# A visual question answering model

It answers a question about an image with one of {answers:,} answers, and says how sure it is.
Nothing but this folder is needed, neither torch nor a network.

    pip install vqa-cli
    vqa ask photo.jpg "what is on the table?" -m .

or, without vqa:

    pip install onnxruntime tokenizers numpy pillow
    python predict.py photo.jpg "what is on the table?"

## What is inside

| file | what it is |
| --- | --- |
| `image_encoder.onnx` | `pixel_values` -> `image_tokens` |
| `answerer.onnx` | `image_tokens`, `image_index`, `input_ids`, `attention_mask` -> `logits` |
| `preprocess.json` | how an image becomes `pixel_values`, and a question tokens |
| `tokenizer.json` | the tokenizer, as the `tokenizers` library reads it |
| `answers.json` | the answers, in the order of the logits |
| `calibration.json` | confidence = `ceiling` * `activation`(logits / `temperature`) |
| `config.json` | what the model is, and the versions that wrote it |
| `predict.py` | all of it in 80 lines of Python |
| `SHA256SUMS` | checksums: `sha256sum -c SHA256SUMS` |

| tensor | type | shape |
| --- | --- | --- |
| `pixel_values` | float32 | (B, 3, {height}, {width}) |
| `image_tokens` | float32 | (B, {tokens}, {width_of_tokens}) |
| `image_index` | int64 | (Q): whose image, 0 to B-1, each question is about |
| `input_ids`, `attention_mask` | int64 | (Q, L) |
| `logits` | float32 | (Q, {answers}) |

The graphs use ONNX opset {opset}. B images, Q questions and L tokens are free: any number of
questions about any number of images in one call, and an image with many questions is encoded once.

## The model

| | |
| --- | --- |
| image encoder | {image_encoder}, {height} x {width} pixels |
| question encoder | {question_encoder}, up to {max_question_tokens} tokens |
| fusion | {fusion} |
| parameters | {parameters:,} |
| most frequent answers | {examples} |
"""


def readme(config: dict[str, Any], checkpoint: Checkpoint) -> str:
    """Fill the template; `config` is the content of the folder's config.json."""
    height, width = config["image_size"]
    examples = ", ".join(checkpoint.vocabulary.answers[:10])
    return TEMPLATE.format(
        **config,
        height=height,
        width=width,
        tokens=checkpoint.model.image_encoder.tokens,
        width_of_tokens=checkpoint.model.image_encoder.width,
        max_question_tokens=checkpoint.preprocessor.max_question_tokens,
        examples=examples.replace("|", "\\|").replace("\n", " "),
    )
