"""From a picture to the numbers a model takes: scaled, cut, rescaled and normalized as the model's own files say."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
from PIL import Image

from workbench.errors import InputError
from workbench.runtime.image_config import ImageSteps, read_image_steps
from workbench.runtime.images import MAX_MEGAPIXELS, LoadedImage, PixelArray, open_image
from workbench.runtime.square_images import make_square
from workbench.tasks.base import ModelFiles, Run

__all__ = ["EXACT_VARIABLE", "ImageProcessor"]

FloatArray = np.ndarray[Any, np.dtype[np.float32]]

# With a value other than 0, large JPEGs are decoded whole, as transformers does, instead of at a part of their size.
EXACT_VARIABLE = "WORKBENCH_EXACT_PICTURES"

# From this proportion of the sides on, it is the shape that is to blame where nothing is left of a picture.
NARROW = 10


class ImageProcessor:
    """What the ``preprocessor_config.json`` of a model asks for, step by step.

    Equal to the classes of transformers that work with Pillow: they scale pictures of 8 bits, so that every later step
    is a function of 256 values a channel, kept here in a table. ``draft`` lets a large JPEG be decoded at an eighth, a
    quarter or half of its size where it is made still smaller: several times as fast, and for photographs the same
    numbers within 0.01, or a step of 8 bits where that is more.
    """

    def __init__(self, files: ModelFiles, draft: bool | None = None) -> None:
        """Raises ModelError: no such file, a class, key or value that is not supported."""
        self.steps: ImageSteps = read_image_steps(files)
        wanted = os.environ.get(EXACT_VARIABLE, "0") in ("", "0") if draft is None else draft
        self.draft = wanted and not self.steps.smooth  # its filter blurs by how much smaller the picture gets
        self._table = _table(self.steps)

    def load(self, source: Any, run: Run | None = None) -> LoadedImage:
        """The picture in a file, decoded as far as this processor needs it. Raises InputError."""
        return open_image(source, run, target=self.steps.resize.of if self.draft and self.steps.resize else None)

    def __call__(self, picture: LoadedImage | Image.Image, name: object) -> FloatArray:
        """``pixel_values`` of one RGB picture, float32 [1, 3, height, width]. ``name`` stands for it in errors.

        Raises InputError where a side would grow beyond all bounds, or nothing of it would be left.
        """
        loaded = picture if isinstance(picture, LoadedImage) else LoadedImage.whole(picture)
        steps = self.steps
        if steps.smooth:
            return self._smooth(loaded, name)
        pixels = np.asarray(self._scaled(loaded, name), np.uint8)
        if steps.crop:
            pixels = _center_crop(pixels, steps.crop)
        if multiple := steps.pad_mirrored:
            below, right = (multiple - side % multiple for side in pixels.shape[:2])
            pixels = np.pad(pixels, ((0, below), (0, right), (0, 0)), "symmetric")
        if steps.flip_channels:
            pixels = pixels[..., ::-1]
        top, left, height, width = self._frame(pixels.shape[0], pixels.shape[1], loaded, name)
        padded = (height, width) != pixels.shape[:2]
        values = (np.zeros if padded else np.empty)((1, 3, height, width), np.float32)
        inner = values[0, :, top : top + pixels.shape[0], left : left + pixels.shape[1]]
        for channel, row in enumerate(self._table):
            if padded:
                inner[channel] = row[pixels[..., channel]]
            else:
                np.take(row, pixels[..., channel], out=values[0, channel])
        return values

    def shown(self, picture: LoadedImage) -> tuple[int, int]:
        """(height, width) of what of ``pixel_values`` is picture and not padding below and right of it."""
        size = self.steps.resize.of(picture.height_px, picture.width_px) if self.steps.resize else None
        return self.steps.crop or size or (picture.height_px, picture.width_px)

    def _scaled(self, loaded: LoadedImage, name: object) -> Image.Image:
        if not self.steps.resize:
            return loaded.picture
        height, width = self.steps.resize.of(loaded.height_px, loaded.width_px)
        size = {"width": loaded.width_px, "height": loaded.height_px}
        nothing_left = not (height and width)
        if nothing_left and max(size.values()) < NARROW * min(size.values()):
            raise InputError("image-too-small", file=name, **size, scaled=f"{width} x {height}")
        if nothing_left or height * width > MAX_MEGAPIXELS * 1_000_000:
            raise InputError("image-too-narrow", file=name, **size, scaled=f"{width} x {height}")
        return loaded.picture.resize((width, height), Image.Resampling(self.steps.resample), box=loaded.box)

    def _smooth(self, loaded: LoadedImage, name: object) -> FloatArray:
        """What the classes give that scale numbers instead of 8 bits."""
        steps, size = self.steps, None
        if steps.resize:
            size = steps.resize.of(loaded.height_px, loaded.width_px)
        elif steps.square and max(loaded.height_px, loaded.width_px) ** 2 > MAX_MEGAPIXELS * 1_000_000:
            side = max(loaded.height_px, loaded.width_px)
            measured = {"width": loaded.width_px, "height": loaded.height_px}
            raise InputError("image-too-narrow", file=name, **measured, scaled=f"{side} x {side}")
        numbers = (np.arange(256, dtype=np.float64) * (1 if steps.factor is None else steps.factor)).astype(np.float32)
        values = make_square(np.asarray(loaded.picture, np.uint8), numbers, steps.square, size)
        if steps.mean and steps.std:
            values = (values - _column(steps.mean)[..., None]) / _column(steps.std)[..., None]
        return np.ascontiguousarray(values)[None]

    def _frame(self, height: int, width: int, loaded: LoadedImage, name: object) -> tuple[int, int, int, int]:
        """Where the picture begins in what the model takes, and the size of that: (top, left, height, width)."""
        if self.steps.pad_to:
            full = self.steps.pad_to
            if height > full[0] or width > full[1]:
                size = {"width": loaded.width_px, "height": loaded.height_px}
                raise InputError("image-too-narrow", file=name, **size, scaled=f"{width} x {height}")
            return 0, 0, *full
        if multiple := self.steps.pad_to_multiple:
            rows, columns = (math.ceil(side / multiple) * multiple for side in (height, width))
            return (rows - height) // 2, (columns - width) // 2, rows, columns
        return 0, 0, height, width


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
