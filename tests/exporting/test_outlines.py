"""Graphs read without their large weights, and converted so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from exporters import graphs
from exporters.float16 import convert_to_float16
from exporters.outlines import outline

RANDOM = np.random.default_rng(5)
LARGE = RANDOM.standard_normal((40, 30)).astype(np.float32)
SMALL = np.arange(30, dtype=np.float32)


def model_of(**weights: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> ModelProto:
    nodes = [
        helper.make_node("MatMul", ["x", "large"], ["y"], name="product"),
        helper.make_node("Add", ["y", "small"], ["z"], name="bias"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 40])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 30])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def test_large_weights_stay_in_the_file_and_are_found_there(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(model_of(large=LARGE, small=SMALL), path)
    read = ModelProto.FromString(outline(path))
    assert len(outline(path)) < 1000 < path.stat().st_size
    large, small = read.graph.initializer
    assert (large.data_location, small.data_location) == (TensorProto.EXTERNAL, TensorProto.DEFAULT)
    assert not large.raw_data
    assert np.array_equal(graphs.array_of(large, tmp_path), LARGE)
    assert np.array_equal(graphs.array_of(small, tmp_path), SMALL)
    graphs.bring_in(read, tmp_path)
    assert read.SerializeToString() == path.read_bytes()


@pytest.mark.parametrize("cut", [1, 100, 3000])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(model_of(large=LARGE, small=SMALL), path)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(ValueError, match=r"model\.onnx is cut off"):
        outline(path)


@pytest.mark.parametrize("large", [False, True])
def test_half_precision_is_the_same_with_the_weights_in_the_file(tmp_path: Path, large: bool) -> None:
    values = np.where(RANDOM.random(LARGE.shape) < 0.1, LARGE * np.float32(1e-8 if large else 1e6), LARGE)
    path = tmp_path / "model.onnx"
    onnx.save(model_of(large=values, small=SMALL), path)
    whole = convert_to_float16(graphs.load(path), keep_io_types=True)
    apart = convert_to_float16(graphs.load(path, external=False), keep_io_types=True, folder=tmp_path)
    assert apart.SerializeToString(deterministic=True) == whole.SerializeToString(deterministic=True)
    assert {item.data_type for item in apart.graph.initializer} == {TensorProto.FLOAT16}
