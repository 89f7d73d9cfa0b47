"""Weights that lie beside a traced graph, and the graph that is made of both. Whole exports are in test_exports."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from exporters import graphs, lean_tracing
from exporters.lean_tracing import SessionForShapes, with_weights
from exporters.tracing import TIED, _named, finish

RANDOM = np.random.default_rng(3)
WEIGHTS = {
    "wide": RANDOM.standard_normal((16, 32)).astype(np.float32),
    "bias": RANDOM.standard_normal(32).astype(np.float32),
    "lengths": np.array([-1, 32], np.int64),
}


class Tensor:
    """As much of a torch tensor as is asked for."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        return self._array.shape

    def numpy(self) -> np.ndarray:
        return self._array


def traced(*, turns: bool = False) -> bytes:
    """A graph whose weights are inputs, as torch gives it without them; with ``turns`` one is turned by a node."""
    turn = [helper.make_node("Transpose", ["wide"], ["turned"], perm=[1, 0])] if turns else []
    nodes = [
        *turn,
        helper.make_node("MatMul", ["x", "turned" if turns else "wide"], ["p"]),
        helper.make_node("Add", ["p", "bias"], ["s"]),
        helper.make_node("Reshape", ["s", "lengths"], ["y"]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 16])]
    inputs += [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in WEIGHTS.items()
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 32])]
    return helper.make_model(helper.make_graph(nodes, "g", inputs, outputs)).SerializeToString()


def write(folder: Path, weights: dict[str, np.ndarray] = WEIGHTS) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(with_weights(traced(), {name: Tensor(value) for name, value in weights.items()}, path))
    (folder / TIED).write_text("{}")
    return path


def test_large_weights_go_beside_the_graph(tmp_path: Path) -> None:
    path = write(tmp_path)
    model = ModelProto.FromString(path.read_bytes())
    assert [item.name for item in model.graph.input] == ["x"]
    beside = {item.name for item in model.graph.initializer if item.data_location == TensorProto.EXTERNAL}
    assert beside == {"wide"}
    assert path.with_name("model.onnx_data").stat().st_size == WEIGHTS["wide"].nbytes


def test_a_turned_weight_is_written_as_it_reads(tmp_path: Path) -> None:
    turned = np.asfortranarray(WEIGHTS["wide"])
    path = write(tmp_path, WEIGHTS | {"wide": turned})
    wide = next(item for item in graphs.load(path).graph.initializer if item.name == "wide")
    np.testing.assert_array_equal(numpy_helper.to_array(wide), WEIGHTS["wide"])


@pytest.mark.parametrize("written", [100, 1 << 20])
def test_a_weight_that_one_node_turns_is_written_turned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    monkeypatch.setattr(lean_tracing, "WRITTEN", written)
    path = tmp_path / "model.onnx"
    weights = {name: Tensor(value.T if name == "wide" else value) for name, value in WEIGHTS.items()}
    path.write_bytes(with_weights(traced(turns=True), weights, path))
    model = graphs.load(path)
    assert [node.op_type for node in model.graph.node] == ["MatMul", "Add", "Reshape"]
    wide = next(item for item in model.graph.initializer if len(item.dims) == 2)
    np.testing.assert_array_equal(numpy_helper.to_array(wide), WEIGHTS["wide"])


@pytest.mark.parametrize("known", [[(7, 32)], []])
def test_lengths_of_outputs_are_those_of_torch_or_those_of_a_run(tmp_path: Path, known: list[tuple[int, ...]]) -> None:
    write(tmp_path)
    session = SessionForShapes(known, str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    assert [(item.name, item.shape) for item in session.get_inputs()] == [("x", ["rows", 16])]
    assert [(item.name, item.shape) for item in session.get_outputs()] == [("y", ["rows", 32])]
    assert session.run(None, {"x": np.ones((7, 16), np.float32)})[0].shape == (7, 32)


def test_a_graph_is_one_file_in_the_end(tmp_path: Path) -> None:
    path = write(tmp_path)
    finish(tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["model.onnx"]
    model = onnx.load(path)
    onnx.checker.check_model(model)
    found = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    assert list(found) == list(WEIGHTS)
    for name, value in WEIGHTS.items():
        np.testing.assert_array_equal(found[name], value)


def test_one_that_is_too_large_for_a_message_keeps_its_weights_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphs, "EXTERNAL_DATA_FROM_BYTES", 1000)
    write(tmp_path)
    finish(tmp_path)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["model.onnx", "model.onnx_data"]


def test_optimum_is_told_the_classes_of_tied_parameters() -> None:
    groups = json.loads('[{"model.decoder.embed.weight": "Embedding", "head.weight": "Linear"}]')
    model = _named(groups)
    assert type(model.model.decoder.embed).__name__ == "Embedding"
    assert type(model.head).__name__ == "Linear"
