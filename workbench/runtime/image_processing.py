"""From a picture to the numbers a model takes: scaled, cut, rescaled and normalized as the model's own files say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from PIL import Image

from workbench.errors import InputError
from workbench.runtime.image_config import Exact, ImageSteps, ShortestEdge, read_image_steps
from workbench.runtime.images import MAX_MEGAPIXELS, PixelArray
from workbench.tasks.base import ModelFiles

__all__ = ["ImageProcessor"]

FloatArray = np.ndarray[Any, np.dtype[np.float32]]


class ImageProcessor:
    """What the ``preprocessor_config.json`` of a model asks for, step by step.

    Equal to the classes of transformers that work with Pillow: they scale pictures of 8 bits, so that every later step
    is a function of 256 values a channel, kept here in a table.
    """

    def __init__(self, files: ModelFiles) -> None:
        """Raises ModelError: no such file, a class, key or value that is not supported."""
        self.steps: ImageSteps = read_image_steps(files)
        self._table = _table(self.steps)

    def __call__(self, picture: Image.Image, name: object) -> FloatArray:
        """``pixel_values`` of one RGB picture, float32 [1, 3, height, width]. ``name`` stands for it in errors.

        Raises InputError where the picture is so narrow that its longer side would grow beyond all bounds.
        """
        steps = self.steps
        if steps.resize:
            height, width = _target(steps.resize, picture)
            if height * width > MAX_MEGAPIXELS * 1_000_000:
                size = {"width": picture.width, "height": picture.height}
                raise InputError("image-too-narrow", file=name, **size, scaled=f"{width} x {height}")
            picture = picture.resize((width, height), Image.Resampling(steps.resample))
        pixels = np.asarray(picture, np.uint8)
        if steps.crop:
            pixels = _center_crop(pixels, steps.crop)
        if steps.flip_channels:
            pixels = pixels[..., ::-1]
        values = np.empty((1, 3, *pixels.shape[:2]), np.float32)
        for channel, row in enumerate(self._table):
            np.take(row, pixels[..., channel], out=values[0, channel])
        return values


def _target(resize: Exact | ShortestEdge, picture: Image.Image) -> tuple[int, int]:
    """(height, width) after scaling. The longer side is cut off to whole pixels, as torchvision does."""
    if isinstance(resize, Exact):
        return resize.height, resize.width
    short, long = sorted(picture.size)
    scaled = int(resize.px * long / short)
    return (scaled, resize.px) if picture.width <= picture.height else (resize.px, scaled)


def _center_crop(pixels: PixelArray, size: tuple[int, int]) -> PixelArray:
    """The middle of uint8 [height, width, 3], with zeros where the picture is smaller. An odd rest lies below and right
    of a part that is cut out, and above and left of a picture that is padded."""
    cropped = np.zeros((*size, 3), np.uint8)
    (from_y, to_y), (from_x, to_x) = (_spans(pixels.shape[axis], size[axis]) for axis in (0, 1))
    cropped[to_y, to_x] = pixels[from_y, from_x]
    return cropped


def _spans(length: int, wanted: int) -> tuple[slice, slice]:
    """Where one axis is read, and where that goes."""
    if wanted <= length:
        start = (length - wanted) // 2
        return slice(start, start + wanted), slice(0, wanted)
    start = math.ceil((wanted - length) / 2)
    return slice(0, length), slice(start, start + length)


def _table(steps: ImageSteps) -> FloatArray:
    """What becomes of each value of 8 bits, float32 [3, 256]; float64 and float32 take turns as in transformers."""
    values = np.arange(256, dtype=np.float64)
    if steps.factor is not None:
        values = values * steps.factor
    table = np.repeat(values.astype(np.float32)[None], 3, axis=0)
    if steps.offset and steps.factor is not None:
        table = table - np.float32(1)
    if steps.mean and steps.std:
        table = (table - _column(steps.mean)) / _column(steps.std)
    if steps.divide_again and steps.std:
        table = table / _column(steps.std)
    return table


def _column(values: tuple[float, ...]) -> FloatArray:
    return np.array(values, np.float32)[:, None]
