"""Weights and activations in float16, through onnxruntime's converter and around its gaps in ``If`` branches."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

from exporters import graphs
from exporters.graphs import Aside
from exporters.rewrite import Array

__all__ = ["convert_to_float16"]

SLICE_ELEMENTS = 1 << 20


def convert_to_float16(model: ModelProto, aside: Aside, *, keep_io_types: bool) -> ModelProto:
    """The model in float16, with inputs and outputs as they were if ``keep_io_types``. Changes the one given.

    The converter, which would hold six copies of all weights, sees none of those that are in files: they are converted
    one after the other behind it, and go ``aside``.
    """
    from onnx.shape_inference import infer_shapes
    from onnxruntime.transformers.float16 import convert_float_to_float16

    optional = _take_optional_inputs(model)
    _name_values_of_branches_apart(model)
    # Inference of shapes passes the model through one protobuf message, which ends at 2 GiB.
    if model.ByteSize() < graphs.EXTERNAL_DATA_FROM_BYTES:
        model = infer_shapes(model)
    outside = _take_weights_out(model)
    converted: ModelProto = convert_float_to_float16(model, keep_io_types=keep_io_types, disable_shape_infer=True)
    _move_casts_into_branches(converted)
    _put_weights_in(converted, outside, aside)
    for tensor in converted.graph.initializer:
        if tensor.name in optional:
            converted.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    return converted


def _take_weights_out(model: ModelProto) -> dict[str, TensorProto]:
    """Leave empty tensors in the place of those that lie in a file, and return what told of them."""
    outside = {}
    for graph in graphs.graphs_within(model.graph):
        for tensor in graph.initializer:
            if tensor.data_location == TensorProto.EXTERNAL:
                outside[tensor.name] = kept = TensorProto()
                kept.CopyFrom(tensor)
                tensor.ClearField("data_location")
                del tensor.external_data[:]
                tensor.dims[:] = [0]
    return outside


def _put_weights_in(model: ModelProto, outside: Mapping[str, TensorProto], aside: Aside) -> None:
    """Give the tensors their shape and their values again, those in float16 that the converter made so."""
    for tensor in graphs.weights_of(model).values():
        if tensor.name in outside:
            told = outside[tensor.name]
            is_converted = tensor.data_type != told.data_type
            tensor.CopyFrom(aside.tensor(_halves(graphs.array_of(told)), told.name) if is_converted else told)
    for item in model.graph.value_info:
        # What the converter appends to the name of a weight that it casts back for a node.
        told_of = outside.get(item.name.removesuffix("_cast_to_fp32"))
        if told_of is not None:
            made = helper.make_tensor_value_info(item.name, item.type.tensor_type.elem_type, told_of.dims)
            item.CopyFrom(made)


def _halves(values: Array) -> Array:
    """In slices: the converter's own function makes several arrays of the size of what it is given."""
    from onnxruntime.transformers.float16 import convert_np_to_float16

    flat = values.reshape(-1)
    made = np.empty(len(flat), np.float16)
    for start in range(0, len(flat), SLICE_ELEMENTS):
        part = slice(start, start + SLICE_ELEMENTS)
        made[part] = convert_np_to_float16(flat[part])
    return made.reshape(values.shape)


def _take_optional_inputs(model: ModelProto) -> set[str]:
    """Inputs that have an initializer, out of the list: the converter would cast them and change their default too."""
    optional = {item.name for item in model.graph.initializer}
    taken = [item for item in model.graph.input if item.name in optional]
    for item in taken:
        model.graph.input.remove(item)
    return {item.name for item in taken}


def _name_values_of_branches_apart(model: ModelProto) -> None:
    """Give every value of a branch a name that no other graph has.

    The branches of a merged decoder use the same names for values of different types, and so does the outermost graph
    for its outputs; the converter looks types up by name alone.
    """
    for number, graph in enumerate(graphs.graphs_within(model.graph)):
        if number == 0:
            continue
        made = {name for node in graph.node for name in node.output} | {item.name for item in graph.initializer}
        renamed = {name: f"{name}_branch_{number}" for name in made if name}
        for inner in graphs.graphs_within(graph):
            for node in inner.node:
                for names in (node.input, node.output):
                    for position, name in enumerate(names):
                        names[position] = renamed.get(name, name)
        for item in (*graph.output, *graph.value_info, *graph.initializer):
            item.name = renamed.get(item.name, item.name)


def _move_casts_into_branches(model: ModelProto) -> None:
    """Put casts where the value they cast is made.

    The converter appends the casts around an operator without a float16 form (``Range``, ``Min`` …) to the outermost
    graph, even when the operator is in a branch.
    """
    outermost = model.graph
    known = {item.name for item in (*outermost.input, *outermost.initializer)}
    known |= {name for node in outermost.node for name in node.output}
    stray: dict[str, dict[str, NodeProto]] = {}
    for node in outermost.node:
        if node.op_type == "Cast" and node.input[0] not in known:
            stray.setdefault(node.input[0], {})[node.output[0]] = node
    if not stray:
        return
    for graph in list(graphs.graphs_within(outermost))[:0:-1]:
        _insert_behind_producers(graph, stray)
    graphs.replace_nodes(outermost, [node for node in outermost.node if not _is_stray(node, stray)])


def _insert_behind_producers(graph: GraphProto, stray: Mapping[str, Mapping[str, NodeProto]]) -> None:
    made = {name for node in graph.node for name in node.output}
    if not made & stray.keys():
        return
    nodes = []
    for node in graph.node:
        nodes.append(node)
        for name in node.output:
            nodes.extend(stray.get(name, {}).values())
    graphs.replace_nodes(graph, nodes)


def _is_stray(node: NodeProto, stray: Mapping[str, Mapping[str, NodeProto]]) -> bool:
    return node.op_type == "Cast" and node.output[0] in stray.get(node.input[0], {})
