"""Large pictures through a graph in parts that overlap, so that memory stays bounded and no seam is seen."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Tiling", "through_tiles"]

FloatArray = np.ndarray[Any, np.dtype[np.float32]]
ByteArray = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Tiling:
    """Tiles of ``height`` by ``width`` pixels that begin at multiples of ``step``; two that touch have ``shared``
    pixels in common, less where a picture ends. A quarter of those is left out at each edge: there a model knows too
    little of what is around."""

    height: int
    width: int
    step: int
    shared: int

    def starts(self, length: int, tile: int) -> list[int]:
        """Where the tiles of a side begin; the last one ends with it, as near as ``step`` allows."""
        if length <= tile:
            return [0]
        last = math.ceil((length - tile) / self.step) * self.step
        stride = max(self.step, (tile - self.shared) // self.step * self.step)
        return [*range(0, last, stride), last]


def through_tiles(
    pixels: FloatArray, tiling: Tiling, work: Callable[[FloatArray], FloatArray], told: Callable[[int, int], None]
) -> ByteArray:
    """What ``work`` makes of ``pixels`` float32 [1, channels, height, width], as uint8 [rows, columns, channels].

    ``work`` gets parts of that and gives float32 [1, channels, rows, columns] in [0, 1], as many times larger as it
    likes, but always the same. ``told`` gets how many parts of how many are done. What ``work`` raises goes on.
    """
    height, width = pixels.shape[2:]
    tops, lefts = tiling.starts(height, tiling.height), tiling.starts(width, tiling.width)
    total = len(tops) * len(lefts)
    result: ByteArray = np.zeros((0, 0, 0), np.uint8)
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            tile = pixels[:, :, top : top + tiling.height, left : left + tiling.width]
            made = work(np.ascontiguousarray(tile))[0].transpose(1, 2, 0)
            scale = made.shape[0] // tile.shape[2]
            if not result.size:
                result = np.zeros((height * scale, width * scale, made.shape[2]), np.uint8)
            above = tops[row - 1] + tiling.height - top if row else 0
            before = lefts[column - 1] + tiling.width - left if column else 0
            share = np.outer(_share(made.shape[0], above * scale), _share(made.shape[1], before * scale))[..., None]
            place = result[top * scale :, left * scale :][: made.shape[0], : made.shape[1]]
            mixed = place + share * (255 * np.clip(made, 0, 1) - place)
            place[...] = np.rint(mixed).astype(np.uint8)
            told(row * len(lefts) + column + 1, total)
    return result


def _share(length: int, shared: int) -> FloatArray:
    """How much of a new tile is taken along one side, float32 [length]: nothing at first, then more and more in what it
    shares with the tile before it, all behind that and before the other's edge."""
    edge = shared // 4
    rise = np.arange(length, dtype=np.float32) - edge + 0.5
    return np.clip(rise / max(1, shared - 2 * edge), 0, 1) if shared else np.ones(length, np.float32)
