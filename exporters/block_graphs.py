"""Graphs whose products with weights are in blocks of 4 or 8 bits (``MatMulNBits``), embeddings too."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import ModelProto, NodeProto, helper

from exporters import graphs
from exporters.blocks import (
    NOT_RESCALED,
    Blocks,
    BlockSettings,
    Factors,
    dequantize_blocks,
    pack_nibbles,
    quantize_blocks,
)
from exporters.graphs import Aside
from exporters.rewrite import Array, WeightRewriter
from exporters.rounded import NOTHING_ROUNDED, Rounded

__all__ = ["quantize_in_blocks"]

DOMAIN = "com.microsoft"
# Of a large table so many go together.
ROWS = 4096


def quantize_in_blocks(
    model: ModelProto,
    settings: BlockSettings,
    aside: Aside,
    rounded: Rounded = NOTHING_ROUNDED,
    factors: Mapping[str, Factors] = NOT_RESCALED,
) -> int:
    """Replace the constant matrices and large embeddings of a model; returns how many nodes were replaced.

    New weights go ``aside``. Weights that were ``rounded`` beforehand have the bits that
    they have there; ``factors`` come from :func:`exporters.rescaling.rescale`.
    """
    replaced = _BlockRewriter(model, settings, aside, rounded, factors).run()
    if replaced and not any(item.domain == DOMAIN for item in model.opset_import):
        model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    return replaced


class _BlockRewriter(WeightRewriter):
    def __init__(
        self, model: ModelProto, settings: BlockSettings, aside: Aside, rounded: Rounded, factors: Mapping[str, Factors]
    ) -> None:
        super().__init__(model, aside)
        self._rounded = rounded
        self._factors = factors
        self._settings = settings
        self._stored: dict[tuple[str, int, bool], tuple[str, str]] = {}
        self._scores = graphs.scores_of(model)

    def fits_embedding(self, width: int) -> bool:
        return width % self._settings.block_size == 0

    def product(self, node: NodeProto, weight: str, output: str, *, rows_are_outputs: bool) -> list[NodeProto]:
        rows, columns = self.weights[weight].dims
        outputs, inputs = (rows, columns) if rows_are_outputs else (columns, rows)
        is_head = self.is_tied(weight) or bool(self._scores & {*node.output, output})
        matrix = self.matrix(weight)
        usual = self._settings.bits_of(node.name, is_head=is_head)
        bits = self._rounded.bits_of(matrix if rows_are_outputs else matrix.T, usual)
        block_size = self._block_size_of(weight, bits, inputs)
        values, scales = self._blocks(weight, bits, rows_are_outputs=rows_are_outputs)
        return [
            helper.make_node(
                "MatMulNBits",
                [node.input[0], values, scales],
                [output],
                name=node.name,
                domain=DOMAIN,
                K=inputs,
                N=outputs,
                bits=bits,
                block_size=block_size,
                accuracy_level=self._settings.accuracy_level,
            )
        ]

    def _block_size_of(self, weight: str, bits: int, width: int) -> int:
        is_rescaled = weight in self._factors and self._factors[weight].inputs is not None
        return self._settings.block_size_of(bits, width, rescaled=is_rescaled)

    def embedding(self, node: NodeProto) -> list[NodeProto]:
        """Look the rows up in their blocks, shared with a tied head, and scale only those.

        Where the head has fewer bits than the embedding is to have, what is left of each row is looked up besides: as
        near as with all bits in one, and the head, which is read for each token that is written, stays small.
        """
        table, out = node.input[0], node.output[0]
        wanted, width = self._settings.head_bits, self.weights[table].dims[1]
        shape, shaping = self._shape_of_rows(node, width)
        bits = self._rounded.bits_of(self.matrix(table), wanted) if self.is_tied(table) else wanted
        if bits >= wanted:
            blocks = self._blocks(table, wanted, rows_are_outputs=True)
            return shaping + self._look_up(node, blocks, wanted, self._block_size_of(table, wanted, width), shape, out)
        blocks, size = self._blocks(table, bits, rows_are_outputs=True), self._block_size_of(table, bits, width)
        rest, rest_bits = self._rest(table, bits, wanted - bits), wanted - bits
        return [
            *shaping,
            *self._look_up(node, blocks, bits, size, shape, f"{out}_most"),
            *self._look_up(node, rest, rest_bits, self._rest_block_size(width), shape, f"{out}_rest", "_rest"),
            helper.make_node("Add", [f"{out}_most", f"{out}_rest"], [out], name=f"{node.name}_whole"),
        ]

    def _shape_of_rows(self, node: NodeProto, width: int) -> tuple[str, list[NodeProto]]:
        """The name of the shape of what is looked up, and the nodes that make it."""
        ids, out = node.input[1], node.output[0]
        if self.is_tied(node.input[0]):
            # ids of words are [batch, sequence] in every decoder: 0 keeps both
            return self.add_weight(f"blocks_shape_{width}", np.array([0, 0, width], np.int64)), []
        # Those of positions may be [sequence] alone.
        row = self.add_weight(f"blocks_row_{width}", np.array([width], np.int64))
        return f"{out}_shape", [
            helper.make_node("Shape", [ids], [f"{out}_ids"], name=f"{node.name}_ids"),
            helper.make_node("Concat", [f"{out}_ids", row], [f"{out}_shape"], name=f"{node.name}_shape", axis=0),
        ]

    def _look_up(
        self,
        node: NodeProto,
        blocks: tuple[str, str],
        bits: int,
        block_size: int,
        shape: str,
        output: str,
        ending: str = "",
    ) -> list[NodeProto]:
        values, scales = blocks
        name = f"{node.name}{ending}"
        last = self.add_weight("blocks_last_axis", np.array([-1], np.int64))
        return [
            helper.make_node("Unsqueeze", [scales, last], [f"{output}_scales"], name=f"{name}_widen"),
            helper.make_node(
                "GatherBlockQuantized",
                [values, node.input[1], f"{output}_scales"],
                [f"{output}_rows"],
                name=f"{name}_values",
                domain=DOMAIN,
                bits=bits,
                block_size=block_size,
                gather_axis=0,
                quantize_axis=2,
            ),
            helper.make_node("Reshape", [f"{output}_rows", shape], [output], name=f"{name}_join"),
        ]

    def _blocks(self, weight: str, bits: int, *, rows_are_outputs: bool) -> tuple[str, str]:
        """Names of the values and scales of a weight, made once for all nodes that use it the same way."""
        key = (weight, bits, rows_are_outputs)
        if key not in self._stored:
            matrix = self.matrix(weight)
            rows = matrix if rows_are_outputs else matrix.T
            made = self._made(weight, rows, bits)
            self._stored[key] = self._store(weight if rows_are_outputs else f"{weight}_turned", made, bits)
        return self._stored[key]

    def _made(self, weight: str, rows: Array, bits: int) -> Blocks:
        factors = self._factors.get(weight)
        if factors is None or factors.inputs is None:
            found = self._rounded.find(rows, bits)
            if found is not None:  # factors of outputs are those of whole rows: their scales take them up
                by = None if factors is None else factors.outputs
                return found if by is None else Blocks(found.values, found.scales * by[:, None])
        return quantize_blocks(rows, bits, self._block_size_of(weight, bits, rows.shape[1]), factors)

    def _rest_block_size(self, width: int) -> int:
        """The size of those that both together make up for."""
        return self._settings.block_size_of(self._settings.head_bits, width)

    def _rest(self, table: str, bits: int, rest_bits: int) -> tuple[str, str]:
        """What the blocks of a table, which are stored, leave of it."""
        rows, size = self.matrix(table), self._rest_block_size(self.weights[table].dims[1])
        whole, made = self._made(table, rows, bits), []
        for start in range(0, len(rows), ROWS):
            part = slice(start, start + ROWS)
            most = dequantize_blocks(Blocks(whole.values[part], whole.scales[part]), bits, rows.shape[1])
            made.append(quantize_blocks(rows[part] - most, rest_bits, size))
        rest = Blocks(np.concatenate([item.values for item in made]), np.concatenate([item.scales for item in made]))
        return self._store(f"{table}_rest", rest, rest_bits)

    def _store(self, stem: str, blocks: Blocks, bits: int) -> tuple[str, str]:
        return (
            self.add_weight(f"{stem}_blocks", blocks.values if bits == 8 else pack_nibbles(blocks.values)),
            self.add_weight(f"{stem}_block_scales", blocks.scales),
        )
