"""Weights in blocks of 8 bits with a scale each (``MatMulNBits``), for decoders of language models."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper

from exporters.rewrite import Array, WeightRewriter

__all__ = ["dequantize_blocks", "quantize_blocks", "quantize_in_blocks"]

ZERO_POINT = 128  # what MatMulNBits takes for 8 bits when none is given
SLICE_ELEMENTS = 1 << 24


def quantize_blocks(rows: Array, block_size: int) -> tuple[Array, Array]:
    """Quantize float32 ``rows`` of shape [N, K] along K, each block with the scale that its largest value needs.

    Returns uint8 values of shape [N, ceil(K / block_size), block_size], where 128 stands for 0 and for padding, and
    float32 scales of shape [N, ceil(K / block_size)].
    """
    count, width = rows.shape
    blocks = -(-width // block_size)
    if blocks * block_size > width:
        rows = np.pad(rows, ((0, 0), (0, blocks * block_size - width)))
    parts = rows.reshape(count, blocks, block_size)
    values = np.empty(parts.shape, np.uint8)
    scales = np.empty((count, blocks), np.float32)
    step = max(1, SLICE_ELEMENTS // (blocks * block_size))
    for start in range(0, count, step):  # in slices: a large embedding would else need four copies of itself
        part = slice(start, start + step)
        scale = np.abs(parts[part]).max(axis=2) / np.float32(127)
        safe = np.where(scale == 0, np.float32(1), scale)
        values[part] = np.rint(parts[part] / safe[:, :, None]) + ZERO_POINT
        scales[part] = scale
    return values, scales


def dequantize_blocks(values: Array, scales: Array, width: int) -> Array:
    """The float32 rows, shape [N, width], that quantized blocks stand for."""
    rows = (values.astype(np.float32) - ZERO_POINT) * scales[:, :, None]
    return rows.reshape(len(values), -1)[:, :width]


def quantize_in_blocks(model: ModelProto, block_size: int, accuracy_level: int) -> int:
    """Replace the constant matrices and large embeddings of a model; returns how many nodes were replaced.

    ``accuracy_level`` is that of MatMulNBits: 4 multiplies in int8, 1 in fp32.
    """
    rewriter = _Blocks(model, block_size, accuracy_level)
    replaced = rewriter.run()
    if replaced and not any(item.domain == "com.microsoft" for item in model.opset_import):
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return replaced


class _Blocks(WeightRewriter):
    def __init__(self, model: ModelProto, block_size: int, accuracy_level: int) -> None:
        super().__init__(model)
        self._block_size = block_size
        self._accuracy_level = accuracy_level
        self._stored: dict[tuple[str, bool], tuple[str, str]] = {}

    def fits_embedding(self, width: int) -> bool:
        return width % self._block_size == 0

    def product(self, node: NodeProto, weight: str, output: str, *, rows_are_outputs: bool) -> list[NodeProto]:
        rows, columns = self.weights[weight].dims
        outputs, inputs = (rows, columns) if rows_are_outputs else (columns, rows)
        values, scales = self._blocks(weight, rows_are_outputs=rows_are_outputs)
        return [
            helper.make_node(
                "MatMulNBits",
                [node.input[0], values, scales],
                [output],
                name=node.name,
                domain="com.microsoft",
                K=inputs,
                N=outputs,
                bits=8,
                block_size=self._block_size,
                accuracy_level=self._accuracy_level,
            )
        ]

    def embedding(self, node: NodeProto) -> list[NodeProto]:
        """Look the rows up in their blocks, shared with a tied head, and scale only those."""
        table, ids = node.input[0], node.input[1]
        values, scales = self._blocks(table, rows_are_outputs=True)
        width = self.weights[table].dims[1]
        zero = self.add_weight("blocks_zero_point", np.array(ZERO_POINT, np.float32))
        last = self.add_weight("blocks_last_axis", np.array([-1], np.int64))
        # ids are [batch, sequence] in every decoder: 0 keeps both
        shape = self.add_weight(f"blocks_shape_{width}", np.array([0, 0, width], np.int64))
        out, name = node.output[0], node.name
        return [
            helper.make_node("Gather", [values, ids], [f"{out}_blocks"], name=f"{name}_values", axis=0),
            helper.make_node("Cast", [f"{out}_blocks"], [f"{out}_cast"], name=f"{name}_cast", to=TensorProto.FLOAT),
            helper.make_node("Sub", [f"{out}_cast", zero], [f"{out}_centred"], name=f"{name}_centre"),
            helper.make_node("Gather", [scales, ids], [f"{out}_scales"], name=f"{name}_scales", axis=0),
            helper.make_node("Unsqueeze", [f"{out}_scales", last], [f"{out}_wide"], name=f"{name}_widen"),
            helper.make_node("Mul", [f"{out}_centred", f"{out}_wide"], [f"{out}_rows"], name=f"{name}_scale"),
            helper.make_node("Reshape", [f"{out}_rows", shape], [out], name=f"{name}_join"),
        ]

    def _blocks(self, weight: str, *, rows_are_outputs: bool) -> tuple[str, str]:
        """Names of the values and scales of a weight, made once for all nodes that use it the same way."""
        key = (weight, rows_are_outputs)
        if key not in self._stored:
            matrix = self.matrix(weight)
            values, scales = quantize_blocks(matrix if rows_are_outputs else matrix.T, self._block_size)
            stem = weight if rows_are_outputs else f"{weight}_turned"
            self._stored[key] = (
                self.add_weight(f"{stem}_blocks", values),
                self.add_weight(f"{stem}_block_scales", scales),
            )
        return self._stored[key]
