"""Pictures made square and scaled as ``Owlv2ImageProcessor`` does it in transformers 4.57, on numbers with fractions.

It takes scikit-image's way: grey below and right of the picture, a Gaussian filter against alias (sigma is half of how
much smaller a side gets, less a half), straight lines between the pixels, both mirrored at the edges.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["GREY", "make_square"]

FloatArray = np.ndarray[Any, np.dtype[np.float32]]
PixelArray = np.ndarray[Any, np.dtype[np.uint8]]

GREY = 0.5
# The filter ends after so many sigmas, as in scipy.
TRUNCATE = 4.0
# An output row needs a few rows of the input. So many at once are one matrix product that hardly multiplies zeros.
BLOCK_ROWS = 32


def make_square(pixels: PixelArray, numbers: FloatArray, square: bool, size: tuple[int, int] | None) -> FloatArray:
    """``pixels`` uint8 [height, width, channels], each of which stands for one of ``numbers`` [256], scaled to ``size``
    (height, width), None leaves the size alone: float32 [channels, rows, columns].

    With ``square``, :data:`GREY` is put below or right of them before.
    """
    height, width, channels = pixels.shape
    full = (max(height, width),) * 2 if square else (height, width)
    wanted = size or full
    scaled = np.empty((channels, *wanted), np.float32)
    ends = numbers[[pixels.min(), pixels.max()]]
    low, high = float(ends.min()), float(ends.max())
    if full != (height, width):
        low, high = min(low, GREY), max(high, GREY)
    for channel in range(channels):
        # What is padded is 0 here, and every output a weighted mean: the padding need not be there.
        plane = numbers[pixels[..., channel]] - np.float32(GREY)
        if size:
            plane = _rows_scaled(plane, full[0], wanted[0])
            plane = _rows_scaled(np.ascontiguousarray(plane.T), full[1], wanted[1]).T
            scaled[channel] = plane
        else:
            scaled[channel] = 0
            scaled[channel, :height, :width] = plane
    return np.clip(scaled + np.float32(GREY), low, high)


def _rows_scaled(plane: FloatArray, full: int, wanted: int) -> FloatArray:
    """``wanted`` rows of ``full``, of which ``plane`` float32 [rows, columns] are the first and the rest 0."""
    result = np.empty((wanted, plane.shape[1]), np.float32)
    for start in range(0, wanted, BLOCK_ROWS):
        outputs = np.arange(start, min(start + BLOCK_ROWS, wanted))
        places, weights = _weights(outputs, full, wanted)
        first, behind = int(places.min()), int(places.max()) + 1
        block = np.zeros((len(outputs), behind - first))
        np.add.at(block, (np.arange(len(outputs))[:, None], places - first), weights)
        seen = plane[first:behind]
        result[outputs] = block[:, : len(seen)].astype(np.float32) @ seen
    return result


def _weights(outputs: np.ndarray[Any, Any], full: int, wanted: int) -> tuple[Any, Any]:
    """Which inputs, int64 [outputs, n], make these outputs, and with which weights, float64 [outputs, n]."""
    factor = full / wanted
    kernel = _gaussian(max(0.0, (factor - 1) / 2))
    reach = len(kernel) // 2
    # Left of the first pixel's middle the picture is mirrored, and right of the last one's.
    middles = np.abs((outputs + 0.5) * factor - 0.5)
    middles = np.minimum(middles, 2 * (full - 1) - middles) if full > 1 else np.zeros(len(outputs))
    left = np.floor(middles).astype(np.int64)
    share = (middles - left)[:, None]
    places = left[:, None] + np.arange(-reach, reach + 2)
    weights = (1 - share) * np.append(kernel, 0.0) + share * np.append(0.0, kernel)
    period = max(1, 2 * (full - 1))
    places = np.abs(places) % period
    return np.minimum(places, period - places) if full > 1 else np.zeros_like(places), weights


def _gaussian(sigma: float) -> Any:
    """Weights around the middle, float64 [2 n + 1]."""
    reach = math.floor(TRUNCATE * sigma + 0.5)
    if not reach:
        return np.ones(1)
    weights = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma))
    return weights / weights.sum()
