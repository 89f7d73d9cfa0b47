"""Metadata of ONNX files, of whole ones and of what is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from workbench.runtime.graph_metadata import graph_metadata


def graph_file(folder: Path, **properties: str) -> Path:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    weight = numpy_helper.from_array(np.zeros(100_000, np.float32), "w")
    model = helper.make_model(
        helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [], [weight])
    )
    helper.set_model_props(model, properties)
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_keys_and_values_behind_the_graph(tmp_path: Path) -> None:
    assert graph_metadata(graph_file(tmp_path, one="1", two="zwei ü")) == {"one": "1", "two": "zwei ü"}
    assert graph_metadata(graph_file(tmp_path)) == {}


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"no protobuf at all", bytes(1000), b"\x72\x7f"])
def test_what_is_no_graph_has_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    assert graph_metadata(path) == {}
    assert graph_metadata(tmp_path / "nothing.onnx") == {}


def test_a_file_cut_off_anywhere_is_no_crash(tmp_path: Path) -> None:
    whole = graph_file(tmp_path, key="value").read_bytes()
    for length in (1, 10, 50, len(whole) - 20, len(whole) - 5, len(whole) - 1):
        (tmp_path / "cut.onnx").write_bytes(whole[:length])
        assert set(graph_metadata(tmp_path / "cut.onnx")) <= {"key"}
