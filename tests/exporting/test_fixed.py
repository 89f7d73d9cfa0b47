"""Text encoders in int8 with scales that were fixed by the samples, on small graphs."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from exporters.activations import Activations, weight_key
from exporters.fixed import quantize_with_ranges
from exporters.graphs import Aside
from exporters.quantize import TEXT_TASKS, recipe_for
from exporters.smoothing import range_of, smooth

WIDTH, OUT = 32, 24
RANDOM = np.random.default_rng(5)
WEIGHTS = {
    "q": RANDOM.standard_normal((WIDTH, OUT)).astype(np.float32),
    "k": RANDOM.standard_normal((WIDTH, OUT)).astype(np.float32),
    "bias": RANDOM.standard_normal(OUT).astype(np.float32),
}
SAMPLES = RANDOM.standard_normal((300, WIDTH)).astype(np.float32)


def model_of() -> ModelProto:
    """Two products of one input, of which the first has a bias."""
    nodes = [
        helper.make_node("MatMul", ["x", "q"], ["q_plain"], name="q"),
        helper.make_node("Add", ["bias", "q_plain"], ["a"], name="q_bias"),
        helper.make_node("MatMul", ["x", "k"], ["b"], name="k"),
    ]
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", WIDTH])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "ab"],
        [numpy_helper.from_array(value, name) for name, value in WEIGHTS.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def seen(samples: np.ndarray) -> dict[str, Activations]:
    shown = Activations(
        np.abs(samples).max(0), np.square(samples).mean(0), samples.min(0), samples.max(0), len(samples)
    )
    return {weight_key(WEIGHTS[name][:, 0]): shown for name in ("q", "k")}


def run(model: ModelProto, x: np.ndarray) -> list[np.ndarray]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})


def quantized(samples: np.ndarray) -> tuple[ModelProto, int]:
    model, activations = model_of(), seen(samples)
    _, fixed = quantize_with_ranges(model, smooth(model, activations, Aside()).ranges, activations, Aside())
    return model, fixed


def kinds(model: ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def test_one_quantized_input_serves_several_products_and_biases_are_theirs() -> None:
    model, fixed = quantized(SAMPLES)
    assert fixed == 2
    assert kinds(model)["QuantizeLinear"] == 1
    assert kinds(model)["MatMulIntegerToFloat"] == 2
    assert kinds(model)["Add"] == 0
    for got, wanted in zip(run(model, SAMPLES), run(model_of(), SAMPLES), strict=True):
        off = np.linalg.norm(got - wanted) / np.linalg.norm(wanted)
        assert 0 < off < 0.02


def test_a_row_is_answered_the_same_beside_a_larger_one() -> None:
    model, _ = quantized(SAMPLES)
    row = SAMPLES[:1]
    beside = run(model, np.concatenate([row, 3 * SAMPLES[1:2]]))
    for alone, with_it in zip(run(model, row), beside, strict=True):
        np.testing.assert_array_equal(alone, with_it[:1])


def test_a_sum_stays_where_the_product_is_wanted_too() -> None:
    """What the product gives is read twice, so that the sum is not all that is wanted of it."""
    model, activations = model_of(), seen(SAMPLES)
    model.graph.output.append(helper.make_tensor_value_info("q_plain", TensorProto.FLOAT, None))
    wanted = run(model, SAMPLES)
    quantize_with_ranges(model, smooth(model, activations, Aside()).ranges, activations, Aside())
    assert kinds(model)["Add"] == 1
    got = run(model, SAMPLES)
    assert np.linalg.norm(got[2] - wanted[2]) < 0.02 * np.linalg.norm(wanted[2])
    np.testing.assert_allclose(got[0], got[2] + WEIGHTS["bias"], rtol=1e-6)


@pytest.mark.parametrize("samples", [SAMPLES[:40], SAMPLES[:0]], ids=["few", "none"])
def test_scales_are_taken_as_they_come_where_samples_are_few(samples: np.ndarray) -> None:
    model, activations = model_of(), seen(samples) if len(samples) else {}
    replaced, fixed = quantize_with_ranges(model, smooth(model, activations, Aside()).ranges, activations, Aside())
    assert (replaced, fixed) == (2, 0)
    assert kinds(model)["DynamicQuantizeLinear"] == 2
    assert kinds(model)["MatMulIntegerToFloat"] == 0


def test_a_weight_that_two_products_read_has_no_scale_of_its_own() -> None:
    model, activations = model_of(), seen(SAMPLES)
    model.graph.node[2].input[1] = "q"
    assert quantize_with_ranges(model, {}, activations, Aside())[1] == 0


def test_others_may_go_a_little_further_than_the_samples() -> None:
    least, greatest = np.array([-1.0, -4.0], np.float32), np.array([2.0, 1.0], np.float32)
    shown = Activations(np.maximum(-least, greatest), greatest, least, greatest, 100)
    assert range_of(shown) == pytest.approx((-4.4, 2.2))
    assert range_of(shown, np.array([1.0, 2.0], np.float32)) == pytest.approx((-2.2, 2.2))
    assert range_of(Activations(greatest, greatest)) is None


def test_texts_alone_get_fixed_scales() -> None:
    assert all(recipe_for("int8", task).settings["scales"] == "fixed" for task in TEXT_TASKS)
    assert recipe_for("int8", "image-classification").settings["scales"] == "as they come"
