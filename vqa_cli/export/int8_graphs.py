"""From a float graph to one whose weights are int8, so that no answer depends on its batch.

Three rewrites, each for what the others cannot do:

- `quantize_matrices`: products with a constant matrix. Each row of the other factor, which is one
  token of one question, is divided by its own largest value and then has one fixed scale (LLM.int8,
  Dettmers et al. 2022, arXiv:2208.07339, section 3.1). No other row has a say in that, and no
  calibration is needed, which a transformer's outliers would spoil.
- `quantize_tables`: embeddings. The rows that are looked up are scaled back, the table never is.
- `quantize_convolutions`: onnxruntime's static quantisation, with ranges of real images: one fixed
  range for each tensor, so no image has a say in another's.

Weights are symmetric, with one scale for each output channel or row. All else stays float: norms,
softmax, attention scores, recurrent cells.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from vqa_cli.export.onnx_export import quiet

SMALLEST = 4096
"""Values in a matrix: of smaller ones the scales and additional steps cost more than they save."""

LEVELS = 127
"""Of an int8 on either side of zero."""

STATIC = ("Add", "Clip", "Conv", "MaxPool", "Relu", "Reshape", "Transpose")
"""Operators of a convolutional network that compute in int8."""

ACTIVATIONS = ("Clip", "Relu")

Constants = dict[str, Any]
"""numpy arrays and scalars, by the name of the initializer that they become."""

DOMAINS = ("", "com.microsoft")
"""Operator sets that the graphs use; onnxruntime's optimiser names all that it knows."""


def matrices(proto: onnx.ModelProto) -> list[str]:
    """The names of the nodes that `quantize_matrices` can rewrite, in the order they run."""
    weights = {one.name: one for one in proto.graph.initializer}
    return [node.name for node in proto.graph.node if _is_product(node, weights)]


def _is_product(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto]) -> bool:
    if node.op_type not in ("MatMul", "Gemm") or node.input[1] not in weights:
        return False
    weight = weights[node.input[1]]
    plain = all(
        attribute.name == "transB"
        or (attribute.name == "transA" and not attribute.i)
        or (attribute.name in ("alpha", "beta") and attribute.f == 1)
        for attribute in node.attribute
    )
    return plain and len(weight.dims) == 2 and int(np.prod(weight.dims)) >= SMALLEST


def quantize_matrices(proto: onnx.ModelProto, floats: Collection[str] = ()) -> None:
    """Rewrite, in place, every product with a constant matrix but those of the nodes `floats`."""
    weights = {one.name: one for one in proto.graph.initializer}
    constants: Constants = {
        "int8.step": np.float32(1 / LEVELS),
        "int8.middle": np.uint8(128),
        "int8.least": np.float32(1e-12),  # a row of zeros is divided by it
        "int8.last_axis": np.array([-1], dtype=np.int64),
    }
    nodes: list[onnx.NodeProto] = []
    scaled: set[str] = set()
    for node in proto.graph.node:
        if node.name in floats or not _is_product(node, weights):
            nodes.append(node)
            continue
        source, weight = node.input[0], node.input[1]
        if source not in scaled:
            nodes += _scale_rows(source)
            scaled.add(source)
        transposed = any(one.name == "transB" and one.i for one in node.attribute)
        values = numpy_helper.to_array(weights[weight])
        values = values.T if transposed else values
        name = f"{weight}.{'transposed.' * transposed}int8"
        constants[name], constants[f"{name}.scale"] = int8(values, axis=0)
        nodes += _product(node, name)
    _replace(proto.graph, nodes, constants)


def _scale_rows(source: str) -> list[onnx.NodeProto]:
    """Divide each row of `source` by its largest magnitude, and round it to 8 bits."""
    return [
        helper.make_node("Abs", [source], [f"{source}.abs"]),
        helper.make_node("ReduceMax", [f"{source}.abs", "int8.last_axis"], [f"{source}.max"]),
        helper.make_node("Max", [f"{source}.max", "int8.least"], [f"{source}.size"]),
        helper.make_node("Div", [source, f"{source}.size"], [f"{source}.unit"]),
        helper.make_node(
            "QuantizeLinear",
            [f"{source}.unit", "int8.step", "int8.middle"],
            [f"{source}.uint8"],
        ),
        helper.make_node(
            "DequantizeLinear",
            [f"{source}.uint8", "int8.step", "int8.middle"],
            [f"{source}.rounded"],
        ),
    ]


