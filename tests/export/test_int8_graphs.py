from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from vqa_cli.export.int8_graphs import (
    int8,
    matrices,
    quantize_convolutions,
    quantize_matrices,
    quantize_tables,
)

RNG = np.random.default_rng(0)
FLOAT, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
W, V = 64, 128


def graph(
    nodes: list[onnx.NodeProto], constants: dict[str, NDArray[np.float32]]
) -> onnx.ModelProto:
    """input_ids (Q,L) -> logits (Q,L,W), or rows (R,W) -> logits, by what the nodes take."""
    taken = {name for node in nodes for name in node.input}
    inputs = [helper.make_tensor_value_info("input_ids", INT64, ["Q", "L"])] * (
        "input_ids" in taken
    ) + [helper.make_tensor_value_info("rows", FLOAT, ["R", W])] * ("rows" in taken)
    rank = 3 if "input_ids" in taken else 2
    output = helper.make_tensor_value_info("logits", FLOAT, [None] * rank)
    weights = [numpy_helper.from_array(values, name) for name, values in constants.items()]
    made = helper.make_graph(nodes, "graph", inputs, [output], weights)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def run(proto: onnx.ModelProto, **inputs: NDArray[np.generic]) -> NDArray[np.float32]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    content = proto.SerializeToString()
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)[0]


def normal(*shape: int) -> NDArray[np.float32]:
    return RNG.standard_normal(shape).astype(np.float32)


def product(operator: str) -> onnx.ModelProto:
    if operator == "MatMul":
        return graph(
            [helper.make_node("MatMul", ["rows", "w"], ["logits"], name="m")], {"w": normal(W, V)}
        )
    gemm = helper.make_node("Gemm", ["rows", "w", "b"], ["logits"], name="m", transB=1)
    return graph([gemm], {"w": normal(V, W), "b": 10 * normal(V)})


@pytest.mark.parametrize("operator", ["MatMul", "Gemm"])
def test_a_product_says_nearly_the_same_in_int8(operator: str) -> None:
    proto, rows = product(operator), normal(5, W)
    wanted, size = run(proto, rows=rows), proto.ByteSize()
    quantize_matrices(proto)
    onnx.checker.check_model(proto, full_check=True)
    found = run(proto, rows=rows)
    assert 0 < np.abs(found - wanted).max() < 0.02 * np.abs(wanted).max()
    assert proto.ByteSize() < 0.4 * size


def test_no_row_has_a_say_in_another() -> None:
    """An outlier would spoil a range that all rows share."""
    proto, rows = product("MatMul"), normal(5, W)
    quantize_matrices(proto)
    alone = run(proto, rows=rows[:1])
    rows[1:] *= 1e4
    np.testing.assert_array_equal(run(proto, rows=rows)[:1], alone)


def test_rows_of_zeros_and_of_any_size_are_no_trouble() -> None:
    proto = product("MatMul")
    quantize_matrices(proto)
    rows = np.float32([[0], [1e-10], [1e10]]) * np.ones((1, W), dtype=np.float32)
    found = run(proto, rows=rows)
    assert np.isfinite(found).all()
    assert not found[0].any()
    np.testing.assert_allclose(found[2] / 1e10, found[1] / 1e-10, rtol=1e-3)


def test_what_is_to_stay_float_stays() -> None:
    proto = product("MatMul")
    assert matrices(proto) == ["m"]
    before = proto.SerializeToString(deterministic=True)
    quantize_matrices(proto, floats=["m"])
    assert proto.SerializeToString(deterministic=True) == before


def test_products_of_what_is_computed_and_small_ones_stay_float() -> None:
    scores = helper.make_node("MatMul", ["rows", "turned"], ["scores"], name="scores")
    turned = helper.make_node("Transpose", ["rows"], ["turned"])
    small = helper.make_node("MatMul", ["rows", "w"], ["few"], name="small")
    both = helper.make_node("Concat", ["scores", "few"], ["logits"], axis=1)
    assert matrices(graph([turned, scores, small, both], {"w": normal(W, 3)})) == []


