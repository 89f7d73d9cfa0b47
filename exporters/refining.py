"""Codes and scales of a rounded matrix, made better in turns.

GPTQ takes each value once, from left to right, with scales that were chosen before it. Here each value is taken again,
with all others as they are now: coordinate descent (Behdin et al. 2023, "QuantEase: Optimization-based Quantization for
Language Models"). Between the sweeps the scales of a row are those with the least error for its codes.
"""

from __future__ import annotations

import numpy as np

from exporters.blocks import Blocks
from exporters.gptq import regularized
from exporters.rewrite import Array

__all__ = ["refine"]

# More of them gain nothing that answers would show, after GPTQ with shrunken sums.
SWEEPS = 1
# Columns whose changes are gathered before they reach those further right; so many fit into the processor's cache.
TOGETHER = 32
# Values of rows that go together: rows know nothing of each other.
SLICE_ELEMENTS = 1 << 20
# What is added to the diagonals of equations for scales, as a part of their mean.
RIDGE = 1e-6


def refine(rows: Array, hessian: Array, blocks: Blocks, bits: int) -> Blocks:
    """Lower the error e^T H e of the rounded ``rows``, float32 [N, K], e being what rounding changes in a row.

    ``hessian`` is X^T X of inputs X [samples, K], float32 [K, K] and finite, and is regularized as for GPTQ; ``blocks``
    are those of the rows, K a multiple of the block.
    """
    weights = regularized(hessian)
    weights = (weights / weights.diagonal().mean()).astype(np.float32)
    made = Blocks(np.empty_like(blocks.values), np.empty_like(blocks.scales))
    step = max(1, SLICE_ELEMENTS // rows.shape[1])
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        given = Blocks(blocks.values[part], blocks.scales[part])
        made.values[part], made.scales[part] = _refined(rows[part], weights, given, 1 << (bits - 1))
    return made


def _refined(rows: Array, weights: Array, blocks: Blocks, limit: int) -> tuple[Array, Array]:
    size = blocks.values.shape[2]
    codes = blocks.values.reshape(rows.shape).astype(np.float32) - limit
    scales = blocks.scales
    wanted = rows @ weights
    for _ in range(SWEEPS):
        scales = _fitted(codes, scales, weights, wanted)
        codes = _descended(rows, codes, np.repeat(scales, size, axis=1), weights, limit)
    scales = _fitted(codes, scales, weights, wanted)
    return (codes + limit).astype(np.uint8).reshape(blocks.values.shape), scales


def _descended(rows: Array, codes: Array, scales: Array, weights: Array, limit: int) -> Array:
    """The codes, float32 [N, K], after one sweep; ``scales`` are those of each code."""
    width = rows.shape[1]
    made, steps = np.array(codes.T, order="C"), np.array(scales.T, order="C")  # a column lies together
    slopes = weights @ (rows.T - steps * made)  # [K, N]: how fast the error falls with each value
    for start in range(0, width, TOGETHER):
        end = min(start + TOGETHER, width)
        changes = np.empty((end - start, len(rows)), np.float32)
        for column in range(start, end):
            step = steps[column]
            best = slopes[column] / (weights[column, column] * np.where(step == 0, np.float32(np.inf), step))
            code = np.clip(np.rint(made[column] + best), -limit, limit - 1)  # with a scale of 0 it stays
            changes[column - start] = change = (code - made[column]) * step
            made[column] = code
            slopes[column:end] -= np.outer(weights[column:end, column], change)
        slopes[end:] -= weights[end:, start:end] @ changes
    return np.ascontiguousarray(made.T)


def _fitted(codes: Array, scales: Array, weights: Array, wanted: Array) -> Array:
    """The scales, float32 [N, blocks], with the least error for these codes; those from before where they have less.

    With Q [K, blocks] the codes of a row, each in the column of its block, they solve Q^T H Q s = Q^T H w. ``wanted``
    is that H w, [N, K].
    """
    count, number = scales.shape
    size = codes.shape[1] // number
    places = np.arange(number)
    matrices = np.empty((count, number, number))
    for place in places:
        part = slice(place * size, (place + 1) * size)
        matrices[:, place] = ((codes[:, part] @ weights[part]) * codes).reshape(count, number, size).sum(axis=2)
    sides = (codes * wanted).reshape(count, number, size).sum(axis=2).astype(np.float64)
    diagonals = matrices[:, places, places]
    added = RIDGE * diagonals.mean(axis=1, keepdims=True) + (diagonals == 0)  # a block may be all zeros
    ridged = matrices.copy()
    ridged[:, places, places] += added
    made = np.linalg.solve(ridged, sides[:, :, None])[:, :, 0]

    def errors(given: Array) -> Array:
        """Of each row, less what no scale changes."""
        return np.asarray(((matrices @ given[:, :, None])[:, :, 0] * given - 2 * sides * given).sum(axis=1))

    better = errors(made) < errors(scales.astype(np.float64))
    return np.where(better[:, None], made, scales).astype(np.float32)
