"""Smoothing on small graphs: the same answers in fp32, nearer ones in int8, and nothing where nothing is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from exporters.activations import Activations, read_activations, weight_key
from exporters.dynamic import quantize_dynamically
from exporters.graphs import Aside
from exporters.protocol import PRECISIONS
from exporters.quantize import recipe_for
from exporters.smoothing import factors, smooth
from workbench.runtime.session import EXACT_INT8

WIDTH = 32
RANDOM = np.random.default_rng(11)
# Three channels are forty times as large as the others.
GAMMA = np.where(np.isin(np.arange(WIDTH), (3, 9, 20)), 40, 1).astype(np.float32)
WEIGHTS = {
    "gamma": GAMMA,
    "beta": RANDOM.standard_normal(WIDTH).astype(np.float32),
    "wide": RANDOM.standard_normal((WIDTH, 64)).astype(np.float32) / GAMMA[:, None],
    "turned": np.ascontiguousarray(RANDOM.standard_normal((WIDTH, WIDTH)).astype(np.float32) / GAMMA),
}
X = RANDOM.standard_normal((16, WIDTH)).astype(np.float32)


def model_of(nodes: list[NodeProto], outputs: tuple[str, ...]) -> ModelProto:
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", WIDTH])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in WEIGHTS.items() if name in used],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


NORM = helper.make_node("LayerNormalization", ["x", "gamma", "beta"], ["h"], name="norm")
ROOT_MEAN_SQUARE = [
    helper.make_node("LpNormalization", ["x"], ["n"], axis=1, p=2),
    helper.make_node("Mul", ["n", "gamma"], ["h"], name="scale"),
]
PRODUCTS = [
    helper.make_node("MatMul", ["h", "wide"], ["a"], name="wide"),
    helper.make_node("Gemm", ["h", "turned"], ["b"], name="turned", transB=1),
]


def run(model: ModelProto) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.add_session_config_entry(*EXACT_INT8)
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": X})


def copied(model: ModelProto) -> ModelProto:
    made = ModelProto()
    made.CopyFrom(model)
    return made


def seen(model: ModelProto) -> dict[str, Activations]:
    """What the torch model would have shown of ``h``, for the first of the weights."""
    shown = copied(model)
    shown.graph.output.append(helper.make_tensor_value_info("h", TensorProto.FLOAT, None))
    h = run(shown)[-1]
    return {weight_key(WEIGHTS["wide"][:, 0]): Activations(np.abs(h).max(0), np.square(h).mean(0))}


def off(left: list[np.ndarray], right: list[np.ndarray]) -> float:
    return float(sum(np.square(a - b).sum() for a, b in zip(left, right, strict=True)) ** 0.5)


@pytest.mark.parametrize("start", [[NORM], ROOT_MEAN_SQUARE], ids=["layer norm", "root mean square"])
def test_a_normalisation_takes_the_factors_in_and_int8_gains(start: list[NodeProto]) -> None:
    model = model_of([*start, *PRODUCTS], ("a", "b"))
    wanted, plain, made = run(model), copied(model), copied(model)
    assert smooth(made, seen(model), Aside()).inputs == 1
    assert [node.op_type for node in made.graph.node] == [node.op_type for node in model.graph.node]
    assert off(run(made), wanted) < 1e-3
    quantize_dynamically(plain, Aside())
    quantize_dynamically(made, Aside())
    assert off(run(made), wanted) < 0.5 * off(run(plain), wanted)


def test_where_something_else_reads_the_normalisation_a_product_divides() -> None:
    model = model_of([NORM, *PRODUCTS, helper.make_node("Neg", ["h"], ["c"])], ("a", "b", "c"))
    wanted, made = run(model), copied(model)
    assert smooth(made, seen(model), Aside()).inputs == 1
    assert [node.op_type for node in made.graph.node] == ["LayerNormalization", "Mul", "MatMul", "Gemm", "Neg"]
    assert off(run(made), wanted) < 1e-3


def test_a_weight_that_is_read_twice_is_left_alone() -> None:
    twice = helper.make_node("MatMul", ["x", "wide"], ["b"], name="again")
    model = model_of([NORM, PRODUCTS[0], twice], ("a", "b"))
    assert smooth(model, seen(model), Aside()).inputs == 0


def test_nothing_is_smoothed_of_which_nothing_is_known() -> None:
    model = model_of([NORM, *PRODUCTS], ("a", "b"))
    kept = copied(model)
    assert smooth(model, {}, Aside()).inputs == 0
    assert model == kept


def test_even_channels_and_weights_need_no_factors() -> None:
    even = np.ones(WIDTH, np.float32)
    by = factors(Activations(even, even), np.ones((WIDTH, 4), np.float32))
    assert by is None or np.allclose(by, 1)
    assert factors(Activations(0 * even, 0 * even), np.ones((WIDTH, 4), np.float32)) is None


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 damaged"])
def test_a_damaged_file_of_activations_is_done_without(tmp_path: Path, content: bytes) -> None:
    assert read_activations(tmp_path) == {}
    (tmp_path / "activations.npz").write_bytes(content)
    assert read_activations(tmp_path) == {}


def test_the_graphs_of_speech_models_are_made_each_in_its_way() -> None:
    recipe = recipe_for("int8", "automatic-speech-recognition-with-past")
    assert recipe.for_graph("decoder_model_merged").method == "blocks"
    assert recipe.for_graph("encoder_model").method == "kept"
    assert recipe.for_graph("model").method == "dynamic"
    assert set(recipe.to_json(["encoder_model", "decoder_model_merged"])["graphs"]) == {"encoder", "decoder"}
    assert "graphs" not in recipe.to_json(["model"])


def test_whoever_chooses_a_precision_is_told_what_it_is_good_for() -> None:
    offered = {name: item.note for name, item in PRECISIONS.items() if item.exportable}
    assert all(offered.values())
    assert "fp32" in offered["fp16"]  # no faster than it on a processor
    assert "convolution" in offered["int8"]
