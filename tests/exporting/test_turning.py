"""A table that is turned once, and its users in both branches."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from exporters import graphs
from exporters.quantize import quantize, recipe_for
from exporters.turning import turn_once
from tests.exporting.test_quantizing import IDS, TABLE, cosine, merged, run, tied


def test_a_table_is_turned_outside_of_both_branches(tmp_path: Path) -> None:
    before, after = tmp_path / "before.onnx", tmp_path / "after.onnx"
    model = merged()
    graphs.save(model, before)
    assert turn_once(model) == 1
    graphs.save(model, after)
    places = [
        depth
        for depth, graph in enumerate(graphs.graphs_within(model.graph))
        for node in graph.node
        if node.op_type == "Transpose"
    ]
    assert places == [0]
    for use_cache in (True, False):
        feeds = {"ids": IDS, "use_cache": np.array([use_cache])}
        np.testing.assert_array_equal(run(after, **feeds), run(before, **feeds))


def test_a_table_that_was_turned_outside_is_quantized_once(tmp_path: Path) -> None:
    source, target = tmp_path / "model.onnx", tmp_path / "decoder_int8.onnx"
    model = merged()
    turn_once(model)
    graphs.save(model, source)
    for precision, least in (("int8", 0.999), ("fp16", 0.9999)):
        quantize(source, target, recipe_for(precision, "text-generation"))
        feeds = {"ids": IDS, "use_cache": np.array([True])}
        assert cosine(run(target, **feeds), run(source, **feeds)) > least
        large = [item for item in graphs.weights_of(graphs.load(target)).values() if np.prod(item.dims) == TABLE.size]
        assert len(large) == 1


def test_a_graph_without_branches_stays(tmp_path: Path) -> None:
    model = tied()
    text = model.SerializeToString()
    assert turn_once(model) == 0
    assert model.SerializeToString() == text
