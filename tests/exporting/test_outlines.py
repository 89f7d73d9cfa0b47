"""Graphs read without their large weights, changed and written so."""

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
    large, small = graphs.load(path, external=False).graph.initializer
    assert np.array_equal(graphs.array_of(large), LARGE)
    assert np.array_equal(graphs.array_of(small), SMALL)
    assert graphs.load(path).SerializeToString() == path.read_bytes()


@pytest.mark.parametrize("was_beside", [False, True])
@pytest.mark.parametrize("beside", [False, True])
def test_a_graph_is_written_out_of_files_even_over_itself(tmp_path: Path, was_beside: bool, beside: bool) -> None:
    path, other = tmp_path / "model.onnx", tmp_path / "other.onnx"
    whole = model_of(large=LARGE, small=SMALL)
    graphs.save(whole, path, external=was_beside)
    for target in (other, path):
        graphs.save(graphs.load(path, external=False), target, external=beside)
        assert len(graphs.files_of(target)) == 1 + beside
        assert graphs.load(target) == whole
        assert np.array_equal(numpy_helper.to_array(onnx.load(target).graph.initializer[0]), LARGE)
        onnx.checker.check_model(target)
    assert {item.name for item in tmp_path.iterdir()} == {
        item.name for target in (other, path) for item in graphs.files_of(target)
    }


@pytest.mark.parametrize("external", [False, True])
def test_the_limit_of_a_message_counts_each_weight_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, external: bool
) -> None:
    path = tmp_path / "model.onnx"
    graphs.save(model_of(large=LARGE, small=SMALL), path)
    for limit, files in ((LARGE.nbytes + 1000, 1), (LARGE.nbytes, 2)):
        monkeypatch.setattr(graphs, "EXTERNAL_DATA_FROM_BYTES", limit)
        graphs.save(graphs.load(path, external=external), path)
        assert len(graphs.files_of(path)) == files


def test_of_branches_the_weights_are_written_too(tmp_path: Path) -> None:
    inner = helper.make_graph(
        [helper.make_node("Identity", ["within"], ["chosen"])],
        "branch",
        [],
        [helper.make_tensor_value_info("chosen", TensorProto.FLOAT, LARGE.shape)],
        [numpy_helper.from_array(LARGE, "within")],
    )
    model = model_of(large=LARGE, small=SMALL)
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "which"))
    model.graph.node.append(helper.make_node("If", ["which"], ["w"], then_branch=inner, else_branch=inner))
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    graphs.save(graphs.load(path, external=False), path, external=True)
    graphs.save(graphs.load(path, external=False), path)
    assert graphs.load(path) == model


def test_new_weights_are_in_a_file_until_a_graph_has_them(tmp_path: Path) -> None:
    path, kept = tmp_path / "model.onnx", tmp_path / "aside"
    graphs.save(model_of(large=LARGE, small=SMALL), path)
    model = graphs.load(path, external=False)
    with graphs.Aside(kept) as aside:
        for tensor in model.graph.initializer:
            tensor.CopyFrom(aside.tensor(2 * graphs.array_of(tensor).T, tensor.name))
        assert kept.stat().st_size == LARGE.nbytes  # few numbers stay in the message
        assert model.ByteSize() < 1000
        graphs.save(model, path)
    assert not kept.exists()
    assert graphs.load(path).graph.initializer[0] == numpy_helper.from_array(np.ascontiguousarray(2 * LARGE.T), "large")


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
    whole = convert_to_float16(graphs.load(path), graphs.Aside(), keep_io_types=True)
    with graphs.Aside(tmp_path / "aside") as aside:
        apart = convert_to_float16(graphs.load(path, external=False), aside, keep_io_types=True)
        graphs.bring_in(apart)
    assert apart.SerializeToString(deterministic=True) == whole.SerializeToString(deterministic=True)
    assert {item.data_type for item in apart.graph.initializer} == {TensorProto.FLOAT16}
