"""From the model to its two ONNX graphs: the same bytes every time, with nothing of this machine.

Shapes: B images, Q questions, N image tokens, L question tokens, D width, A answers.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.export import Dim

from vqa_cli.errors import ModelError
from vqa_cli.models.vqa_model import VQAModel

OPSET = 20
"""Has Gelu and LayerNormalization as single operators; known to onnxruntime since 1.17."""

MAX_BYTES = 2**31 - 1
"""A protobuf file cannot be larger, and the weights are inside it."""

# What is traced: sizes that differ from one another and from 0 and 1, which torch.export would
# take for constants.
TRACED_IMAGES, TRACED_QUESTIONS, TRACED_TOKENS = 2, 3, 7


class _ImageEncoder(nn.Module):
    def __init__(self, model: VQAModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: Tensor) -> Tensor:
        return self.model.encode_images(pixel_values)


class _Answerer(nn.Module):
    def __init__(self, model: VQAModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, image_tokens: Tensor, image_index: Tensor, input_ids: Tensor, attention_mask: Tensor
    ) -> Tensor:
        return self.model.answer(image_tokens, image_index, input_ids, attention_mask)


def export_image_encoder(model: VQAModel, path: Path) -> None:
    """Write the graph pixel_values (B,3,H,W) -> image_tokens (B,N,D); B is free.

    Raises ModelError where the encoder cannot be written as ONNX.
    """
    height, width = model.image_encoder.config.image_size
    images = Dim("images")
    _export(
        _ImageEncoder(model),
        {"pixel_values": torch.zeros(TRACED_IMAGES, 3, height, width)},
        {"pixel_values": {0: images}},
        "image_tokens",
        path,
    )


def export_answerer(model: VQAModel, path: Path) -> None:
    """Write the graph that answers; B, Q and L are free.

    image_tokens (B,N,D), image_index (Q,), input_ids (Q,L), attention_mask (Q,L) -> logits (Q,A).

    Raises ModelError where the model cannot be written as ONNX.
    """
    encoder = model.image_encoder
    shape = (TRACED_QUESTIONS, TRACED_TOKENS)
    attention_mask = torch.ones(shape, dtype=torch.long)
    attention_mask[1, -3:] = 0  # a padded question, so that no step takes the mask for full
    images, questions, tokens = Dim("images"), Dim("questions"), Dim("tokens")
    _export(
        _Answerer(model),
        {
            "image_tokens": torch.zeros(TRACED_IMAGES, encoder.tokens, encoder.width),
            "image_index": torch.tensor([0, 1, 1]),
            "input_ids": torch.zeros(shape, dtype=torch.long),
            "attention_mask": attention_mask,
        },
        {
            "image_tokens": {0: images},
            "image_index": {0: questions},
            "input_ids": {0: questions, 1: tokens},
            "attention_mask": {0: questions, 1: tokens},
        },
        "logits",
        path,
    )


def _export(
    module: nn.Module,
    inputs: dict[str, Tensor],
    dynamic_shapes: dict[str, dict[int, Any]],
    output: str,
    path: Path,
) -> None:
    try:
        with torch.no_grad(), quiet():
            program = torch.onnx.export(
                module.eval(),
                kwargs=inputs,
                dynamo=True,
                dynamic_shapes=dynamic_shapes,
                input_names=list(inputs),
                output_names=[output],
                opset_version=OPSET,
                external_data=False,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise ModelError(
            f"{path.name}: this model cannot be written as ONNX: {_root_cause(error)}"
        ) from error
    assert program is not None  # torch.onnx.export returns None only without dynamo
    save(program.model_proto, path)


def save(proto: onnx.ModelProto, path: Path) -> None:
    """Strip a graph and write it, weights and all, into one file; the same graph, the same bytes.

    Raises ModelError where it is too large for that.
    """
    strip(proto)
    if proto.ByteSize() > MAX_BYTES:
        raise ModelError(
            f"{path.name} would have {proto.ByteSize() / 1e9:.1f} GB; one ONNX file holds 2 GB at"
            " most: choose smaller encoders"
        )
    path.write_bytes(proto.SerializeToString(deterministic=True))


def strip(proto: onnx.ModelProto) -> None:
    """Remove what the exporter notes for debugging: source lines with paths, and module names."""
    proto.doc_string = ""
    del proto.metadata_props[:]
    for graph in _graphs(proto.graph):
        graph.doc_string = ""
        del graph.metadata_props[:]
        values: Sequence[Any] = [*graph.input, *graph.output, *graph.value_info, *graph.initializer]
        for noted in [*graph.node, *values]:
            noted.doc_string = ""
            del noted.metadata_props[:]
    for function in proto.functions:
        function.doc_string = ""
        del function.metadata_props[:]
        for node in function.node:
            node.doc_string = ""
            del node.metadata_props[:]


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yield a graph and the graphs inside its nodes (the branches of an If, the body of a Loop)."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [attribute.g] * attribute.HasField("g") + list(attribute.graphs):
                yield from _graphs(inner)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the exporter's own remarks out of stderr; what it cannot do, it raises."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _root_cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