def _product(node: onnx.NodeProto, weight: str) -> list[onnx.NodeProto]:
    """Multiply in the form that onnxruntime fuses into one product of integers."""
    source, output = node.input[0], node.output[0]
    bias = list(node.input[2:])
    scaled = f"{output}.without_bias" if bias else output
    nodes = [
        helper.make_node(
            "DequantizeLinear", [weight, f"{weight}.scale"], [f"{output}.weight"], axis=1
        ),
        helper.make_node(
            "MatMul",
            [f"{source}.rounded", f"{output}.weight"],
            [f"{output}.of_units"],
            name=node.name,
        ),
        helper.make_node("Mul", [f"{output}.of_units", f"{source}.size"], [scaled]),
    ]
    return nodes + [helper.make_node("Add", [scaled, one], [output]) for one in bias]


def quantize_tables(proto: onnx.ModelProto) -> None:
    """Rewrite, in place, every table that rows are looked up in: int8, with a scale a row."""
    weights = {one.name: one for one in proto.graph.initializer}
    constants: Constants = {}
    nodes: list[onnx.NodeProto] = []
    for node in proto.graph.node:
        table = weights.get(node.input[0]) if node.op_type == "Gather" else None
        if table is None or len(table.dims) != 2 or int(np.prod(table.dims)) < SMALLEST:
            nodes.append(node)
            continue
        values = numpy_helper.to_array(table)
        if values.dtype != np.float32 or any(one.i for one in node.attribute):  # another axis
            nodes.append(node)
            continue
        name, output = f"{table.name}.int8", node.output[0]
        constants[name], scale = int8(values, axis=1)
        constants[f"{name}.scale"] = scale[:, None]
        nodes += [
            helper.make_node("Gather", [name, node.input[1]], [f"{output}.int8"]),
            helper.make_node("Gather", [f"{name}.scale", node.input[1]], [f"{output}.scale"]),
            helper.make_node(
                "Cast", [f"{output}.int8"], [f"{output}.units"], to=onnx.TensorProto.FLOAT
            ),
            helper.make_node("Mul", [f"{output}.units", f"{output}.scale"], [output]),
        ]
    _replace(proto.graph, nodes, constants)


def int8(values: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round a matrix to int8 with scales: `axis` is reduced, each of the other one has a scale."""
    scale = np.abs(values).max(axis=axis, keepdims=True) / np.float32(LEVELS)
    scale[scale == 0] = 1
    rounded = np.rint(values / scale).astype(np.int8)
    return rounded, scale.squeeze(axis).astype(np.float32)


def _replace(graph: onnx.GraphProto, nodes: list[onnx.NodeProto], constants: Constants) -> None:
    """Give the graph these nodes and further constants, and drop the constants without a use.

    The shapes that the graph tells of its tensors stay: onnxruntime fuses less without them.
    """
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [one for one in graph.initializer if one.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(values), name)
        for name, values in constants.items()
        if name in used
    )


class _Images(CalibrationDataReader):
    def __init__(self, images: Iterable[NDArray[np.float32]]) -> None:
        self._images: Iterator[NDArray[np.float32]] = iter(images)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        image = next(self._images, None)
        return None if image is None else {"pixel_values": image}


def quantize_convolutions(
    proto: onnx.ModelProto, images: Iterable[NDArray[np.float32]], *, floats: int
) -> onnx.ModelProto:
    """Return the graph of an image encoder with its convolutions in int8.

    images: pixel_values (1,3,H,W) to find the ranges of the activations with.
    floats: so many of the first convolutions stay float. Pixels that differ little become few
        levels there, and the error goes through all that follows.
    """
    convolutions = [node for node in proto.graph.node if node.op_type == "Conv"]
    kept = convolutions[:floats]
    if len(kept) == len(convolutions):
        return proto
    outputs = {node.output[0] for node in kept}
    names = [node.name for node in kept] + [
        node.name
        for node in proto.graph.node
        if node.op_type in ACTIVATIONS and node.input[0] in outputs
    ]
    with tempfile.TemporaryDirectory() as folder, quiet():
        given, before, after = (Path(folder) / f"{name}.onnx" for name in ("given", "in", "out"))
        onnx.save(proto, given)  # a graph that is passed as such would lose its weights to a file
        # It knows the shapes of all tensors afterwards, without which no tensor is quantised. The
        # symbolic inference of onnxruntime gives up on some graphs; that of onnx suffices.
        quant_pre_process(given, before, skip_symbolic_shape=True)
        quantize_static(
            before,
            after,
            _Images(images),
            # As fast as QDQ, and loaded in half the time: nothing is left to be fused.
            quant_format=QuantFormat.QOperator,
            op_types_to_quantize=list(STATIC),
            nodes_to_exclude=names,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        quantized = onnx.load(after)
    own = [one for one in quantized.opset_import if one.domain in DOMAINS]
    del quantized.opset_import[:]
    quantized.opset_import.extend(own)
    return quantized
