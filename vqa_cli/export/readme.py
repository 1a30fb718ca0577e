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
| parameters | {parameters:,}{weights} |
| most frequent answers | {examples} |
"""

INT8 = """
## int8

The weights of matrices, embeddings and convolutions are 8-bit integers, and so is what they are
multiplied with. Norms, softmax, attention scores and recurrent cells stay float, as do {float}.
The confidences were fitted anew. An answer does not depend on what else is asked beside it: ranges
are fixed, or those of its own tokens. Some operators are onnxruntime's own.

| val, {val_questions:,} questions | float | int8 |
| --- | --- | --- |
| accuracy | {val_accuracy_before:.4f} | {val_accuracy:.4f} |
"""


def readme(config: dict[str, Any], checkpoint: Checkpoint) -> str:
    """Fill the template; `config` is the content of the folder's config.json."""
    height, width = config["image_size"]
    examples = ", ".join(checkpoint.vocabulary.answers[:10])
    quantization = config["quantization"]
    text = TEMPLATE.format(
        **config,
        weights=", most of them int8" if quantization else "",
        height=height,
        width=width,
        tokens=checkpoint.model.image_encoder.tokens,
        width_of_tokens=checkpoint.model.image_encoder.width,
        max_question_tokens=checkpoint.preprocessor.max_question_tokens,
        examples=examples.replace("|", "\\|").replace("\n", " "),
    )
    return text + INT8.format(**quantization) if quantization else text
