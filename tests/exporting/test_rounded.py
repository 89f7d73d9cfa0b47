"""Weights that were rounded beforehand, found again row by row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from exporters.blocks import Blocks, BlockSettings, quantize_blocks, quantize_in_blocks
from exporters.layerwise import NOTHING_ROUNDED, Rounded

RANDOM = np.random.default_rng(9)
QUERIES, KEYS = (RANDOM.standard_normal((count, 64)).astype(np.float32) for count in (32, 16))


def marked(rows: np.ndarray, value: int) -> Blocks:
    """Blocks that no rounding would give."""
    blocks = quantize_blocks(rows, 4, 32)
    return Blocks(np.full_like(blocks.values, value), blocks.scales)


def rounded() -> Rounded:
    made = Rounded()
    made.add(QUERIES, 4, marked(QUERIES, 3))
    made.add(KEYS, 4, marked(KEYS, 12))
    return made


def test_joined_turned_and_cut_weights_are_found_by_their_rows() -> None:
    found = rounded().find(np.concatenate([KEYS[4:], QUERIES]), 4)
    assert found is not None
    assert found.values.shape == (44, 2, 32)
    assert [set(found.values[:12].ravel()), set(found.values[12:].ravel())] == [{12}, {3}]
    assert np.array_equal(found.scales[12:], quantize_blocks(QUERIES, 4, 32).scales)
    assert rounded().matrices == 2


def test_other_weights_and_other_bits_are_not_found() -> None:
    assert rounded().find(QUERIES, 8) is None
    assert rounded().find(np.concatenate([QUERIES, QUERIES[:1] + 1]), 4) is None
    assert NOTHING_ROUNDED.find(QUERIES, 4) is None


def test_a_graph_gets_what_was_rounded() -> None:
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "turned"], ["a"], name="known"),
            helper.make_node("MatMul", ["a", "other"], ["b"], name="unknown"),
            helper.make_node("Relu", ["b"], ["y"]),
        ],
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(np.ascontiguousarray(QUERIES.T), "turned"),
            numpy_helper.from_array(RANDOM.standard_normal((32, 32)).astype(np.float32), "other"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    assert quantize_in_blocks(model, BlockSettings(4, 8, 4, 32, 64, 4), Path(), rounded().find) == 2
    weights = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    assert set(weights["turned_turned_blocks"].ravel()) == {0x33}
    assert len(set(weights["other_turned_blocks"].ravel())) > 16
