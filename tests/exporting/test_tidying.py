"""What an encoder does beside its products: fewer nodes, the same numbers."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from exporters.activations import Activations, weight_key
from exporters.graphs import Aside
from exporters.smoothing import smooth
from exporters.tidying import tidy

HEADS, SIZE = 2, 8
WIDTH = HEADS * SIZE
RANDOM = np.random.default_rng(7)
X = RANDOM.standard_normal((3, 5, WIDTH)).astype(np.float32)
WEIGHTS: dict[str, np.ndarray] = {
    **{name: RANDOM.standard_normal((WIDTH, WIDTH)).astype(np.float32) for name in ("q_w", "k_w", "v_w", "o_w")},
    **{name: RANDOM.standard_normal(WIDTH).astype(np.float32) for name in ("q_b", "k_b", "v_b")},
    "cut": np.array([0, 0, HEADS, SIZE], np.int64),
    "join": np.array([0, 0, WIDTH], np.int64),
    "one": np.array(1, np.float32),
    "half": np.array(0.5, np.float32),
    "root": np.array(2**0.5, np.float32),
    "last": np.array([-1], np.int64),
    "end": np.array([2**31], np.int64),
    "none": np.array([0], np.int64),
    **{name: np.array([value], np.int64) for name, value in (("n_heads", HEADS), ("n_size", SIZE), ("as_it_is", 0))},
}


def node(kind: str, inputs: str, output: str, **attributes: object) -> NodeProto:
    return helper.make_node(kind, inputs.split(), [output], name=f"/{output}", **attributes)


def part(name: str, perm: list[int]) -> list[NodeProto]:
    """Queries, keys or values, cut into heads as Optimum writes it."""
    return [
        node("MatMul", f"x {name}_w", f"{name}_p"),
        node("Add", f"{name}_b {name}_p", f"{name}_a"),
        node("Concat", "as_it_is as_it_is n_heads n_size", f"{name}_s", axis=0),
        node("Reshape", f"{name}_a {name}_s", f"{name}_r"),
        node("Transpose", f"{name}_r", f"{name}_t", perm=perm),
    ]


SCALE = [
    node("Shape", "q_t", "lengths"),
    node("Slice", "lengths last end", "length"),
    node("Cast", "length", "size", to=TensorProto.FLOAT),
    node("Sqrt", "size", "size_root"),
    node("Div", "one size_root", "part"),
    node("Cast", "part", "part_cast", to=TensorProto.FLOAT),
    node("Sqrt", "part_cast", "factor"),
]
ATTENTION = [
    *part("q", [0, 2, 1, 3]),
    *part("k", [0, 2, 3, 1]),
    *part("v", [0, 2, 1, 3]),
    *SCALE,
    node("Mul", "q_t factor", "q_m"),
    node("Mul", "k_t factor", "k_m"),
    node("MatMul", "q_m k_m", "scores"),
    node("Softmax", "scores", "shares", axis=-1),
    node("MatMul", "shares v_t", "mixed"),
    node("Transpose", "mixed", "mixed_t", perm=[0, 2, 1, 3]),
    node("Reshape", "mixed_t join", "context"),
    node("MatMul", "context o_w", "y"),
]
GELU = [
    node("Div", "x root", "d"),
    node("Erf", "d", "e"),
    node("Add", "e one", "e1"),
    node("Mul", "x e1", "xe"),
    node("Mul", "xe half", "g"),
]


def model_of(nodes: list[NodeProto], output: str = "y") -> ModelProto:
    used = {name for item in nodes for name in item.input}
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "length", WIDTH])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in WEIGHTS.items() if name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    copy = ModelProto()
    copy.CopyFrom(model)
    return copy


def run(model: ModelProto) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": X})[0]


def kinds(model: ModelProto) -> list[str]:
    return [item.op_type for item in model.graph.node]


def test_scores_are_scaled_once_and_by_a_number() -> None:
    model, plain = model_of(ATTENTION), model_of(ATTENTION)
    assert tidy(model) == (0, 1)
    np.testing.assert_allclose(run(model), run(plain), rtol=1e-4, atol=1e-5)
    assert kinds(model).count("Mul") == 1
    assert not {"Shape", "Slice", "Sqrt", "Div"} & set(kinds(model))


@pytest.mark.parametrize("changed", ["Transpose", "Div"])
def test_scores_of_another_making_stay_as_they_are(changed: str) -> None:
    model = model_of(ATTENTION)
    for item in model.graph.node:
        if changed == "Transpose" and item.name == "/k_t":
            item.attribute[0].ints[:] = [0, 2, 1, 3]
        if changed == "Div" and item.name == "/part":
            item.input[0] = "half"
    before = model.SerializeToString()
    assert tidy(model) == (0, 0)
    assert model.SerializeToString() == before


def test_gelu_before_a_product_goes_by_tanh() -> None:
    nodes = [*GELU, node("MatMul", "g o_w", "y")]
    model = model_of(nodes)
    assert tidy(model) == (1, 0)
    assert kinds(model) == ["FastGelu", "MatMul"]
    shown = model_of(GELU, "g")
    shorter = ModelProto()
    shorter.CopyFrom(model)
    shorter.graph.output[0].name = "g"
    assert 0 < np.abs(run(shorter) - run(shown)).max() < 1e-3


@pytest.mark.parametrize("factor", ["one", "root"])
def test_what_is_no_gelu_stays_as_it_is(factor: str) -> None:
    model = model_of([*GELU[:-1], node("Mul", f"xe {factor}", "g"), node("MatMul", "g o_w", "y")])
    assert tidy(model) == (0, 0)
    assert "Erf" in kinds(model)


def test_gelu_that_is_given_out_stays_exact() -> None:
    model = model_of(GELU, "g")
    assert tidy(model) == (0, 0)
    assert "Erf" in kinds(model)


@pytest.mark.parametrize("tidied", [False, True])
def test_what_an_attention_gives_is_smoothed_by_the_weights_of_its_values(tidied: bool) -> None:
    model, plain = model_of(ATTENTION), model_of(ATTENTION)
    if tidied:
        tidy(model)
    large = np.where(np.arange(WIDTH) % 5 == 0, 40, 1).astype(np.float32)
    seen = {weight_key(WEIGHTS["o_w"][:, 0]): Activations(large, large**2)}
    nodes = len(model.graph.node)
    assert smooth(model, seen, Aside()).inputs == 1
    assert len(model.graph.node) == nodes
    values = next(item for item in model.graph.initializer if item.name == "v_w")
    assert not np.allclose(numpy_helper.to_array(values), WEIGHTS["v_w"])
    np.testing.assert_allclose(run(model), run(plain), rtol=1e-3, atol=1e-4)


def test_values_that_something_else_reads_keep_their_weights() -> None:
    model = model_of(ATTENTION)
    model.graph.output.append(helper.make_tensor_value_info("v_a", TensorProto.FLOAT, None))
    large = np.where(np.arange(WIDTH) % 5 == 0, 40, 1).astype(np.float32)
    seen = {weight_key(WEIGHTS["o_w"][:, 0]): Activations(large, large**2)}
    plain = run(model)
    assert smooth(model, seen, Aside()).inputs == 1
    assert kinds(model).count("Mul") == 3
    np.testing.assert_allclose(run(model), plain, rtol=1e-3, atol=1e-4)
