"""Reading, changing and writing ONNX graphs, with the graphs inside ``If`` nodes included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, StringStringEntryProto, TensorProto, helper, numpy_helper

from exporters.outlines import EXTERNAL_MIN_BYTES, outline, write_filled

__all__ = [
    "EXTERNAL_DATA_FROM_BYTES",
    "EXTERNAL_MIN_BYTES",
    "Aside",
    "array_of",
    "attribute",
    "bring_in",
    "drop_unused",
    "files_of",
    "for_session",
    "graphs_within",
    "input_counts",
    "is_transpose_of_matrix",
    "load",
    "needed",
    "replace_nodes",
    "save",
    "scores_of",
    "tell_place",
    "weights_of",
]

# A protobuf message ends at 2 GiB; a graph near it has its weights beside it.
EXTERNAL_DATA_FROM_BYTES = 1_900_000_000

# What makes scores of a head's product.
TO_SCORES = ("Add", "Mul", "Div", "Tanh", "Cast")


def load(path: Path, *, external: bool = True) -> ModelProto:
    """The graph with its weights, from the file and the external data beside it.

    Without ``external`` large weights are left where they are, be it external data or the graph's own file, for
    :func:`array_of` and :func:`save`: a message that was read keeps the memory of all that it ever held.
    """
    model = for_session(path)
    for item in _locations(model):
        item.value = str(path.absolute().parent / item.value)
    if external:
        bring_in(model)
    return model


def for_session(path: Path) -> ModelProto:
    """The graph with its large weights left in the files beside which onnxruntime finds it, once it is saved there: a
    session takes no others than those beside its graph."""
    model = ModelProto.FromString(outline(path))
    for item in _locations(model):
        item.value = Path(item.value).name
    return model


def _locations(model: ModelProto) -> Iterator[StringStringEntryProto]:
    """What tells in which files weights lie."""
    for graph in graphs_within(model.graph):
        for tensor in graph.initializer:
            yield from (item for item in tensor.external_data if item.key == "location")


def array_of(tensor: TensorProto) -> np.ndarray[Any, np.dtype[Any]]:
    """A weight; one in a file is mapped and not read.

    Not by onnx's own reader, which refuses hard links: a graph that is used again is one.
    """
    if tensor.data_location != TensorProto.EXTERNAL:
        array: np.ndarray[Any, np.dtype[Any]] = numpy_helper.to_array(tensor)
        return array
    place = {item.key: item.value for item in tensor.external_data}
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    return np.memmap(place["location"], dtype, "r", int(place.get("offset", 0)), tuple(tensor.dims))


def bring_in(model: ModelProto) -> None:
    """Read the weights that are still in files."""
    for graph in graphs_within(model.graph):
        _bring_in(graph)


def _bring_in(graph: GraphProto) -> None:
    for tensor in graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            tensor.raw_data = array_of(tensor).tobytes()
            tensor.ClearField("data_location")
            del tensor.external_data[:]


def save(model: ModelProto, path: Path, *, external: bool = False) -> None:
    """Write a graph, with its weights that are in files. Weights over the limit of protobuf, or with ``external``, go
    to ``<name>.onnx_data`` beside it.

    Those are mapped by who loads the graph, not copied: SmolLM2-135M in 4 bits takes 211 MB so and 278 MB without.
    What was in the files that are written anew is not to be asked of this model any more.
    """
    for inner in list(graphs_within(model.graph))[1:]:
        _bring_in(inner)
    lengths = [_length(tensor) for tensor in model.graph.initializer]
    apart = sum(
        length
        for tensor, length in zip(model.graph.initializer, lengths, strict=True)
        if tensor.data_location == TensorProto.EXTERNAL
    )
    external = external or model.ByteSize() + apart >= EXTERNAL_DATA_FROM_BYTES
    data = path.with_name(path.name + "_data")
    made, made_data = (item.with_name(f"{item.name}.new") for item in (path, data))
    told, begins = [], 0
    for tensor, length in zip(model.graph.initializer, lengths, strict=True):
        head = TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims) if length else tensor
        if external and length:
            tell_place(head, data.name, begins, length)
            begins += length
        told.append((head, 0 if external else length))

    def content(number: int) -> memoryview:
        return np.ascontiguousarray(array_of(model.graph.initializer[number])).reshape(-1).view(np.uint8).data

    with made.open("wb") as file:
        write_filled(model, file, told, content)
    if external:
        with made_data.open("wb") as file:
            for number, length in enumerate(lengths):
                if length:
                    file.write(content(number))
        made_data.replace(data)
    else:
        data.unlink(missing_ok=True)
    made.replace(path)


def _length(tensor: TensorProto) -> int:
    """How many bytes of a weight are written for it by themselves, 0 where it is small and in the message."""
    if tensor.data_location == TensorProto.EXTERNAL:
        return array_of(tensor).nbytes
    return len(tensor.raw_data) if len(tensor.raw_data) >= EXTERNAL_MIN_BYTES else 0


def tell_place(tensor: TensorProto, location: str, offset: int, length: int) -> None:
    """Have a weight be so many bytes of a file."""
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": offset, "length": length}.items():
        tensor.external_data.add(key=key, value=str(value))


class Aside:
    """New weights, in a file until the graph that has them is saved: a message keeps the memory of all that it held.

    To be used in a ``with``, at the end of which the file is removed. Without a ``path`` they are in the messages.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            self._file = self._path.open("wb")
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None and self._path is not None:
            self._file.close()
            self._path.unlink()

    def tensor(self, array: np.ndarray[Any, np.dtype[Any]], name: str) -> TensorProto:
        """A weight with this name and these values."""
        array = np.asarray(array, order="C")  # which keeps a number without axes one
        if self._file is None or array.nbytes < EXTERNAL_MIN_BYTES:
            made: TensorProto = numpy_helper.from_array(array, name)
            return made
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        made = TensorProto(name=name, data_type=kind, dims=array.shape)
        tell_place(made, str(self._file.name), self._file.tell(), array.nbytes)
        self._file.write(array.reshape(-1).view(np.uint8).data)
        self._file.flush()
        return made


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
