"""The boxes of a detector's graph in pixels."""

from __future__ import annotations

import numpy as np

from workbench.tasks.base import Array

__all__ = ["corners"]


def corners(boxes: Array, width_px: int, height_px: int) -> Array:
    """Left, upper, right and lower side in pixels, float32 [queries, 4], of boxes [queries, 4]: middle x, middle y,
    width and height as shares of what a model saw, which is so wide and high."""
    middle, size = boxes[:, :2], boxes[:, 2:]
    shares = np.concatenate([middle - size / 2, middle + size / 2], axis=-1)
    return shares * np.array([width_px, height_px, width_px, height_px], np.float32)
