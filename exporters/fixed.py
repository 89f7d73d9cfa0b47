"""Int8 of text encoders: the scales of activations are fixed, by what they were while torch answered the samples.

A scale that is taken of an activation as it comes is one for all texts that go through together, so that a text is
answered otherwise beside another one, and the app gives such a graph one text at a time. With fixed scales it gives
it as many as it gives fp32. 256 sentences through the app, one thread, a processor without VNNI: fp32 115 a second,
with scales as they come 124, with fixed ones 177.

Products are onnxruntime's ``MatMulIntegerToFloat``, with their bias. Those of whose inputs too little is known are
quantized as in :mod:`exporters.dynamic`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import ModelProto, NodeProto, helper

from exporters import graphs
from exporters.activations import Activations, weight_key
from exporters.dynamic import Dynamic, mark_overflow_free
from exporters.graphs import Aside
from exporters.rewrite import Array
from exporters.smoothing import Range, range_of

__all__ = ["quantize_with_ranges", "scale_of"]

DOMAIN = "com.microsoft"
STEPS = 255
# Of all-MiniLM-L6-v2, the mean cosine to fp32 of sentences that were not seen: 0.9906 with the scales of 2 sentences
# (25 tokens), 0.9950 of 5 (70 tokens), 0.9976 of 26 (663 tokens).
LEAST_TOKENS = 256
BIAS = 6  # the place of it among the inputs of a product, behind the zero point of the weights, which is 0


def quantize_with_ranges(
    model: ModelProto, ranges: Mapping[str, Range], activations: Mapping[str, Activations], aside: Aside
) -> tuple[int, int]:
    """Replace the constant matrices and large embeddings of a model; returns how many nodes were replaced, and how many
    of them are products with a fixed scale.

    ``ranges`` are those of inputs by name; ``activations`` tell them of products that were not smoothed. None is fixed
    where the samples were too few. New weights go ``aside``.
    """
    if max((item.rows for item in activations.values()), default=0) < LEAST_TOKENS:
        ranges, activations = {}, {}
    mark_overflow_free(model)
    fixed = _Fixed(model, ranges, activations, aside)
    replaced = fixed.run()
    if fixed.products:
        _take_in_biases(model)
        if not any(item.domain == DOMAIN for item in model.opset_import):
            model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    return replaced, fixed.products


class _Fixed(Dynamic):
    def __init__(
        self, model: ModelProto, ranges: Mapping[str, Range], activations: Mapping[str, Activations], aside: Aside
    ) -> None:
        super().__init__(model, aside)
        self.products = 0
        self._ranges, self._activations = ranges, activations
        self._used = graphs.input_counts(model)
        self._given: dict[str, list[str]] = {}

    def product(self, node: NodeProto, weight: str, output: str, *, rows_are_outputs: bool) -> list[NodeProto]:
        name = node.input[0]
        found = self._ranges.get(name) or self._seen(weight, rows_are_outputs=rows_are_outputs)
        if found is None:
            return super().product(node, weight, output, rows_are_outputs=rows_are_outputs)
        self.products += 1
        values, scales = self.columns(weight, rows_are_outputs=rows_are_outputs)
        made = []
        if name not in self._given:  # queries, keys and values read the same
            scale, zero = scale_of(*found)
            constants = [self.add_weight(f"{name}_scale", scale), self.add_weight(f"{name}_zero", zero)]
            self._given[name] = [f"{name}_uint8", *constants]
            made.append(
                helper.make_node("QuantizeLinear", [name, *constants], [f"{name}_uint8"], name=f"{name}_quantize")
            )
        given, scale_name, zero_name = self._given[name]
        inputs = [given, values, scale_name, scales, zero_name]
        return [*made, helper.make_node("MatMulIntegerToFloat", inputs, [output], name=node.name, domain=DOMAIN)]

    def _seen(self, weight: str, *, rows_are_outputs: bool) -> Range | None:
        """Between what numbers the inputs of a weight were that only one product reads, as tied heads do."""
        if self._used[weight] > 1 and not self.is_tied(weight):
            return None
        matrix = self.matrix(weight)
        seen = self._activations.get(weight_key(matrix[0] if rows_are_outputs else matrix[:, 0]))
        return range_of(seen) if seen is not None else None


def _take_in_biases(model: ModelProto) -> None:
    """An ``Add`` of one number per output behind a product becomes part of it."""
    weights, used = graphs.weights_of(model), graphs.input_counts(model)
    for graph in list(graphs.graphs_within(model.graph))[::-1]:
        makers = {node.output[0]: node for node in graph.node if node.op_type == "MatMulIntegerToFloat"}
        gone = set()
        for node in graph.node:
            product = next((makers[name] for name in node.input if name in makers), None)
            if node.op_type != "Add" or product is None or used[product.output[0]] != 1:
                continue
            bias = next((name for name in node.input if name in weights and len(weights[name].dims) == 1), "")
            if len(product.input) <= BIAS and bias and weights[bias].dims == weights[product.input[3]].dims:
                del makers[product.output[0]]
                product.input.extend(["", bias])
                product.output[0] = node.output[0]
                gone.add(node.output[0])
        if gone:
            graphs.replace_nodes(
                graph, [node for node in graph.node if node.op_type != "Add" or node.output[0] not in gone]
            )


def scale_of(low: float, high: float) -> tuple[Array, Array]:
    """Float32 scale and uint8 zero point, both without axes, of values in [low, high]. Zero is held exactly."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32((high - low) / STEPS or 1.0)
    return np.array(scale, np.float32), np.array(np.clip(np.rint(-low / scale), 0, STEPS), np.uint8)
