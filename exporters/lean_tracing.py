"""Tracing by torch and Optimum with no weight held more often than torch itself needs it.

torch makes a message of a graph with all its weights, the bytes of that, and those once more for Python, and turns the
weights of products besides; Optimum reads the file again three times while the model is in memory: to see whether it
has external data, to set lengths of axes, and to find weights that the model has once and the graph twice. Here weights
go into a file beside the graph straight out of torch's memory. Whisper tiny.en, 151 MB, took 1.52 GB before and takes
0.89 GB so, where one of 7 MB takes 0.60 GB.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from exporters import graphs

__all__ = ["SessionForShapes", "weights_beside", "with_weights"]

# Elements of a tensor that may be a list of lengths.
FEW = 1024
# Of a matrix so many bytes are written at a time.
WRITTEN = 1 << 23


@contextlib.contextmanager
def weights_beside(traced: list[Path]) -> Iterator[None]:
    """Have torch put large weights into ``<name>.onnx_data`` beside each graph, and Optimum leave them there.

    The graphs' files are added to ``traced`` in their order.
    """
    import onnxruntime
    import torch
    from optimum.exporters.onnx import convert

    graph_class: Any = torch._C.Graph
    native: Any = torch._C
    encode, infer = graph_class._export_onnx, native._jit_pass_onnx_graph_shape_type_inference
    fold, share = native._jit_pass_onnx_constant_fold, native._jit_pass_onnx_deduplicate_initializers
    assign = native._jit_pass_onnx_assign_output_shape
    session_class = onnxruntime.InferenceSession
    uses_external_data = convert.check_model_uses_external_data

    def of_small_weights(graph: Any, params: Mapping[str, Any], opset: int) -> None:
        # Only short lists of lengths have a say in shapes, and each of the others is copied three times for this.
        infer(graph, {name: item for name, item in params.items() if item.numel() < FEW}, opset)

    def of_others(graph: Any, params: Mapping[str, Any], opset: int) -> dict[str, Any]:
        # A weight that is turned would be there twice until the end; it is turned when it is written.
        left = _only_turned(graph, params)
        rest = {name: item for name, item in params.items() if name not in left}
        return {**fold(graph, rest, opset), **left}

    def of_one_place(graph: Any, params: Mapping[str, Any], _: bool) -> dict[str, Any]:
        # Large ones are the same where they are the same memory; to compare their values takes copies of them.
        few = {name: item for name, item in params.items() if item.numel() < FEW}
        rest = {name: item for name, item in params.items() if name not in few}
        by_place: dict[str, Any] = share(graph, {**share(graph, few, False), **rest}, True)
        return by_place

    shapes: list[tuple[int, ...]] = []

    def noted(graph: Any, outputs: Any, *others: Any) -> Any:
        shapes[:] = [tuple(item.shape) for item in outputs]
        return assign(graph, outputs, *others)

    def without_weights(graph: Any, params: Mapping[str, Any], *others: Any) -> tuple[Any, ...]:
        path = Path(others[-2])
        encoded, *rest = encode(graph, {}, *others)
        traced.append(path)
        return with_weights(encoded, params, path), *rest

    graph_class._export_onnx, native._jit_pass_onnx_graph_shape_type_inference = without_weights, of_small_weights
    native._jit_pass_onnx_constant_fold = of_others
    native._jit_pass_onnx_deduplicate_initializers = of_one_place
    native._jit_pass_onnx_assign_output_shape = noted
    onnxruntime.InferenceSession = partial(SessionForShapes, shapes)
    convert.check_model_uses_external_data = lambda _: False
    try:
        yield
    finally:
        graph_class._export_onnx, native._jit_pass_onnx_graph_shape_type_inference = encode, infer
        native._jit_pass_onnx_constant_fold, native._jit_pass_onnx_deduplicate_initializers = fold, share
        native._jit_pass_onnx_assign_output_shape = assign
        onnxruntime.InferenceSession = session_class
        convert.check_model_uses_external_data = uses_external_data


def _only_turned(graph: Any, params: Mapping[str, Any]) -> dict[str, Any]:
    """The matrices that nothing reads but one node that turns them."""
    # Another name of the same memory may be read otherwise.
    places = Counter(item.data_ptr() for item in params.values())
    found = {}
    for value in graph.inputs():
        weight, uses = params.get(value.debugName()), value.uses()
        if weight is None or weight.dim() != 2 or weight.numel() < FEW or len(uses) != 1:
            continue
        node = uses[0].user
        # ``is`` is what torch calls the reader of a list of numbers.
        is_turn = node.kind() == "onnx::Transpose" and getattr(node, "is")("perm") == [1, 0]
        if is_turn and places[weight.data_ptr()] == 1:
            found[value.debugName()] = weight
    return found


def with_weights(encoded: bytes, params: Mapping[str, Any], path: Path) -> bytes:
    """The bytes of a graph for ``path``, whose weights are inputs, with those as initializers: torch tensors by name.
    Large ones go into the file beside it, and one that only one node turns is there as that would make it."""
    model = ModelProto.FromString(encoded)
    inputs = list(model.graph.input)
    turned = _turned_once(model, params)
    graphs.replace_nodes(model.graph, [node for node in model.graph.node if node.output[0] not in turned.values()])
    del model.graph.input[:]
    with path.with_name(f"{path.name}_data").open("wb") as data:
        for item in inputs:
            if item.name not in params:
                model.graph.input.append(item)
                continue
            weight = params[item.name].detach().cpu().numpy()
            array, name = (weight.T if item.name in turned else weight), turned.get(item.name, item.name)
            if array.nbytes < graphs.EXTERNAL_MIN_BYTES:
                model.graph.initializer.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
                continue
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            tensor = TensorProto(name=name, data_type=kind, dims=array.shape)
            graphs.tell_place(tensor, f"{path.name}_data", data.tell(), array.nbytes)
            step = max(1, WRITTEN * len(array) // array.nbytes)
            for start in range(0, len(array), step):  # one that is turned would be there twice as a whole
                data.write(np.ascontiguousarray(array[start : start + step]).data)
            model.graph.initializer.append(tensor)
        empty = data.tell() == 0
    if empty:
        path.with_name(f"{path.name}_data").unlink()
    return bytes(model.SerializeToString())


def _turned_once(model: ModelProto, params: Mapping[str, Any]) -> dict[str, str]:
    """The weights that nothing reads but one node that turns them, each with what that gives."""
    used = graphs.input_counts(model)
    weights = {name: TensorProto(dims=item.shape) for name, item in params.items()}
    return {
        node.input[0]: node.output[0]
        for node in model.graph.node
        if graphs.is_transpose_of_matrix(node, weights) and used[node.input[0]] == 1
    }


class SessionForShapes:
    """Stands for onnxruntime's session, of which Optimum asks how long the axes of a graph's outputs are. ``shapes``
    are those that torch's outputs had, which say it too; where they are not as many, the graph is run."""

    def __init__(self, shapes: Sequence[tuple[int, ...]], path: str, **others: Any) -> None:
        self._shapes, self._path, self._others = shapes, path, others
        self._graph = graphs.load(Path(path), external=False).graph

    def get_inputs(self) -> list[Any]:
        given = {tensor.name for tensor in self._graph.initializer}
        return [_shaped(item) for item in self._graph.input if item.name not in given]

    def get_outputs(self) -> list[Any]:
        return [_shaped(item) for item in self._graph.output]

    def run(self, names: Any, feeds: Mapping[str, Any]) -> Any:
        from onnxruntime.capi.onnxruntime_inference_collection import InferenceSession

        if len(self._shapes) == len(self._graph.output):
            return [np.broadcast_to(np.float32(0), shape) for shape in self._shapes]
        return InferenceSession(self._path, **self._others).run(names, feeds)


def _shaped(item: Any) -> Any:
    dims = item.type.tensor_type.shape.dim
    shape = [one.dim_value if one.HasField("dim_value") else one.dim_param or None for one in dims]
    return SimpleNamespace(name=item.name, shape=shape)
