"""Attention as one node, on graphs written as Optimum writes them: the numbers stay, the nodes go."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from exporters import graphs
from exporters.attention import fuse_attention

WIDTH, HEADS = 24, 3
RANDOM = np.random.default_rng(8)
WEIGHTS = {name: RANDOM.standard_normal((WIDTH, WIDTH)).astype(np.float32) / 4 for name in ("wq", "wk", "wv")}
INPUTS = {
    "x": ("batch", "length", WIDTH),
    "memory": ("batch", "others", WIDTH),
    "past_key": ("batch", HEADS, "past", WIDTH // HEADS),
    "past_value": ("batch", HEADS, "past", WIDTH // HEADS),
    "mask": ("batch", 1, "length", "total"),
}


def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> NodeProto:
    return helper.make_node(kind, inputs, [output], name=f"{output}_node", **attributes)


def numbers(name: str, *values: float, dtype: Any = np.int64) -> NodeProto:
    return node("Constant", [], name, value=numpy_helper.from_array(np.array(values, dtype), f"{name}_value"))


def in_heads(name: str, source: str, heads: int) -> list[NodeProto]:
    """A product with weights, cut into heads: [batch, heads, length, size] as ``<name>4``."""
    return [
        node("MatMul", [source, f"w{name}"], name),
        numbers(f"{name}_heads", heads),
        numbers(f"{name}_size", WIDTH // heads),
        numbers(f"{name}_rest", -1),
        node("Shape", [source], f"{name}_shape", end=1),
        node("Concat", [f"{name}_shape", f"{name}_rest", f"{name}_heads", f"{name}_size"], f"{name}_sizes", axis=0),
        node("Reshape", [name, f"{name}_sizes"], f"{name}_cut"),
        node("Transpose", [f"{name}_cut"], f"{name}4", perm=[0, 2, 1, 3]),
    ]


def attention(memory: str, heads: int, *, past: bool = False, mask: str = "") -> list[NodeProto]:
    """All of it, from ``x`` and ``memory`` to ``y``."""
    nodes = [*in_heads("q", "x", heads), *in_heads("k", memory, heads), *in_heads("v", memory, heads)]
    keys, values = "k4", "v4"
    if past:
        nodes += [
            node("Concat", ["past_key", "k4"], "present_key", axis=-2),
            node("Concat", ["past_value", "v4"], "present_value", axis=-2),
        ]
        keys, values = "present_key", "present_value"
    nodes += [
        node("Transpose", [keys], "turned", perm=[0, 1, 3, 2]),
        numbers("scale", 0.35, dtype=np.float32),
        node("Mul", ["q4", "scale"], "scaled"),
        node("MatMul", ["scaled", "turned"], "scores"),
    ]
    if mask == "causal":
        nodes += causal(keys)
    if mask:
        nodes.append(node("Add", ["scores", "allowed" if mask == "causal" else mask], "masked"))
    nodes += [
        node("Softmax", ["masked" if mask else "scores"], "shares", axis=-1),
        node("MatMul", ["shares", values], "mixed"),
        node("Transpose", ["mixed"], "together", perm=[0, 2, 1, 3]),
        numbers("flat", 0, 0, WIDTH),
        node("Reshape", ["together", "flat"], "y"),
    ]
    return nodes


def causal(keys: str) -> list[NodeProto]:
    """``allowed`` [length, total]: 0 up to each position, and minus infinity behind it."""
    return [
        node("Shape", [keys], "all_sizes"),
        node("Shape", ["k4"], "new_sizes"),
        numbers("two", 2),
        numbers("first_axis", 0),
        numbers("second_axis", 1),
        numbers("shape_scalar", dtype=np.int64),
        node("Gather", ["all_sizes", "two"], "total1"),
        node("Gather", ["new_sizes", "two"], "new1"),
        node("Reshape", ["total1", "shape_scalar"], "total"),
        node("Reshape", ["new1", "shape_scalar"], "new"),
        node("Constant", [], "zero", value=numpy_helper.from_array(np.array(0), "zero_value")),
        node("Constant", [], "one", value=numpy_helper.from_array(np.array(1), "one_value")),
        node("Constant", [], "minus", value=numpy_helper.from_array(np.array(-1), "minus_value")),
        node("Mul", ["new", "minus"], "less"),
        node("Add", ["total", "less"], "before"),
        node("Range", ["zero", "total", "one"], "columns1"),
        node("Range", ["before", "total", "one"], "rows1"),
        node("Unsqueeze", ["columns1", "first_axis"], "columns"),
        node("Unsqueeze", ["rows1", "second_axis"], "rows"),
        node("LessOrEqual", ["columns", "rows"], "seen"),
        numbers("nothing", 0, dtype=np.float32),
        numbers("never", -np.inf, dtype=np.float32),
        node("Where", ["seen", "nothing", "never"], "allowed"),
    ]


def model_of(nodes: list[NodeProto], outputs: tuple[str, ...] = ("y",)) -> ModelProto:
    used = {name for item in nodes for name in item.input}
    used |= {name for item in nodes for a in item.attribute for inner in a.g.node for name in inner.input}
    graph = helper.make_graph(
        nodes,
        "model",
        [
            *(helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in INPUTS.items() if n in used),
            *([helper.make_tensor_value_info("first", TensorProto.BOOL, [1])] if "first" in used else []),
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in WEIGHTS.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def run(model: ModelProto, feeds: dict[str, Any]) -> list[Any]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    values: list[Any] = session.run(None, {item.name: feeds[item.name] for item in session.get_inputs()})
    return values


def feeds(length: int, others: int = 7, past: int = 4) -> dict[str, Any]:
    def random(*shape: int) -> Any:
        return RANDOM.standard_normal(shape).astype(np.float32)

    return {
        "x": random(2, length, WIDTH),
        "memory": random(2, others, WIDTH),
        "past_key": random(2, HEADS, past, WIDTH // HEADS),
        "past_value": random(2, HEADS, past, WIDTH // HEADS),
        "mask": random(2, 1, length, others),
    }


def kinds(model: ModelProto) -> Counter[str]:
    return Counter(item.op_type for graph in graphs.graphs_within(model.graph) for item in graph.node)


@pytest.mark.parametrize("length", [1, 5])
@pytest.mark.parametrize("case", ["itself", "memory", "causal", "past"])
def test_attention_becomes_one_node_with_the_same_numbers(case: str, length: int) -> None:
    nodes = {
        "itself": lambda: attention("x", HEADS),
        "memory": lambda: attention("memory", HEADS),
        "causal": lambda: attention("x", HEADS, mask="causal"),
        "past": lambda: attention("x", HEADS, past=True, mask="causal"),
    }[case]()
    outputs = ("y", "present_key", "present_value") if case == "past" else ("y",)
    model, given = model_of(nodes, outputs), feeds(length)
    wanted = run(model, given)
    assert fuse_attention(model) == 1
    assert kinds(model) == {"MatMul": 3, "MultiHeadAttention": 1}
    for got, value in zip(run(model, given), wanted, strict=True):
        assert np.abs(got - value).max() < 1e-5


def test_branches_that_name_different_constants_alike_keep_their_own() -> None:
    branches = {
        f"{name}_branch": helper.make_graph(
            attention("memory", heads), name, [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
        )
        for name, heads in (("then", 3), ("else", 2))
    }
    model = model_of([helper.make_node("If", ["first"], ["y"], name="if", **branches)])
    given = [feeds(3) | {"first": np.array([first])} for first in (True, False)]
    wanted = [run(model, item)[0] for item in given]
    assert fuse_attention(model) == 2
    for item, value in zip(given, wanted, strict=True):
        assert np.abs(run(model, item)[0] - value).max() < 1e-5


def test_a_mask_that_is_given_stays_as_it_is() -> None:
    model = model_of(attention("memory", HEADS, mask="mask"))
    before = kinds(model)
    assert fuse_attention(model) == 0
    assert kinds(model) == before


def test_keys_that_are_given_stay_as_they_are() -> None:
    nodes = [item for item in attention("memory", HEADS) if item.output[0] not in ("k", "k_cut", "k4", "v", "v4")]
    for item in nodes:
        for place, name in enumerate(item.input):
            item.input[place] = {"k4": "past_key", "v4": "past_value"}.get(name, name)
    model = model_of([item for item in nodes if item.output[0].split("_")[0] not in ("k", "v")])
    assert fuse_attention(model) == 0
