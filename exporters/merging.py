"""Products of one input in one node: a gate beside its projection, queries beside keys and values.

Each node is divided among the threads by itself, and quantizes its input by itself. When a token is written that is a
part of its time: the products of a feed-forward part of SmolLM2-135M take 6 to 12 % less so on two threads, and those
of a long prompt the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

from exporters import graphs
from exporters.graphs import Aside

__all__ = ["merge_products"]

PRODUCT = "MatMulNBits"
# What must be the same of two products, beside their input.
SAME = ("K", "bits", "block_size", "accuracy_level")


def merge_products(model: ModelProto, aside: Aside) -> int:
    """Make one ``MatMulNBits`` and a ``Split`` of those that read the same value; returns how many nodes went.

    Those that share their weights with another node, have a bias or zero points are left alone. New ones go ``aside``.
    """
    return sum(_merge_in(graph, model, aside) for graph in list(graphs.graphs_within(model.graph)))


def _merge_in(graph: GraphProto, model: ModelProto, aside: Aside) -> int:
    weights = graphs.weights_of(model)
    used = graphs.input_counts(model)
    groups: dict[tuple[str, tuple[int, ...]], list[NodeProto]] = defaultdict(list)
    for node in graph.node:
        if node.op_type == PRODUCT and len(node.input) == 3:
            values, scales = node.input[1:]
            if values in weights and scales in weights and used[values] == used[scales] == 1:
                groups[node.input[0], tuple(graphs.attribute(node, name, 0) for name in SAME)].append(node)
    merged = {nodes[0].output[0]: nodes for nodes in groups.values() if len(nodes) > 1}
    gone = {node.output[0] for nodes in merged.values() for node in nodes[1:]}
    made: list[NodeProto] = []
    for node in graph.node:
        if (output := node.output[0]) in merged:
            made += _together(model, merged[output], weights, aside)
        elif output not in gone:
            made.append(node)
    if gone:
        graphs.replace_nodes(graph, made)
        graphs.drop_unused(model)
    return len(gone)


def _together(
    model: ModelProto, nodes: list[NodeProto], weights: Mapping[str, TensorProto], aside: Aside
) -> list[NodeProto]:
    """The rows of all weights below each other, and the product cut into the outputs that there were."""
    first, stem = nodes[0], f"{nodes[0].output[0]}_together"
    sizes = [graphs.attribute(node, "N", 0) for node in nodes]
    parts = (np.concatenate([graphs.array_of(weights[node.input[place]]) for node in nodes]) for place in (1, 2))
    names = [f"{stem}_blocks", f"{stem}_block_scales", f"{stem}_sizes"]
    for name, array in zip(names, (*parts, np.array(sizes, np.int64)), strict=True):
        model.graph.initializer.append(aside.tensor(array, name))
    product = NodeProto()
    product.CopyFrom(first)
    del product.input[1:], product.output[:]
    product.input.extend(names[:2])
    product.output.append(stem)
    for item in product.attribute:
        if item.name == "N":
            item.i = sum(sizes)
    outputs = [node.output[0] for node in nodes]
    return [product, helper.make_node("Split", [stem, names[2]], outputs, name=f"{first.name}_split", axis=-1)]
