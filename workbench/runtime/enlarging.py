"""Maps of numbers at another size, as torch's ``interpolate(align_corners=False)`` makes them.

A map of a network is small and a photograph is large, with a class for each of its planes: nothing here holds all
planes at the size of the photograph.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["FloatArray", "bicubic", "bilinear_strips", "label_map", "nearest"]

FloatArray = np.ndarray[Any, np.dtype[np.float32]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]

# Numbers that are worked on at a time.
STRIP = 1 << 23
CUBIC = -0.75  # the coefficient that torch has, after Keys, "Cubic convolution interpolation", 1981


def _places(before: int, after: int) -> FloatArray:
    """Where the middle of each new pixel lies among the old ones, float32 [after]."""
    scale = np.float32(before / after)
    return np.asarray((np.arange(after, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5))


def _linear(before: int, after: int) -> tuple[IntArray, IntArray, FloatArray]:
    """Of each new pixel the two old ones beside it, and the share of the second."""
    places = np.maximum(_places(before, after), 0)
    low = np.minimum(places.astype(np.int64), before - 1)
    return low, np.minimum(low + 1, before - 1), (places - low).astype(np.float32)


def bilinear_strips(planes: FloatArray, height: int, width: int) -> Iterator[tuple[slice, FloatArray]]:
    """Planes [n, rows, columns] at this size, some rows at a time: the rows, and float32 [n, those rows, width]."""
    top, bottom, down = _linear(planes.shape[1], height)
    left, right, across = _linear(planes.shape[2], width)
    rows = max(1, STRIP // max(1, len(planes) * width))
    for start in range(0, height, rows):
        part = slice(start, min(height, start + rows))
        share = down[part, None]
        lines = planes[:, top[part]] * (1 - share) + planes[:, bottom[part]] * share
        yield part, np.asarray(lines[..., left] * (1 - across) + lines[..., right] * across, np.float32)


def label_map(planes: FloatArray, height: int, width: int) -> IntArray:
    """Which of the planes [n, rows, columns] is greatest at each place of this size, int64 [height, width].

    Between four old pixels that agree, every new one agrees as well, for it is a mean of them. So only those between
    pixels that do not agree are worked out.
    """
    best = planes.argmax(0)
    top, bottom, down = _linear(planes.shape[1], height)
    left, right, across = _linear(planes.shape[2], width)
    across_top, across_bottom = best[top], best[bottom]
    labels = np.asarray(across_top[:, left])
    open_ = labels != across_top[:, right]
    open_ |= labels != across_bottom[:, left]
    open_ |= labels != across_bottom[:, right]
    rows, columns = np.nonzero(open_)
    flat = np.ascontiguousarray(planes.reshape(len(planes), -1).T)
    stride = planes.shape[2]
    size = max(1, STRIP // len(planes))
    for start in range(0, len(rows), size):
        y, x = rows[start : start + size], columns[start : start + size]
        v, u = down[y, None], across[x, None]
        above = flat[top[y] * stride + left[x]] * (1 - u) + flat[top[y] * stride + right[x]] * u
        below = flat[bottom[y] * stride + left[x]] * (1 - u) + flat[bottom[y] * stride + right[x]] * u
        labels[y, x] = (above * (1 - v) + below * v).argmax(1)
    return labels


def nearest(planes: Any, height: int, width: int) -> Any:
    """Planes [n, rows, columns] at this size, each new pixel the old one it falls into."""
    rows, columns = (
        np.minimum((np.arange(after, dtype=np.float32) * np.float32(before / after)).astype(np.int64), before - 1)
        for before, after in ((planes.shape[1], height), (planes.shape[2], width))
    )
    return planes[:, rows][:, :, columns]


def bicubic(plane: FloatArray, height: int, width: int) -> FloatArray:
    """A map [rows, columns] at this size, float32 [height, width]; edges go on as they are."""
    return _cubic_lines(np.ascontiguousarray(_cubic_lines(plane, height).T), width).T


def _cubic_lines(plane: FloatArray, count: int) -> FloatArray:
    """Of the lines of a map, so many new ones."""
    places = _places(len(plane), count)
    first = np.floor(places).astype(np.int64)
    share = (places - first).astype(np.float32)
    lines = np.zeros((count, plane.shape[1]), np.float32)
    for step in range(-1, 3):
        taken = np.clip(first + step, 0, len(plane) - 1)
        lines += plane[taken] * _cubic(np.abs(share - step))[:, None]
    return lines


def _cubic(distance: FloatArray) -> FloatArray:
    near = ((CUBIC + 2) * distance - (CUBIC + 3)) * distance * distance + 1
    far = ((CUBIC * distance - 5 * CUBIC) * distance + 8 * CUBIC) * distance - 4 * CUBIC
    return np.where(distance <= 1, near, far).astype(np.float32)
