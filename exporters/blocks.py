"""Weights in blocks of 4 or 8 bits with a scale each (``MatMulNBits``), for decoders of language models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import ModelProto, NodeProto, helper

from exporters.rewrite import Array, WeightRewriter

__all__ = [
    "ATTENTION_INPUTS",
    "NOT_RESCALED",
    "BlockSettings",
    "Blocks",
    "Factors",
    "block_scales",
    "dequantize_blocks",
    "pack_nibbles",
    "quantize_blocks",
    "quantize_in_blocks",
]

DOMAIN = "com.microsoft"
# What the modules are called that make queries, keys and values; names of nodes hold them between slashes.
ATTENTION_INPUTS = frozenset({"qkv_proj", "q_proj", "k_proj", "v_proj", "c_attn", "query_key_value"})
SLICE_ELEMENTS = 1 << 22
# A row this long still has several of the largest blocks.
WIDE = 1024
# Scales that are tried for a block of 4 bits, as what the value farthest from 0 becomes. -8 uses the whole range; the
# others give up the outermost values for a finer step.
FARTHEST = (-9.0, -8.5, -8.0, -7.5, -7.0, -6.5, -6.0)


@dataclass(frozen=True)
class BlockSettings:
    """How many bits, 4 or 8, and how they are multiplied.

    ``attention_bits`` have the weights that make queries, keys and values, ``head_bits`` the output head and the
    embedding, ``bits`` all others.

    ``block_size`` values share a scale, a power of two from 16 on; of weights of 8 bits ``block_size_8``, and where
    their channels were rescaled ``block_size_rescaled``, in rows of at least :data:`WIDE` values ``block_size_wide``,
    if so many divide a row. ``accuracy_level`` is that of MatMulNBits: 4 multiplies in int8, 1 in fp32.
    """

    bits: int
    attention_bits: int
    head_bits: int
    block_size: int
    block_size_8: int
    accuracy_level: int
    block_size_rescaled: int = 64
    block_size_wide: int = 256

    def bits_of(self, node: str, *, is_head: bool) -> int:
        """Of the weight of a product, by the name of its node."""
        if is_head:
            return self.head_bits
        return self.attention_bits if ATTENTION_INPUTS.intersection(node.split("/")) else self.bits

    def block_size_of(self, bits: int, width: int, *, rescaled: bool = False) -> int:
        """How many values of a row of this width share a scale."""
        wanted = [self.block_size_wide] if rescaled and width >= WIDE else []
        wanted.append(self.block_size_rescaled if rescaled else self.block_size_8)
        return next((size for size in wanted if bits == 8 and width % size == 0), self.block_size)


@dataclass
class Factors:
    """What a weight is multiplied by before it is quantized, float32 [inputs] and [outputs]; None is 1."""

    inputs: Array | None = None
    outputs: Array | None = None

    def applied(self, rows: Array, start: int = 0) -> Array:
        """The rescaled rows of a weight [outputs, inputs], of which these are those from ``start`` on."""
        if self.inputs is not None:
            rows = rows * self.inputs
        return rows if self.outputs is None else rows * self.outputs[start : start + len(rows), None]


NOT_RESCALED: Mapping[str, Factors] = {}


@dataclass(frozen=True)
class Blocks:
    """``values`` uint8 [N, blocks, block size], where 2 ** (bits - 1) stands for 0 and for padding; ``scales`` float32
    [N, blocks]."""

    values: Array
    scales: Array


def quantize_blocks(rows: Array, bits: int, block_size: int, factors: Factors | None = None) -> Blocks:
    """Quantize float32 ``rows`` of shape [N, K] along K, multiplied by ``factors`` before.

    8 bits get the scale that a block's largest value needs. For 4 bits several are tried, each made to fit the values
    that it gives; the one with the least squared error wins, where larger weights count for more.
    """
    count, width = rows.shape
    blocks = -(-width // block_size)
    values = np.empty((count, blocks, block_size), np.uint8)
    scales = np.empty((count, blocks), np.float32)
    step = max(1, SLICE_ELEMENTS // (blocks * block_size))
    for start in range(0, count, step):  # in slices: a large embedding would else need many copies of itself
        part = np.ascontiguousarray(rows[start : start + step], np.float32)
        if factors is not None:
            part = factors.applied(part, start)
        if blocks * block_size > width:
            part = np.pad(part, ((0, 0), (0, blocks * block_size - width)))
        part = part.reshape(len(part), blocks, block_size)
        made, scale = _eight_bits(part) if bits == 8 else _four_bits(part)
        values[start : start + step] = made + (1 << (bits - 1))
        scales[start : start + step] = scale[:, :, 0]
    return Blocks(values, scales)


def block_scales(parts: Array, bits: int, worth: Array) -> Array:
    """The scales, float32 [N, blocks, 1], of float32 ``parts`` [N, blocks, block size]. An error in a value of 4 bits
    counts by the ``worth`` of its place in the block, float32 [block size]."""
    return (_eight_bits(parts) if bits == 8 else _four_bits(parts, worth))[1]


def _eight_bits(parts: Array) -> tuple[Array, Array]:
    scale = np.abs(parts).max(axis=2, keepdims=True) / np.float32(127)
    return np.rint(parts / _nonzero(scale)), scale


def _four_bits(parts: Array, places: Array | None = None) -> tuple[Array, Array]:
    """Whole numbers from -8 to 7 for [N, blocks, block size], and scales [N, blocks, 1]."""
    size = np.abs(parts)
    farthest = np.take_along_axis(parts, size.argmax(axis=2)[:, :, None], axis=2)
    worth = size + np.sqrt(np.square(parts).mean(axis=2, keepdims=True))
    if places is not None:
        worth = worth * places
    best: tuple[Array, Array] | None = None
    least = np.full(farthest.shape, np.inf, np.float32)
    for place in FARTHEST:
        made = np.clip(np.rint(parts / _nonzero(farthest / np.float32(place))), -8, 7)
        weighted = worth * made
        scale = (weighted * parts).sum(axis=2, keepdims=True) / _nonzero((weighted * made).sum(axis=2, keepdims=True))
        error = (worth * np.square(parts - made * scale)).sum(axis=2, keepdims=True)
        if best is None:
            best, least = (made, scale), error
            continue
        better = error < least
        best = np.where(better, made, best[0]), np.where(better, scale, best[1])
        least = np.minimum(error, least)
    assert best is not None
    return best


def _nonzero(value: Array) -> Array:
    return np.where(value == 0, np.float32(1), value)


def dequantize_blocks(blocks: Blocks, bits: int, width: int) -> Array:
    """The float32 rows, shape [N, width], that quantized blocks stand for."""
    rows = (blocks.values.astype(np.float32) - (1 << (bits - 1))) * blocks.scales[:, :, None]
    return rows.reshape(len(blocks.values), -1)[:, :width]


def pack_nibbles(values: Array) -> Array:
    """Two values of 4 bits in a byte, the first one in its lower half: uint8 [..., n] → [..., n / 2]."""
    packed: Array = values[..., 0::2] | (values[..., 1::2] << 4)
    return packed


# Looks up the blocks of a weight [N, K] that was rounded beforehand with so many bits, None where it was not.
Find = Callable[[Array, int], "Blocks | None"]


def quantize_in_blocks(
    model: ModelProto,
    settings: BlockSettings,
    folder: Path,
    find: Find | None = None,
    factors: Mapping[str, Factors] = NOT_RESCALED,
) -> int:
    """Replace the constant matrices and large embeddings of a model; returns how many nodes were replaced.

    ``folder`` is where the external data of the model lies; ``factors`` come from :func:`exporters.rescaling.rescale`.
    """
    replaced = _BlockRewriter(model, settings, folder, find or (lambda rows, bits: None), factors).run()
    if replaced and not any(item.domain == DOMAIN for item in model.opset_import):
        model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    return replaced


class _BlockRewriter(WeightRewriter):
    def __init__(
        self, model: ModelProto, settings: BlockSettings, folder: Path, find: Find, factors: Mapping[str, Factors]
    ) -> None:
        super().__init__(model, folder)
        self._find = find
        self._factors = factors
        self._settings = settings
        self._stored: dict[tuple[str, bool], tuple[str, str]] = {}
        self._vocabulary = {output.name for output in model.graph.output}

    def fits_embedding(self, width: int) -> bool:
        return width % self._settings.block_size == 0

    def product(self, node: NodeProto, weight: str, output: str, *, rows_are_outputs: bool) -> list[NodeProto]:
        rows, columns = self.weights[weight].dims
        outputs, inputs = (rows, columns) if rows_are_outputs else (columns, rows)
        is_head = self.is_tied(weight) or bool(self._vocabulary & {*node.output, output})
        bits = self._settings.bits_of(node.name, is_head=is_head)
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
        """Look the rows up in their blocks, shared with a tied head, and scale only those."""
        table, ids = node.input[0], node.input[1]
        bits, width = self._settings.head_bits, self.weights[table].dims[1]
        values, scales = self._blocks(table, bits, rows_are_outputs=True)
        last = self.add_weight("blocks_last_axis", np.array([-1], np.int64))
        out, name = node.output[0], node.name
        shaping: list[NodeProto] = []
        if self.is_tied(table):
            # ids of words are [batch, sequence] in every decoder: 0 keeps both
            shape = self.add_weight(f"blocks_shape_{width}", np.array([0, 0, width], np.int64))
        else:  # those of positions may be [sequence] alone
            row, shape = self.add_weight(f"blocks_row_{width}", np.array([width], np.int64)), f"{out}_shape"
            shaping = [
                helper.make_node("Shape", [ids], [f"{out}_ids"], name=f"{name}_ids"),
                helper.make_node("Concat", [f"{out}_ids", row], [shape], name=f"{name}_shape", axis=0),
            ]
        return [
            *shaping,
            helper.make_node("Unsqueeze", [scales, last], [f"{out}_scales"], name=f"{name}_widen"),
            helper.make_node(
                "GatherBlockQuantized",
                [values, ids, f"{out}_scales"],
                [f"{out}_rows"],
                name=f"{name}_values",
                domain=DOMAIN,
                bits=bits,
                block_size=self._block_size_of(table, bits, width),
                gather_axis=0,
                quantize_axis=2,
            ),
            helper.make_node("Reshape", [f"{out}_rows", shape], [out], name=f"{name}_join"),
        ]

    def _blocks(self, weight: str, bits: int, *, rows_are_outputs: bool) -> tuple[str, str]:
        """Names of the values and scales of a weight, made once for all nodes that use it the same way."""
        key = (weight, rows_are_outputs)
        if key not in self._stored:
            matrix = self.matrix(weight)
            rows = matrix if rows_are_outputs else matrix.T
            block_size, factors = self._block_size_of(weight, bits, rows.shape[1]), self._factors.get(weight)
            found = None if factors else self._find(rows, bits)
            made = found or quantize_blocks(rows, bits, block_size, factors)
            stem = weight if rows_are_outputs else f"{weight}_turned"
            self._stored[key] = (
                self.add_weight(f"{stem}_blocks", made.values if bits == 8 else pack_nibbles(made.values)),
                self.add_weight(f"{stem}_block_scales", made.scales),
            )
        return self._stored[key]
