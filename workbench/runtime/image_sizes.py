"""How large a picture is made for a model: one class for each rule that image processors of transformers have."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Bounded", "Exact", "Floored", "Nearest", "Target", "Within"]


@dataclass(frozen=True)
class Exact:
    """This size, whatever the proportions."""

    height: int
    width: int

    def of(self, height: int, width: int) -> tuple[int, int]:
        return self.height, self.width


@dataclass(frozen=True)
class Bounded:
    """The shorter side gets ``shortest``, proportions kept; smaller where the longer one would pass ``longest``.

    Sides are cut off to whole pixels, as torchvision does. ``detr`` is the rule of DETR and its relatives instead: the
    shorter side that fits is rounded, and the longer one follows from it unrounded; ``down_to`` cuts both off to
    multiples (YOLOS). ``up_to`` raises both to multiples (MaskFormer).
    """

    shortest: int
    longest: int | None = None
    detr: bool = False
    down_to: int = 1
    up_to: int = 1

    def of(self, height: int, width: int) -> tuple[int, int]:
        upright = width < height
        short, long = (width, height) if upright else (height, width)
        short, long = self._detr(short, long, upright) if self.detr else self._torchvision(short, long)
        sides = (long, short) if upright else (short, long)
        rows, columns = (math.ceil(side / self.up_to) * self.up_to // self.down_to * self.down_to for side in sides)
        return rows, columns

    def _torchvision(self, short: int, long: int) -> tuple[int, int]:
        scaled = int(self.shortest * long / short)
        if self.longest is not None and scaled > self.longest:
            return int(self.longest * self.shortest / scaled), self.longest
        return self.shortest, scaled

    def _detr(self, short: int, long: int, upright: bool) -> tuple[int, int]:
        side, exact = self.shortest, float(self.shortest)
        if self.longest is not None and float(long) / float(short) * side > self.longest:
            exact = self.longest * float(short) / float(long)
            side = round(exact)
        # YOLOS asks whether a picture has its size already only of those that are not upright.
        if short == side and not (upright and self.down_to > 1):
            return short, long
        return side, int(exact * long / short)


@dataclass(frozen=True)
class Within:
    """As large as fits into this size, proportions kept."""

    height: int
    width: int

    def of(self, height: int, width: int) -> tuple[int, int]:
        scale = min(self.height / height, self.width / width)
        return int(height * scale), int(width * scale)


@dataclass(frozen=True)
class Nearest:
    """This size in multiples of ``multiple``; with ``keep_proportions`` the side that changes less leads (DPT)."""

    height: int
    width: int
    keep_proportions: bool
    multiple: int

    def of(self, height: int, width: int) -> tuple[int, int]:
        by_height, by_width = self.height / height, self.width / width
        if self.keep_proportions:
            by_height = by_width = by_width if abs(1 - by_width) < abs(1 - by_height) else by_height
        return self._rounded(by_height * height), self._rounded(by_width * width)

    def _rounded(self, side: float) -> int:
        return round(side / self.multiple) * self.multiple


@dataclass(frozen=True)
class Floored:
    """The picture's own size, cut off to multiples (GLPN)."""

    multiple: int

    def of(self, height: int, width: int) -> tuple[int, int]:
        return height // self.multiple * self.multiple, width // self.multiple * self.multiple


Target = Exact | Bounded | Within | Nearest | Floored
