"""Products of one input in one node, run by onnxruntime."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from exporters import graphs
from exporters.block_graphs import quantize_in_blocks
from exporters.blocks import BlockSettings
from exporters.graphs import Aside
from exporters.merging import merge_products

WIDTH, INNER, KEYS = 64, 96, 32
X = np.random.default_rng(3).standard_normal((1, 5, WIDTH)).astype(np.float32)


def feed_forward(*, shared: bool = False) -> ModelProto:
    """Gate · projection, as decoders have them, beside keys of fewer columns; ``shared``: of one weight."""
    random = np.random.default_rng(7)
    sizes = {"gate": (WIDTH, INNER), "up": (WIDTH, INNER), "keys": (WIDTH, KEYS), "down": (INNER, WIDTH)}
    weights = {name: random.standard_normal(shape).astype(np.float32) / 8 for name, shape in sizes.items()}
    up = "gate" if shared else "up"
    nodes = [
        helper.make_node("MatMul", ["x", "gate"], ["gated"], name="gate"),
        helper.make_node("MatMul", ["x", up], ["upped"], name="up"),
        helper.make_node("Mul", ["gated", "upped"], ["inner"]),
        helper.make_node("MatMul", ["inner", "down"], ["y"], name="down"),
        helper.make_node("MatMul", ["x", "keys"], ["k"], name="keys"),
    ]
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, "tokens", WIDTH])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", "k")],
        [numpy_helper.from_array(value, name) for name, value in weights.items() if name != "up" or not shared],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def quantized(bits: int, *, shared: bool = False) -> ModelProto:
    model = feed_forward(shared=shared)
    quantize_in_blocks(model, BlockSettings(bits, bits, bits, 32, 64, 4), Aside())
    return model


def outputs(model: ModelProto) -> list[np.ndarray]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(["y", "k"], {"x": X}))


@pytest.mark.parametrize("bits", [4, 8])
def test_products_of_one_input_become_one_and_answer_the_same(bits: int) -> None:
    apart, together = quantized(bits), quantized(bits)
    assert merge_products(together, Aside()) == 2
    products = [node for node in together.graph.node if node.op_type == "MatMulNBits"]
    assert [graphs.attribute(node, "N", 0) for node in products] == [2 * INNER + KEYS, WIDTH]
    assert len(graphs.weights_of(together)) == 5, "the weights there were are gone"
    for ours, theirs in zip(outputs(together), outputs(apart), strict=True):
        assert np.array_equal(ours, theirs)


def test_what_cannot_be_joined_is_left() -> None:
    shared = quantized(4, shared=True)
    before = outputs(shared)
    assert merge_products(shared, Aside()) == 0, "two products of one weight, and one alone"
    mixed = quantized(4)
    for node in mixed.graph.node:
        if node.name == "up":
            next(item for item in node.attribute if item.name == "accuracy_level").i = 0
        if node.name == "keys":
            next(item for item in node.attribute if item.name == "accuracy_level").i = 1
    assert merge_products(mixed, Aside()) == 0
    assert all(np.array_equal(a, b) for a, b in zip(outputs(shared), before, strict=True))
