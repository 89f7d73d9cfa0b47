"""Weights that lie beside a traced graph, and the graph that is made of both. Whole exports are in test_exports."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from exporters import graphs
from exporters.tracing import TIED, _named, _with_weights, finish

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

    def contiguous(self) -> Tensor:
        return Tensor(np.ascontiguousarray(self._array))

    def numpy(self) -> np.ndarray:
        return self._array


def traced() -> bytes:
    """A graph whose weights are inputs, as torch gives it without them."""
    nodes = [
        helper.make_node("MatMul", ["x", "wide"], ["p"]),
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
    path.write_bytes(_with_weights(traced(), {name: Tensor(value) for name, value in weights.items()}, path))
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
