"""Reading, changing and writing ONNX graphs, with the graphs inside ``If`` nodes included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from exporters.outlines import EXTERNAL_MIN_BYTES, outline

__all__ = [
    "EXTERNAL_DATA_FROM_BYTES",
    "EXTERNAL_MIN_BYTES",
    "array_of",
    "attribute",
    "bring_in",
    "drop_unused",
    "files_of",
    "graphs_within",
    "input_counts",
    "is_transpose_of_matrix",
    "load",
    "needed",
    "replace_nodes",
    "save",
    "scores_of",
    "weights_of",
]

# A protobuf message ends at 2 GiB; a graph near it has its weights beside it.
EXTERNAL_DATA_FROM_BYTES = 1_900_000_000

# What makes scores of a head's product.
TO_SCORES = ("Add", "Mul", "Div", "Tanh", "Cast")


def load(path: Path, *, external: bool = True) -> ModelProto:
    """The graph with its weights, from the file and the external data beside it.

    Without ``external`` large weights are left where they are, be it external data or the graph's own file, for
    :func:`array_of` and :func:`bring_in`: a message that was read keeps the memory of all that it ever held.
    """
    if not external:
        return ModelProto.FromString(outline(path))
    model = onnx.load(str(path), load_external_data=False)
    bring_in(model, path.parent)
    return model


def array_of(tensor: TensorProto, folder: Path | None = None) -> np.ndarray[Any, np.dtype[Any]]:
    """A weight; one in a file in ``folder`` is mapped and not read.

    Not by onnx's own reader, which refuses hard links: a graph that is used again is one.
    """
    if tensor.data_location != TensorProto.EXTERNAL or folder is None:
        array: np.ndarray[Any, np.dtype[Any]] = numpy_helper.to_array(tensor)
        return array
    place = {item.key: item.value for item in tensor.external_data}
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    file = folder / Path(place["location"]).name
    return np.memmap(file, dtype, "r", int(place.get("offset", 0)), tuple(tensor.dims))


def bring_in(model: ModelProto, folder: Path) -> None:
    """Read the weights that are still in files in ``folder``."""
    for tensor in weights_of(model).values():
        if tensor.data_location == TensorProto.EXTERNAL:
            tensor.raw_data = array_of(tensor, folder).tobytes()
            tensor.ClearField("data_location")
            del tensor.external_data[:]


def save(model: ModelProto, path: Path, *, external: bool = False) -> None:
    """Write a graph. Weights over the limit of protobuf, or with ``external``, go to ``<name>.onnx_data`` beside it.

    Those are mapped by who loads the graph, not copied: SmolLM2-135M in 4 bits takes 211 MB so and 278 MB without.
    """
    data = path.with_name(path.name + "_data")
    for old in (path, data):
        old.unlink(missing_ok=True)
    if not external and model.ByteSize() < EXTERNAL_DATA_FROM_BYTES:
        path.write_bytes(model.SerializeToString())
        return
    onnx.save(model, str(path), save_as_external_data=True, location=data.name, size_threshold=EXTERNAL_MIN_BYTES)
    data.chmod(path.stat().st_mode & 0o777)  # onnx keeps it from all but the owner


def files_of(path: Path) -> list[Path]:
    """The file of a graph and that of its external data, where it has one."""
    external = path.with_name(path.name + "_data")
    return [path, external] if external.exists() else [path]


def graphs_within(graph: GraphProto) -> Iterator[GraphProto]:
    """The graph and all graphs in attributes of its nodes, the outer before the inner."""
    yield graph
    for node in graph.node:
        for item in node.attribute:
            inner = [item.g] if item.type == onnx.AttributeProto.GRAPH else list(item.graphs)
            for one in inner:
                yield from graphs_within(one)


def weights_of(model: ModelProto) -> dict[str, TensorProto]:
    """All initializers by name, those of inner graphs too."""
    return {tensor.name: tensor for graph in graphs_within(model.graph) for tensor in graph.initializer}


def input_counts(model: ModelProto) -> Counter[str]:
    """How often each value is used: by nodes, and as an output of a graph."""
    counts: Counter[str] = Counter()
    for graph in graphs_within(model.graph):
        counts.update(name for node in graph.node for name in node.input)
        counts.update(item.name for item in graph.output)
    return counts


def attribute(node: NodeProto, name: str, default: int) -> int:
    """An integer attribute of a node."""
    return next((int(item.i) for item in node.attribute if item.name == name), default)


def is_transpose_of_matrix(node: NodeProto, weights: dict[str, TensorProto]) -> bool:
    """Whether a node only turns a weight of two axes, as tied output heads do with the embedding."""
    if node.op_type != "Transpose" or node.input[0] not in weights or len(weights[node.input[0]].dims) != 2:
        return False
    order = next((list(item.ints) for item in node.attribute if item.name == "perm"), [1, 0])
    return order == [1, 0]


def scores_of(model: ModelProto) -> set[str]:
    """The outputs of a model, and what becomes one of them by constants alone: a bias, a factor, a soft cap."""
    constants = weights_of(model).keys() | {node.output[0] for node in model.graph.node if node.op_type == "Constant"}
    found = {item.name for item in model.graph.output}
    for node in reversed(model.graph.node):
        if node.op_type in TO_SCORES and found.intersection(node.output):
            changing = [name for name in node.input if name not in constants]
            found.update(changing if len(changing) == 1 else ())
    return found


def drop_unused(model: ModelProto) -> None:
    """Remove the initializers that nothing uses."""
    used = input_counts(model)
    for graph in graphs_within(model.graph):
        kept = [tensor for tensor in graph.initializer if used[tensor.name]]
        if len(kept) < len(graph.initializer):
            del graph.initializer[:]
            graph.initializer.extend(kept)


def replace_nodes(graph: GraphProto, nodes: list[NodeProto]) -> None:
    """Give a graph these nodes instead of its own."""
    kept = list(nodes)
    del graph.node[:]
    graph.node.extend(kept)


def needed(graph: GraphProto, nodes: list[NodeProto]) -> list[NodeProto]:
    """Those nodes that an output of the graph comes of, in their order."""
    wanted = {item.name for item in graph.output}
    kept = []
    for node in reversed(nodes):
        if wanted & set(node.output):
            kept.append(node)
            wanted.update(node.input)
            wanted.update(name for inner in _inner(node) for part in inner.node for name in part.input)
    return kept[::-1]


def _inner(node: NodeProto) -> Iterator[GraphProto]:
    for item in node.attribute:
        if item.HasField("g"):
            yield from graphs_within(item.g)
