"""A table of words that is also the head of a decoder, turned once for both branches of a merged graph.

onnxruntime turns a weight when it loads a graph, and keeps what came of it: in each branch anew, where the node that
turns it lies in the branches. A decoder of BART's kind with a table of 102 MB takes 530 MB so, and 330 MB with the node
outside; its steps take the same time.
"""

from __future__ import annotations

from onnx import ModelProto, helper

from exporters import graphs

__all__ = ["turn_once"]


def turn_once(model: ModelProto) -> int:
    """Move the nodes that turn a weight of the outermost graph out of its branches, in place; returns how many weights
    those are."""
    outer = {tensor.name: tensor for tensor in model.graph.initializer}
    turned: dict[str, str] = {}
    for graph in list(graphs.graphs_within(model.graph))[:0:-1]:  # the inner first, and not the outermost
        given = {item.name for item in graph.output}
        moved = {
            node.output[0]: turned.setdefault(node.input[0], f"{node.input[0]}_turned")
            for node in graph.node
            if graphs.is_transpose_of_matrix(node, outer) and node.output[0] not in given
        }
        if not moved:
            continue
        for inner in graphs.graphs_within(graph):
            for node in inner.node:
                for place, name in enumerate(node.input):
                    node.input[place] = moved.get(name, name)
        kept = [node for node in graph.node if node.output[0] not in moved]
        graphs.replace_nodes(graph, kept)
    made = [helper.make_node("Transpose", [name], [place], name=place, perm=[1, 0]) for name, place in turned.items()]
    if made:
        graphs.replace_nodes(model.graph, [*made, *model.graph.node])
    return len(made)