def test_one_source_of_several_products_is_scaled_once() -> None:
    nodes = [
        helper.make_node("MatMul", ["rows", "a"], ["x"], name="a"),
        helper.make_node("MatMul", ["rows", "b"], ["y"], name="b"),
        helper.make_node("Add", ["x", "y"], ["logits"]),
    ]
    proto = graph(nodes, {"a": normal(W, V), "b": normal(W, V)})
    quantize_matrices(proto)
    operators = [node.op_type for node in proto.graph.node]
    assert (operators.count("Div"), operators.count("MatMul")) == (1, 2)


def test_a_table_is_looked_up_in_int8_and_only_its_rows_are_scaled_back() -> None:
    lookup = helper.make_node("Gather", ["table", "input_ids"], ["logits"])
    table = normal(V, W) * np.geomspace(1e-3, 1e3, V, dtype=np.float32)[:, None]
    proto = graph([lookup], {"table": table})
    ids = np.array([[0, V - 1], [5, 5]])
    size = proto.ByteSize()
    quantize_tables(proto)
    onnx.checker.check_model(proto, full_check=True)
    found = run(proto, input_ids=ids)
    limit = np.abs(table[ids]).max(axis=-1, keepdims=True) / 127
    assert (np.abs(found - table[ids]) <= 0.51 * limit).all()
    assert proto.ByteSize() < 0.35 * size
    assert {node.op_type for node in proto.graph.node} == {"Gather", "Cast", "Mul"}


def test_int8_uses_the_whole_range_and_knows_zero() -> None:
    rounded, scale = int8(np.float32([[1, -2], [0, 0]]), axis=1)
    assert rounded.tolist() == [[64, -127], [0, 0]]
    assert scale.tolist() == [np.float32(2) / np.float32(127), 1]


def network(convolutions: int) -> onnx.ModelProto:
    nodes, constants, source = [], {}, "pixel_values"
    for place in range(convolutions):
        constants[f"w{place}"] = normal(8, 3 if place == 0 else 8, 3, 3) * 0.2
        nodes += [
            helper.make_node("Conv", [source, f"w{place}"], [f"c{place}"], name=f"conv{place}"),
            helper.make_node("Relu", [f"c{place}"], [f"r{place}"], name=f"relu{place}"),
        ]
        source = f"r{place}"
    nodes[-1].output[0] = "image_tokens"
    made = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("pixel_values", FLOAT, ["images", 3, 16, 16])],
        [helper.make_tensor_value_info("image_tokens", FLOAT, ["images", 8, None, None])],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def test_convolutions_compute_in_int8_but_for_the_first(capfd: pytest.CaptureFixture[str]) -> None:
    proto, images = network(4), [normal(1, 3, 16, 16) for _ in range(4)]
    quantized = quantize_convolutions(proto, images, floats=1)
    assert capfd.readouterr() == ("", "")
    operators = [node.op_type for node in quantized.graph.node]
    assert (operators.count("Conv"), operators.count("QLinearConv")) == (1, 3)
    assert {one.domain for one in quantized.opset_import} <= {"", "com.microsoft"}
    wanted = run(proto, pixel_values=images[0])
    found = run(quantized, pixel_values=images[0])
    assert np.abs(found - wanted).max() < 0.1 * np.abs(wanted).max()


def test_no_image_has_a_say_in_another() -> None:
    images = [normal(1, 3, 16, 16) for _ in range(4)]
    quantized = quantize_convolutions(network(3), images, floats=1)
    several = np.concatenate([images[0], 100 * images[1], images[2]])
    together = run(quantized, pixel_values=several)
    np.testing.assert_array_equal(together[:1], run(quantized, pixel_values=images[0]))


def test_the_same_images_give_the_same_bytes(tmp_path: Path) -> None:
    proto, images = network(3), [normal(1, 3, 16, 16) for _ in range(4)]
    first, second = (
        quantize_convolutions(proto, images, floats=1).SerializeToString(deterministic=True)
        for _ in range(2)
    )
    assert first == second


def test_a_network_whose_convolutions_all_stay_float_is_left_alone() -> None:
    proto = network(2)
    assert quantize_convolutions(proto, [], floats=2) is proto
