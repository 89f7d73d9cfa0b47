"""A picture made of a picture: larger or cleaner, by Swin2SR. The reference is transformers'
``pipeline("image-to-image")``, which leaves on the result what the processor put below and right of the picture; here
that is cut off.

A picture larger than a tile goes through the graph in tiles. They begin at multiples of the model's windows, so that it
sees the same windows as in the whole picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import InputError, ModelError
from workbench.results import MadePicture
from workbench.runtime.image_processing import ImageProcessor
from workbench.runtime.images import MAX_MEGAPIXELS
from workbench.runtime.tiles import Tiling, through_tiles
from workbench.tasks.base import Array, ModelFiles, Outputs, Pipeline, Run, SessionLike
from workbench.tasks.scores import finite

__all__ = ["PIPELINE", "ImageToImage", "Prepared"]

PIXELS, MADE = "pixel_values", "reconstruction"
PICTURE = "picture"
# About 1 GB with the usual Swin2SR, whatever the size of the picture.
TILE_PX = 256
SHARED_PX = 48


@dataclass(frozen=True)
class Prepared:
    """``pixel_values`` float32 [1, 3, height, width], and how much of that is picture."""

    pixels: Array
    width_px: int
    height_px: int


class ImageToImage(Pipeline):
    """An input is the path of a picture."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: settings of the processor that are not supported, a graph that makes no picture."""
        super().__init__(files, sessions)
        self._session = sessions["model"]
        names = self._session.input_names
        if names != (PIXELS,):
            raise ModelError("model-unknown-input", name=", ".join(names), known=PIXELS)
        if MADE not in self._session.output_names:
            raise ModelError("graph-no-output", wanted=MADE, got=", ".join(self._session.output_names))
        self._processor = ImageProcessor(files, draft=False)
        upscale = files.config.get("upscale", 1)
        if type(upscale) is not int or not 1 <= upscale <= 16:
            raise ModelError("model-bad-setting", file=files.folder / "config.json", name="upscale", value=upscale)
        self._upscale = upscale
        window = files.config.get("window_size", 1)
        step = math.lcm(self._processor.steps.pad_mirrored or 1, window if type(window) is int and window > 0 else 1)
        height, width = (self._side(axis, step) for axis in (2, 3))
        self._tiling = Tiling(height, width, step, min(SHARED_PX, height // 2, width // 2))

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Prepared:
        """Raises InputError for what is no picture, and where what is made of it would be too large."""
        if not isinstance(item, (str, Path)):
            raise InputError("image-bad-input", got=type(item).__name__)
        picture = self._processor.load(item, run)
        width, height = picture.width_px * self._upscale, picture.height_px * self._upscale
        if width * height > MAX_MEGAPIXELS * 1_000_000:
            size = {"width": picture.width_px, "height": picture.height_px, "made": f"{width} x {height}"}
            raise InputError("image-made-too-large", file=item, **size, limit=MAX_MEGAPIXELS)
        pixels = self._processor(picture, item)
        return Prepared(pixels, picture.width_px, picture.height_px)

    def forward(self, prepared: Prepared, params: Mapping[str, Any], run: Run) -> Outputs:
        """``picture``: uint8 [rows, columns, 3], with what was padded."""
        rows, columns = prepared.pixels.shape[2:]
        fill = ((0, 0), (0, 0), (0, self._fill(2, rows)), (0, self._fill(3, columns)))
        pixels = np.pad(prepared.pixels, fill, "symmetric") if np.any(fill) else prepared.pixels

        def told(done: int, total: int) -> None:
            if total > 1:
                run.progress("enlarge", done, total, "parts")

        return {PICTURE: through_tiles(pixels, self._tiling, lambda tile: self._made(tile, run), told)}

    def postprocess(self, outputs: Outputs, prepared: Prepared, params: Mapping[str, Any], run: Run) -> MadePicture:
        """The picture alone, of ``picture``, or of the model's own ``reconstruction`` float [1, 3, rows, columns]."""
        if PICTURE in outputs:
            picture = outputs[PICTURE]
        else:
            made = finite(outputs[MADE])[0].transpose(1, 2, 0)
            picture = np.rint(255 * np.clip(made, 0, 1)).astype(np.uint8)
        rows, columns = prepared.height_px * self._upscale, prepared.width_px * self._upscale
        return MadePicture(np.ascontiguousarray(picture[:rows, :columns]))

    def reference_outputs(
        self, prepared: Prepared, params: Mapping[str, Any], run: Run, answer: Mapping[str, Any]
    ) -> Outputs:
        """``reconstruction`` of the whole picture: samples are small."""
        return {MADE: self._made(prepared.pixels, run)}

    def _made(self, pixels: Array, run: Run) -> Array:
        run.cancellation.check()
        dtype = self._session.input_dtypes[PIXELS]
        made = finite(self._session.run({PIXELS: pixels.astype(dtype, copy=False)}, run, (MADE,))[MADE])
        wanted = (1, 3, *(side * self._upscale for side in pixels.shape[2:]))
        if made.shape != wanted:
            raise ModelError("model-files-disagree", file=self.files.folder / "config.json", name="upscale")
        return made

    def _side(self, axis: int, step: int) -> int:
        """How long a tile is: as the graph has it, or about :data:`TILE_PX`."""
        fixed = self._fixed(axis)
        return fixed or max(step, TILE_PX // step * step)

    def _fixed(self, axis: int) -> int | None:
        shape = self._session.input_shapes.get(PIXELS)
        side = shape[axis] if shape is not None and len(shape) == 4 else None
        return side if isinstance(side, int) else None

    def _fill(self, axis: int, length: int) -> int:
        """What is missing to whole tiles where the graph takes one size alone, else to whole windows."""
        if tile := self._fixed(axis):
            return self._tiling.starts(length, tile)[-1] + tile - length
        return -length % self._tiling.step


PIPELINE = ImageToImage
