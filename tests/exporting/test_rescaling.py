"""Channels made one size on a small decoder: the same answers in fp32, nearer ones in 8 bits, else no change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from exporters import graphs
from exporters.activations import Activations, weight_key
from exporters.blocks import BlockSettings, quantize_blocks
from exporters.quantize import quantize, recipe_for
from exporters.rescaling import rescale
from exporters.rounded import NOTHING_ROUNDED, Rounded

VOCABULARY, WIDTH, INNER, HEADS, SHARED, SIZE = 1200, 64, 128, 4, 2, 16
QKV = (HEADS + 2 * SHARED) * SIZE
RANDOM = np.random.default_rng(17)
Array = np.ndarray[Any, np.dtype[Any]]


def large(width: int) -> Array:
    """Every eleventh channel sixty times as large as the others."""
    return np.where(np.arange(width) % 11 == 3, 60, 1).astype(np.float32)


def normal(*shape: int) -> Array:
    return RANDOM.standard_normal(shape).astype(np.float32)


WEIGHTS: dict[str, Array] = {
    "table": normal(VOCABULARY, WIDTH) / np.sqrt(large(WIDTH)),
    "norm_1": large(WIDTH),
    "qkv": normal(WIDTH, QKV) / large(WIDTH)[:, None] / 8,
    "qkv_bias": normal(QKV),
    "out": normal(HEADS * SIZE, WIDTH) / 8,
    "norm_2": large(WIDTH),
    "gate": normal(WIDTH, INNER) / large(WIDTH)[:, None] / 8,
    "up": normal(WIDTH, INNER) / large(WIDTH)[:, None] / 8 * large(INNER),
    "down": normal(INNER, WIDTH) / large(INNER)[:, None] / 8,
    "norm_3": np.sqrt(large(WIDTH)),
    "sizes": np.array([HEADS * SIZE, SHARED * SIZE, SHARED * SIZE], np.int64),
    "axis": np.array([1], np.int64),
    "last": np.array([-3], np.int64),
    "end": np.array([1 << 40], np.int64),
    "before": np.array([4], np.int32),
    "total": np.array(5, np.int32),
}
for name, start in (("queries", 0), ("keys", HEADS), ("values", HEADS + SHARED)):
    end = start + (HEADS if name == "queries" else SHARED)
    WEIGHTS[name] = WEIGHTS["qkv"][:, start * SIZE : end * SIZE]
IN_8_BITS = BlockSettings(8, 8, 8, 32, 32, 4)
IDS = RANDOM.integers(0, 900, (1, 5))


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> NodeProto:
    domain = "com.microsoft" if kind in ("GroupQueryAttention", "SkipSimplifiedLayerNormalization") else ""
    names, made = ([name.strip("-") for name in text.split()] for text in (inputs, outputs))
    return helper.make_node(kind, names, made, name=made[0], domain=domain, **attributes)


def attention(kind: str) -> list[NodeProto]:
    """In one tensor, split into three, or with values of their own."""
    heads = {"num_heads": HEADS, "kv_num_heads": SHARED}
    rest = "past_key past_value before total"
    packed = [node("MatMul", "h1 qkv", "packed"), node("Add", "packed qkv_bias", "biased")]
    if kind == "packed":
        return [*packed, node("GroupQueryAttention", f"biased - - {rest}", "heads key value", **heads)]
    if kind == "split":
        packed.append(node("Split", "biased sizes", "q k v", axis=-1))
    else:
        inputs = ["h1 queries", "h1 keys", "h1 values"]
        packed = [node("MatMul", names, name) for names, name in zip(inputs, ("q", "k", "v"), strict=True)]
    return [*packed, node("GroupQueryAttention", f"q k v {rest}", "heads key value", **heads)]


def nodes(kind: str = "packed") -> list[NodeProto]:
    """A layer with the structures that the model builder gives, and a head that is tied to the embedding."""
    return [
        node("Gather", "table ids", "x"),
        node("SimplifiedLayerNormalization", "x norm_1", "h1", epsilon=1e-5, axis=-1, stash_type=1),
        *attention(kind),
        node("MatMul", "heads out", "attended"),
        node("SkipSimplifiedLayerNormalization", "x attended norm_2", "h2 - - x2", epsilon=1e-5),
        node("MatMul", "h2 gate", "gated"),
        node("MatMul", "h2 up", "upper"),
        node("Sigmoid", "gated", "opened"),
        node("Mul", "gated opened", "swish"),
        node("Mul", "swish upper", "inner"),
        node("MatMul", "inner down", "fed"),
        node("SkipSimplifiedLayerNormalization", "x2 fed norm_3", "h3", epsilon=1e-5),
        node("Slice", "h3 last end axis", "kept"),
        node("Transpose", "table", "head", perm=[1, 0]),
        node("MatMul", "kept head", "logits"),
    ]


def model_of(made: list[NodeProto], *outputs: str) -> ModelProto:
    used = {name for item in made for name in item.input}
    past = ["batch", SHARED, "past", SIZE]
    graph = helper.make_graph(
        made,
        "model",
        [
            helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "length"]),
            *(helper.make_tensor_value_info(f"past_{name}", TensorProto.FLOAT, past) for name in ("key", "value")),
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("logits", *outputs)],
        [numpy_helper.from_array(value, name) for name, value in WEIGHTS.items() if name in used],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def run(model: ModelProto, *outputs: str) -> list[Array]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    nothing = np.zeros((1, SHARED, 0, SIZE), np.float32)
    return list(session.run(list(outputs or ("logits",)), {"ids": IDS, "past_key": nothing, "past_value": nothing}))


def seen() -> dict[str, Activations]:
    """What goes through the products of the graph."""
    values = ("h1", "heads", "h2", "inner", "h3")
    flat = [item.reshape(-1, item.shape[-1]) for item in run(model_of(nodes(), *values), *values)]
    rows = [
        WEIGHTS["qkv"][:, 0],
        WEIGHTS["out"][:, 0],
        WEIGHTS["gate"][:, 0],
        WEIGHTS["down"][:, 0],
        WEIGHTS["table"][0],
    ]
    return {
        weight_key(row): Activations(np.abs(item).max(0), np.square(item).mean(0))
        for row, item in zip(rows, flat, strict=True)
    }


def rescaled(model: ModelProto, settings: BlockSettings = IN_8_BITS, rounded: Rounded = NOTHING_ROUNDED) -> set[str]:
    """Rescale a model and its weights in place; the names of those whose inputs were."""
    factors = rescale(model, seen(), settings, rounded=rounded)
    for tensor in model.graph.initializer:
        if tensor.name in factors:
            matrix = numpy_helper.to_array(tensor)
            applied = factors[tensor.name].applied
            made = applied(matrix) if tensor.name == "table" else applied(matrix.T).T
            assert np.abs(np.log(np.abs(made[matrix != 0] / matrix[matrix != 0]))).max() > 0.5
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(made), tensor.name))
    return {name for name, item in factors.items() if item.inputs is not None}


def error(got: Array, wanted: Array) -> float:
    return float(np.linalg.norm(got - wanted) / np.linalg.norm(wanted))


@pytest.mark.parametrize("kind", ["packed", "split", "own"])
def test_every_product_is_rescaled_and_the_answer_stays(kind: str) -> None:
    model = model_of(nodes(kind))
    (wanted,) = run(model)
    first = {"queries", "keys", "values"} if kind == "own" else {"qkv"}
    assert rescaled(model) == {*first, "out", "gate", "up", "down", "table"}
    assert error(run(model)[0], wanted) < 1e-5


def test_a_small_table_stays_as_it_is_for_the_embeddings(tmp_path: Path) -> None:
    source, target = tmp_path / "model.onnx", tmp_path / "model_int8.onnx"
    model = model_of(nodes())
    table = next(item for item in model.graph.initializer if item.name == "table")
    table.CopyFrom(numpy_helper.from_array(WEIGHTS["table"][:900], "table"))
    graphs.save(model, source)
    assert quantize(source, target, recipe_for("int8", "text-generation"), seen()) == {"rescaled_matrices": 5}
    small = graphs.load(target)
    assert "Gather" in {item.op_type for item in small.graph.node}
    assert error(run(small)[0], run(model)[0]) < 0.05


def test_without_the_weights_the_answer_is_another() -> None:
    model = model_of(nodes())
    (wanted,) = run(model)
    rescale(model, seen(), IN_8_BITS)
    assert error(run(model)[0], wanted) > 0.1, "the factors that are returned are needed"


def test_products_in_8_bits_come_nearer(tmp_path: Path) -> None:
    source, recipe = tmp_path / "model.onnx", recipe_for("int8", "text-generation")
    graphs.save(model_of(nodes()), source)
    (wanted,) = run(graphs.load(source))
    errors, sizes = [], []
    for number, activations in enumerate(({}, seen())):
        target = tmp_path / f"{number}.onnx"
        told = quantize(source, target, recipe, activations)
        assert told == {"rescaled_matrices": 6 if activations else 0}
        model = graphs.load(target)
        products = [item for item in model.graph.node if item.op_type == "MatMulNBits"]
        sizes.append({graphs.attribute(item, "block_size", 0) for item in products})
        errors.append(error(run(model)[0], wanted))
    assert sizes == [{32}, {64}], "blocks are larger only where channels are of one size"
    assert errors[1] < errors[0] / 2


@pytest.mark.parametrize(
    ("changed", "left"),
    [
        # Somebody else reads what a normalisation gives: here another output of the graph.
        ({"outputs": ("h2",)}, {"gate", "up"}),
        ({"outputs": ("heads",)}, {"out"}),
        ({"outputs": ("upper",)}, {"down"}),
        ({"outputs": ("head",)}, {"table"}),
    ],
)
def test_what_something_else_reads_stays(changed: dict[str, Any], left: set[str]) -> None:
    outputs = changed["outputs"]
    model = model_of(nodes(), *outputs)
    wanted = run(model, "logits", *outputs)
    assert rescaled(model) == {"qkv", "out", "gate", "up", "down", "table"} - left
    for got, before in zip(run(model, "logits", *outputs), wanted, strict=True):
        assert error(got, before) < 1e-5


def test_of_4_bit_models_the_parts_in_8_bits_are() -> None:
    assert rescaled(model_of(nodes()), BlockSettings(4, 8, 8, 32, 64, 4)) == {"table"}
    named = nodes()
    next(item for item in named if item.output[0] == "packed").name = "/layers.0/attn/qkv_proj/MatMul"
    assert rescaled(model_of(named), BlockSettings(4, 8, 8, 32, 64, 4)) == {"qkv", "table"}
    assert rescaled(model_of(named), BlockSettings(4, 4, 4, 32, 64, 4)) == set()


def test_what_was_rounded_beforehand_says_which_parts_are_in_8_bits() -> None:
    """The settings alone would have 8 bits in the head and 4 in all others."""
    rounded = Rounded()
    for name, rows in (("table", WEIGHTS["table"]), ("up", WEIGHTS["up"].T), ("down", WEIGHTS["down"].T)):
        number = rounded.add(rows, 4, quantize_blocks(rows, 4, 32))
        if name == "down":
            rounded.leave(number, 8)
    model = model_of(nodes())
    (wanted,) = run(model)
    assert rescaled(model, BlockSettings(4, 8, 8, 32, 64, 4), rounded) == {"down"}
    assert error(run(model)[0], wanted) < 1e-5


def test_a_square_of_one_branch_is_no_gate() -> None:
    """Both factors come of one product: dividing it would divide the result twice."""
    made = [item for item in nodes() if item.output[0] not in ("swish", "opened", "upper", "inner")]
    place = next(number for number, item in enumerate(made) if item.output[0] == "fed")
    made.insert(place, node("Mul", "gated gated", "inner"))
    model = model_of(made)
    (wanted,) = run(model)
    assert rescaled(model) == {"qkv", "out", "gate", "table"}
    assert error(run(model)[0], wanted) < 1e-5
