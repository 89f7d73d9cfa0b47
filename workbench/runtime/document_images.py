"""Pictures of pages for Donut: turned, scaled, made small enough, and padded, as ``DonutImageProcessor`` without
torchvision does it in transformers 4.57."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from workbench.errors import InputError, ModelError
from workbench.runtime.images import MAX_MEGAPIXELS
from workbench.runtime.logits_processors import FloatArray
from workbench.tasks.base import ModelFiles

__all__ = ["DonutImages", "is_donut"]

FILE = "preprocessor_config.json"
CLASSES = ("DonutImageProcessor", "DonutFeatureExtractor", "DonutImageProcessorFast")
DEFAULTS: dict[str, Any] = {
    "do_resize": True,
    "size": {"height": 2560, "width": 1920},
    "resample": 2,
    "do_thumbnail": True,
    "do_align_long_axis": False,
    "do_pad": True,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}
# Former names, and keys that change no pixel.
FORMER = {"do_align_axis": "do_align_long_axis"}
HARMLESS = frozenset({"image_processor_type", "feature_extractor_type", "processor_class", "do_convert_rgb"})
MAX_SIDE_PX = 8192
THUMBNAIL_GAP = 2.0


def is_donut(files: ModelFiles) -> bool:
    """Whether the model's pictures are prepared by Donut's class."""
    values = files.read_json(FILE) or {}
    named = values.get("image_processor_type") or values.get("feature_extractor_type")
    return named in CLASSES


class DonutImages:
    """``pixel_values`` of one picture. Calls like :class:`workbench.runtime.image_processing.ImageProcessor`."""

    def __init__(self, files: ModelFiles) -> None:
        """Raises ModelError: a value that is not supported, or a key that could alter the pixels and is not known."""
        file = files.folder / FILE
        self._values = _read(file, files.read_json(FILE) or {})
        size = self._values["size"]
        self._height, self._width = int(size["height"]), int(size["width"])

    def __call__(self, picture: Image.Image, name: object) -> FloatArray:
        """Float32 [1, 3, height, width] of an RGB picture. ``name`` stands for it in errors.

        Raises InputError where the picture is so narrow that it would grow beyond all bounds, or out of its frame.
        """
        values, (width, height) = self._values, picture.size
        if values["do_align_long_axis"] and (self._width - self._height) * (width - height) < 0:
            picture = picture.transpose(Image.Transpose.ROTATE_270)
        if values["do_resize"]:
            picture = self._resized(picture, name)
        if values["do_thumbnail"]:
            picture = self._thumbnail(picture)
        pixels = np.asarray(picture, np.uint8)
        if values["do_pad"]:
            pixels = self._padded(pixels, picture, name)
        numbers = pixels.astype(np.float64)
        if values["do_rescale"]:
            numbers *= values["rescale_factor"]
        array = numbers.astype(np.float32).transpose(2, 0, 1)
        if values["do_normalize"]:
            mean, std = (np.array(values[key], np.float32)[:, None, None] for key in ("image_mean", "image_std"))
            array = (array - mean) / std
        return np.ascontiguousarray(array)[None]

    def _resized(self, picture: Image.Image, name: object) -> Image.Image:
        """The shorter side as long as that of the frame."""
        short, long = sorted(picture.size)
        wanted = min(self._height, self._width)
        longer = int(wanted * long / short)
        if wanted * longer > MAX_MEGAPIXELS * 1_000_000:
            raise _misfit(picture, f"{wanted} x {longer}", name)
        size = (wanted, longer) if picture.width <= picture.height else (longer, wanted)
        return picture.resize(size, Image.Resampling(self._values["resample"]))

    def _thumbnail(self, picture: Image.Image) -> Image.Image:
        """No side longer than that of the frame, as far as one step goes."""
        width, height = min(picture.width, self._width), min(picture.height, self._height)
        if (width, height) == picture.size:
            return picture
        if picture.height > picture.width:
            width = int(picture.width * height / picture.height)
        elif picture.width > picture.height:
            height = int(picture.height * width / picture.width)
        return picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=THUMBNAIL_GAP)

    def _padded(self, pixels: np.ndarray[Any, np.dtype[np.uint8]], picture: Image.Image, name: object) -> Any:
        height, width = pixels.shape[:2]
        rest_y, rest_x = self._height - height, self._width - width
        if rest_y < 0 or rest_x < 0:
            raise _misfit(picture, f"{width} x {height}", name)
        top, left = rest_y // 2, rest_x // 2
        return np.pad(pixels, ((top, rest_y - top), (left, rest_x - left), (0, 0)))


def _misfit(picture: Image.Image, scaled: str, name: object) -> InputError:
    return InputError("image-too-narrow", file=name, width=picture.width, height=picture.height, scaled=scaled)


def _read(file: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(DEFAULTS)
    for key, value in given.items():
        known = FORMER.get(key, key)
        if known in DEFAULTS:
            values[known] = DEFAULTS[known] if value is None and not known.startswith("do_") else value
        elif key not in HARMLESS and value not in (None, False):
            raise ModelError("model-unknown-setting", file=file, name=key)

    def bad(name: str) -> ModelError:
        return ModelError("model-bad-setting", file=file, name=name, value=values[name])

    size = values["size"]
    if isinstance(size, list) and len(size) == 2:  # older files say width first
        size = {"height": size[1], "width": size[0]}
    elif isinstance(size, int):
        size = {"height": size, "width": size}
    if not isinstance(size, dict) or set(size) != {"height", "width"} or not all(map(_is_length, size.values())):
        raise bad("size")
    values["size"] = size
    if type(values["resample"]) is not int or not 0 <= values["resample"] <= 5:
        raise bad("resample")
    if type(values["rescale_factor"]) not in (int, float):
        raise bad("rescale_factor")
    for name in ("image_mean", "image_std"):
        rows = values[name] if isinstance(values[name], list) else [values[name]] * 3
        numbers = len(rows) == 3 and all(type(row) in (int, float) for row in rows)
        if not numbers or (name == "image_std" and 0 in rows):
            raise bad(name)
        values[name] = rows
    return values


def _is_length(value: Any) -> bool:
    return type(value) is int and 1 <= value <= MAX_SIDE_PX
