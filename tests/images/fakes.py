"""A session whose answers are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.tasks.base import Array, Outputs, Run


class Answering:
    """Gives the same arrays whatever it is fed, and keeps what that was."""

    def __init__(
        self,
        outputs: Mapping[str, Any],
        inputs: Mapping[str, type[Any]] | None = None,
        shapes: Mapping[str, tuple[int | str | None, ...]] | None = None,
    ) -> None:
        self.answers = {name: np.asarray(value, np.float32) for name, value in outputs.items()}
        self.input_dtypes = {name: np.dtype(kind) for name, kind in (inputs or {"pixel_values": np.float32}).items()}
        self.input_names = tuple(self.input_dtypes)
        self.input_shapes = shapes or {}
        self.output_names = tuple(self.answers)
        self.fed: dict[str, Array] = {}

    def run(self, feeds: Mapping[str, Array], run: Run, outputs: tuple[str, ...] | None = None) -> Outputs:
        self.fed = dict(feeds)
        return {name: self.answers[name] for name in outputs or self.output_names}


class Enlarging:
    """Makes each pixel a square of so many, and keeps how large the pictures were; ``size`` is all that it takes."""

    input_names, output_names = ("pixel_values",), ("reconstruction",)
    input_dtypes: Mapping[str, Any] = {"pixel_values": np.dtype(np.float32)}

    def __init__(self, times: int, size: tuple[int, int] | None = None) -> None:
        self.times = times
        self.input_shapes: dict[str, tuple[int | str | None, ...]] = {"pixel_values": (1, 3, *(size or ("h", "w")))}
        self.sizes: list[tuple[int, int]] = []

    def run(self, feeds: Mapping[str, Array], run: Run, outputs: tuple[str, ...] | None = None) -> Outputs:
        pixels = feeds["pixel_values"]
        self.sizes.append((pixels.shape[2], pixels.shape[3]))
        return {"reconstruction": pixels.repeat(self.times, 2).repeat(self.times, 3)}
