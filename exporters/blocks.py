"""Weights in blocks of 4 or 8 bits with a scale each (``MatMulNBits``), for decoders of language models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from exporters.rewrite import Array

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
    "unpack_nibbles",
]

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


def unpack_nibbles(packed: Array) -> Array:
    """What :func:`pack_nibbles` packed: uint8 [..., n] → [..., 2 n]."""
    return np.stack([packed & 15, packed >> 4], axis=-1).reshape(*packed.shape[:-1], -1)
