"""Dynamic int8: weights in signed 8 bits with a scale per output channel, activations quantized as they come.

The nodes are those of the ONNX operators' own definition (``DynamicQuantizeLinear``, ``MatMulInteger``), which
onnxruntime fuses into one kernel.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper

from exporters.graphs import Aside
from exporters.rewrite import Array, WeightRewriter

__all__ = ["Dynamic", "mark_overflow_free", "quantize_columns", "quantize_dynamically", "quantize_rows"]

# Kept in the graph's metadata, where workbench/runtime/graph_metadata.py finds it.
OVERFLOW_FREE = "workbench.overflow_free"
# Two weights of one sign add up to no more than this: 255 times as much is still a number of 16 bits.
PAIR_LIMIT = 128


def quantize_rows(matrix: Array) -> tuple[Array, Array]:
    """Quantize a float32 matrix with one symmetric scale for each row: int8 values in [-127, 127] of the same shape,
    and float32 scales [rows]."""
    scales = _no_zeros(np.abs(matrix).max(axis=1) / 127)
    return np.rint(matrix / scales[:, None]).astype(np.int8), scales


def quantize_columns(matrix: Array) -> tuple[Array, Array]:
    """Quantize a float32 matrix [inputs, outputs], the right side of a product, with one symmetric scale for each
    column: int8 values of the same shape, and float32 scales [outputs].

    Processors with AVX2 but without VNNI multiply unsigned by signed bytes and add two neighbours in 16 bits. With
    scales at which no pair of weights can overflow there, onnxruntime may use that kernel, a quarter faster than the
    one it needs otherwise, and every processor answers the same. For weights that are spread as those of networks are,
    scales grow by a fifth only, where weights of 7 bits would double them: the mean cosine of MiniLM's vectors to fp32
    is 0.9977, with the full range 0.9980, with 7 bits 0.9968, and 0.9950 with the full range and overflows.
    """
    inputs = len(matrix)
    pairs = np.zeros((inputs + inputs % 2, *matrix.shape[1:]), np.float32)
    pairs[:inputs] = matrix
    largest = np.abs(matrix).max(axis=0) / 127
    for side in (np.maximum(pairs, 0), np.maximum(-pairs, 0)):
        # Each of two is rounded up by half a step at most.
        largest = np.maximum(largest, (side[::2] + side[1::2]).max(axis=0) / (PAIR_LIMIT - 1))
    scales = _no_zeros(largest)
    return np.rint(matrix / scales).astype(np.int8), scales


def _no_zeros(scales: Array) -> Array:
    return np.where(scales == 0, np.float32(1), scales).astype(np.float32)


def mark_overflow_free(model: ModelProto) -> None:
    """Note in a model that no product of its 8-bit weights overflows on any processor."""
    others = {item.key: item.value for item in model.metadata_props}
    helper.set_model_props(model, others | {OVERFLOW_FREE: "1"})


def quantize_dynamically(model: ModelProto, aside: Aside) -> int:
    """Replace the constant matrices and large embeddings of a model; returns how many nodes were replaced. New
    weights go ``aside``."""
    mark_overflow_free(model)
    return Dynamic(model, aside).run()


class Dynamic(WeightRewriter):
    """Static int8 builds on it."""

    def __init__(self, model: ModelProto, aside: Aside) -> None:
        super().__init__(model, aside)
        self._stored: dict[tuple[str, bool], tuple[str, str]] = {}

    def product(self, node: NodeProto, weight: str, output: str, *, rows_are_outputs: bool) -> list[NodeProto]:
        values, scales = self.columns(weight, rows_are_outputs=rows_are_outputs)
        given = [f"{output}_given", f"{output}_given_scale", f"{output}_given_zero"]
        name = node.name
        return [
            helper.make_node("DynamicQuantizeLinear", [node.input[0]], given, name=f"{name}_quantize"),
            helper.make_node(
                "MatMulInteger", [given[0], values, given[2]], [f"{output}_int32"], name=f"{name}_integer"
            ),
            helper.make_node(
                "Cast", [f"{output}_int32"], [f"{output}_cast"], name=f"{name}_cast", to=TensorProto.FLOAT
            ),
            helper.make_node("Mul", [given[1], scales], [f"{output}_scales"], name=f"{name}_scales"),
            helper.make_node("Mul", [f"{output}_cast", f"{output}_scales"], [output], name=f"{name}_scale"),
        ]

    def embedding(self, node: NodeProto) -> list[NodeProto]:
        """Look the rows up in int8 and scale only those; a tied table is shared with the head, which has it turned."""
        table, ids = node.input[0], node.input[1]
        last = self.add_weight("int8_last_axis", np.array([-1], np.int64))
        out, name = node.output[0], node.name
        if self.is_tied(table):
            values, scales = self.columns(table, rows_are_outputs=True)
            # [width, batch, sequence] → [batch, sequence, width]; ids have two axes in every decoder
            rows = [
                helper.make_node("Gather", [values, ids], [f"{out}_turned"], name=f"{name}_values", axis=1),
                helper.make_node("Transpose", [f"{out}_turned"], [f"{out}_int8"], name=f"{name}_turn", perm=[1, 2, 0]),
            ]
        else:
            values, scales = self._rows(table)
            rows = [helper.make_node("Gather", [values, ids], [f"{out}_int8"], name=f"{name}_values", axis=0)]
        return [
            *rows,
            helper.make_node("Cast", [f"{out}_int8"], [f"{out}_cast"], name=f"{name}_cast", to=TensorProto.FLOAT),
            helper.make_node("Gather", [scales, ids], [f"{out}_scales"], name=f"{name}_scales", axis=0),
            helper.make_node("Unsqueeze", [f"{out}_scales", last], [f"{out}_wide"], name=f"{name}_widen"),
            helper.make_node("Mul", [f"{out}_cast", f"{out}_wide"], [out], name=f"{name}_scale"),
        ]

    def columns(self, weight: str, *, rows_are_outputs: bool) -> tuple[str, str]:
        """Names of the int8 weight as [inputs, outputs] and of its scales, made once for all nodes."""
        key = (weight, rows_are_outputs)
        if key not in self._stored:
            matrix = self.matrix(weight)
            values, scales = quantize_columns(matrix.T if rows_are_outputs else matrix)
            stem = f"{weight}_turned" if rows_are_outputs else weight
            self._stored[key] = (self.add_weight(f"{stem}_int8", values), self.add_weight(f"{stem}_scale", scales))
        return self._stored[key]

    def _rows(self, table: str) -> tuple[str, str]:
        values, scales = quantize_rows(self.matrix(table))
        return self.add_weight(f"{table}_rows_int8", values), self.add_weight(f"{table}_rows_scale", scales)
