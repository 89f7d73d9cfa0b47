"""Weights that were rounded beforehand, found again row by row."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from exporters.block_graphs import quantize_in_blocks
from exporters.blocks import Blocks, BlockSettings, Factors, quantize_blocks
from exporters.graphs import Aside, attribute
from exporters.rounded import NOTHING_ROUNDED, Rounded

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


def test_other_weights_and_other_bits_are_not_found() -> None:
    assert rounded().find(QUERIES, 8) is None
    assert rounded().find(np.concatenate([QUERIES, QUERIES[:1] + 1]), 4) is None
    assert NOTHING_ROUNDED.find(QUERIES, 4) is None


def test_bits_are_known_by_any_row_but_those_of_zeros() -> None:
    made = rounded()
    made.leave(1, 8)
    assert made.bits_of(QUERIES, 0) == 4
    assert made.bits_of(np.asfortranarray(KEYS[2:]), 0) == 8, "whatever it was rounded to"
    assert made.find(KEYS, 4) is None
    assert made.find(KEYS, 8) is None
    empty = np.zeros((2, 64), np.float32)
    made.add(empty, 4, marked(empty, 8))
    assert made.bits_of(np.concatenate([empty, QUERIES + 1]), 5) == 5
    assert made.bits_of(empty, 5) == 5
    assert NOTHING_ROUNDED.bits_of(QUERIES, 5) == 5


def test_rows_that_several_weights_have_are_found_in_each() -> None:
    made = Rounded()
    cut = [np.concatenate([rows, np.zeros((2, 64), np.float32), rows[:1] + 1]) for rows in (QUERIES, KEYS)]
    numbers = [made.add(rows, 4, marked(rows, value)) for rows, value in zip(cut, (3, 12), strict=True)]
    made.leave(numbers[0], 8)
    found = made.find(cut[1], 4)
    assert found is not None
    assert set(found.values[: len(KEYS)].ravel()) == {12}
    assert made.find(cut[0], 4) is None


def test_a_weight_that_is_there_twice_has_one_number_and_as_many_bits() -> None:
    made = rounded()
    assert made.add(KEYS.copy(), 4, marked(KEYS, 5)) == 1
    assert made.add(QUERIES[:16], 4, marked(QUERIES[:16], 5)) == 2, "only a part"
    found = made.find(KEYS, 4)
    assert found is not None
    assert set(found.values.ravel()) == {12}
    made.leave(2, 8)
    assert made.bits_of(QUERIES, 0) == 8, "of rows in several weights the most is meant"


def test_a_weight_may_have_bits_without_being_rounded() -> None:
    made = rounded()
    made.add(QUERIES + 1, 8)
    assert made.bits_of(QUERIES + 1, 0) == 8
    assert made.find(QUERIES + 1, 8) is None


def test_a_head_is_one_behind_a_bias_and_a_cap_too() -> None:
    rows = RANDOM.standard_normal((32, 64)).astype(np.float32)
    steps = [
        helper.make_node("MatMul", ["x", "inner"], ["a"], name="inner"),
        helper.make_node("Add", ["a", "x"], ["b"]),
        helper.make_node("MatMul", ["b", "head"], ["c"], name="head"),
        helper.make_node("Add", ["c", "bias"], ["d"]),
        helper.make_node("Tanh", ["d"], ["e"]),
        helper.make_node("Constant", [], ["cap"], value_float=30.0),
        helper.make_node("Mul", ["e", "cap"], ["y"]),
    ]
    weights = {"inner": np.concatenate([rows, rows + 1]).T, "head": rows.T, "bias": np.zeros(32, np.float32)}
    graph = helper.make_graph(
        steps,
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    assert quantize_in_blocks(model, BlockSettings(4, 8, 8, 32, 64, 4), Aside()) == 2
    bits = {node.name: attribute(node, "bits", 0) for node in model.graph.node if node.op_type == "MatMulNBits"}
    assert bits == {"inner": 4, "head": 8}


def product(weights: dict[str, np.ndarray]) -> ModelProto:
    names = list(weights)
    steps = [helper.make_node("MatMul", ["x", name], [f"y_{name}"], name=name) for name in names]
    graph = helper.make_graph(
        steps,
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])],
        [helper.make_tensor_value_info(f"y_{name}", TensorProto.FLOAT, None) for name in names],
        [numpy_helper.from_array(np.ascontiguousarray(rows.T), name) for name, rows in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_a_graph_has_the_bits_that_were_found() -> None:
    made = rounded()
    made.leave(1, 8)
    model = product({"queries": QUERIES, "keys": KEYS, "others": RANDOM.standard_normal((32, 64)).astype(np.float32)})
    # All three are heads to the rewriter, so others have the bits of one.
    assert quantize_in_blocks(model, BlockSettings(4, 8, 8, 32, 64, 4), Aside(), made) == 3
    bits = {node.name: next(item.i for item in node.attribute if item.name == "bits") for node in model.graph.node}
    assert bits == {"queries": 4, "keys": 8, "others": 8}


def test_outputs_that_are_rescaled_keep_their_rounding() -> None:
    by = np.linspace(0.5, 2, len(QUERIES)).astype(np.float32)
    for factors, kept in ((Factors(outputs=by), True), (Factors(np.full(64, 2, np.float32), by), False)):
        model = product({"queries": QUERIES})
        quantize_in_blocks(model, BlockSettings(4, 4, 4, 32, 64, 4), Aside(), rounded(), {"queries": factors})
        weights = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
        assert (set(weights["queries_turned_blocks"].ravel()) == {0x33}) is kept
        if kept:
            wanted = quantize_blocks(QUERIES, 4, 32).scales * by[:, None]
            np.testing.assert_allclose(weights["queries_turned_block_scales"], wanted, rtol=1e-6)


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
    assert quantize_in_blocks(model, BlockSettings(4, 8, 4, 32, 64, 4), Aside(), rounded()) == 2
    weights = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    assert set(weights["turned_turned_blocks"].ravel()) == {0x33}
    assert len(set(weights["other_turned_blocks"].ravel())) > 16
