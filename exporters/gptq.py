"""GPTQ: rounding that makes up for itself (Frantar et al. 2023, "GPTQ: Accurate Post-Training Quantization for
Generative Pre-trained Transformers", algorithm 1).

Columns are rounded one after the other, and what a rounding changes in the product is taken back by those that are not
rounded yet, as far as their inputs go together.
"""

from __future__ import annotations

import numpy as np

from exporters.blocks import Blocks, block_scales
from exporters.rewrite import Array

__all__ = ["DAMPING", "round_by_hessian"]

# What is added to the diagonal, as a part of its mean.
DAMPING = 0.01
# Columns whose corrections are gathered before they reach those further right.
TOGETHER = 128


def round_by_hessian(rows: Array, hessian: Array, bits: int, block_size: int) -> Blocks:
    """Quantize float32 ``rows`` [N, K] so that their product with the inputs stays near, K a multiple of the block.

    ``hessian`` is X^T X of the inputs X [samples, K], float32 [K, K]. Raises numpy's LinAlgError where it is not finite
    or has no factors.
    """
    count, width = rows.shape
    factor = _inverse_factor(hessian)
    limit = 1 << (bits - 1)
    left = np.array(rows, np.float32)
    values = np.empty((count, width), np.uint8)
    scales = np.empty((count, width // block_size), np.float32)
    worth = np.square(1 / np.diag(factor)).astype(np.float32)
    for start in range(0, width, TOGETHER):
        end = min(start + TOGETHER, width)
        errors = np.empty((count, end - start), np.float32)
        for column in range(start, end):
            if column % block_size == 0:
                part = slice(column, column + block_size)
                scale = block_scales(left[:, None, part], bits, worth[part])[:, 0, 0]
                scales[:, column // block_size] = scale
                step = np.where(scale == 0, np.float32(1), scale)
            made = np.clip(np.rint(left[:, column] / step), -limit, limit - 1)
            values[:, column] = made + limit
            error = (left[:, column] - made * scale) / factor[column, column]
            left[:, column:end] -= np.outer(error, factor[column, column:end])
            errors[:, column - start] = error
        left[:, end:] -= errors @ factor[start:end, end:]
    return Blocks(values.reshape(count, -1, block_size), scales)


def _inverse_factor(hessian: Array) -> Array:
    """The upper Cholesky factor of the inverse, float32 [K, K], of a Hessian with something added to its diagonal."""
    if not np.isfinite(hessian).all():
        raise np.linalg.LinAlgError("not finite")
    damped = hessian.astype(np.float64)
    diagonal = damped.diagonal()
    mean = diagonal.mean() or 1.0
    damped[np.diag_indices_from(damped)] = np.where(diagonal == 0, mean, diagonal) + DAMPING * mean
    # H = L L^T, so H^-1 = L^-T L^-1; its upper factor U has U^T U = H^-1.
    lower = np.linalg.cholesky(damped)
    turned = np.linalg.inv(lower)
    return np.ascontiguousarray(np.linalg.cholesky(turned.T @ turned).T, np.float32)
