"""Picture files as upright RGB pictures, for models and for previews. The only place that decodes a user's picture."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from workbench.errors import InputError
from workbench.tasks.base import Run

__all__ = ["FORMATS", "MAX_MEGAPIXELS", "LoadedImage", "PixelArray", "load_image", "open_image", "preview"]

PixelArray = np.ndarray[Any, np.dtype[np.uint8]]

# What Pillow decodes by itself. Others are left out: EPS and WMF start programs, some only know a header. JPEG brings
# MPO, several JPEGs in one file.
FORMATS: tuple[str, ...] = (
    *("AVIF", "BMP", "DIB", "GIF", "ICO", "JPEG", "JPEG2000"),
    *("PCX", "PNG", "PPM", "QOI", "SGI", "TGA", "TIFF", "WEBP"),
)

# A file of a few kilobytes can announce pictures that fill all memory. Cameras of 50 megapixels give 50.3 million.
MAX_MEGAPIXELS = 64

# Pillow asks these two before it takes memory for a picture, also for one that lies in another (an icon).
Image.MAX_IMAGE_PIXELS = MAX_MEGAPIXELS * 1_000_000
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)

# Modes with more than 8 bits a value, which Pillow's conversion to RGB cuts off at 255.
DEEP_MODES = frozenset({"F", "I", "I;16", "I;16B", "I;16L", "I;16N"})

# Smaller pictures are decoded whole: that takes no time worth saving.
DRAFT_MEGAPIXELS = 2
# A draft has at least so many times the pixels, along each side, of what a model takes: then no number of a photograph
# is off by more than a step of 8 bits. With 2 it is half as fast again, and the largest difference is two steps.
DRAFT_MARGIN = 4
ORIENTATION = 0x0112
# What turns a picture with this EXIF orientation upright: sides swapped, then mirrored left to right, top to bottom.
UPRIGHT: dict[int, tuple[bool, bool, bool]] = {
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}


@dataclass(frozen=True)
class LoadedImage:
    """An upright RGB picture out of a file of ``width_px`` by ``height_px`` (upright as well).

    Where it was decoded at a part of its size, ``box`` is what it covers of ``picture`` in pixels of that (left, upper,
    right, lower): a side that cannot be divided ends within the last pixel.
    """

    picture: Image.Image
    width_px: int
    height_px: int
    box: tuple[float, float, float, float]

    @classmethod
    def whole(cls, picture: Image.Image) -> LoadedImage:
        return cls(picture, *picture.size, (0, 0, *picture.size))


def load_image(source: str | Path, run: Run | None = None) -> Image.Image:
    """The picture in a file: mode RGB, turned upright by its EXIF orientation; of an animation, the first frame.

    The same pixels as ``transformers.image_utils.load_image`` gives: transparency is dropped, not blended. ``run`` is
    told where values beyond 8 bits are cut off. Raises InputError: no file, not a picture, cut off, too large.
    """
    path = Path(source)
    with _open(path) as picture:
        if run and picture.mode in DEEP_MODES and _largest(picture) > 255:
            run.warn("image-clipped", file=path)
        return _upright_rgb(picture)


def open_image(
    source: str | Path, run: Run | None = None, target: Callable[[int, int], tuple[int, int]] | None = None
) -> LoadedImage:
    """As :func:`load_image`, with the size of the file.

    ``target`` tells of a height and a width those that the picture will be scaled to; a large JPEG is then decoded at
    an eighth, a quarter or half of its size if that is still more than enough (libjpeg scales in its transform).
    """
    path = Path(source)
    with _open(path) as picture:
        if run and picture.mode in DEEP_MODES and _largest(picture) > 255:
            run.warn("image-clipped", file=path)
        swapped, mirrored, upside_down = UPRIGHT.get(picture.getexif().get(ORIENTATION, 1), (False, False, False))
        width, height = picture.size[::-1] if swapped else picture.size
        scale = 1.0
        if target and width * height >= DRAFT_MEGAPIXELS * 1_000_000:
            rows, columns = target(height, width)
            scale = _drafted(picture, (rows, columns) if swapped else (columns, rows))
        upright = _upright_rgb(picture)
    if scale == 1:  # some formats tell of their size or orientation when they are decoded
        return LoadedImage.whole(upright)
    covered_x, covered_y = width * scale, height * scale
    left = upright.width - covered_x if mirrored else 0.0
    upper = upright.height - covered_y if upside_down else 0.0
    return LoadedImage(upright, width, height, (left, upper, left + covered_x, upper + covered_y))


def _drafted(picture: ImageFile.ImageFile, wanted: tuple[int, int]) -> float:
    """Let the decoder make a picture smaller that will be scaled to ``wanted`` (width, height); how much it does."""
    before = picture.width
    least = tuple(math.ceil(side * DRAFT_MARGIN) for side in wanted)
    drafted = picture.draft(None, (least[0], least[1])) if min(least) > 0 else None
    if drafted is None:
        return 1.0
    # The decoder knows four steps, and rounds sides up.
    return 1 / max(1, round(before / picture.width))


def preview(path: Path, max_px: int) -> PixelArray:
    """The picture as a model gets it, with no side over ``max_px`` and never enlarged: uint8 [height, width, 3].

    A JPEG is decoded at an eighth, a quarter or half of its size where that is enough. Raises InputError as
    :func:`load_image` does.
    """
    with _open(path) as picture:
        share = min(1.0, max_px / max(picture.size))
        width, height = (max(1, int(side * share)) for side in picture.size)
        picture.draft(None, (width, height))  # None leaves the mode alone
        upright = _upright_rgb(picture)
        upright.thumbnail((max_px, max_px), Image.Resampling.BILINEAR)
        return np.array(upright, np.uint8)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[ImageFile.ImageFile]:
    """The open file, its pixels not decoded yet. What decoding raises inside the block becomes an InputError."""
    try:
        if not path.stat().st_size:
            raise InputError("image-empty", file=path)
        with Image.open(path, formats=FORMATS) as picture:
            yield picture
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError("input-not-found", file=path) from error
    except UnidentifiedImageError as error:
        raise InputError("image-unknown-format", file=path) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError("image-too-large", file=path, limit=MAX_MEGAPIXELS) from error
    except IsADirectoryError as error:
        raise InputError("image-unreadable", file=path, reason="it is a folder") from error
    except Exception as error:  # a hostile file makes Pillow's decoders raise almost anything
        raise InputError("image-unreadable", file=path, reason=_reason(error)) from error


def _upright_rgb(picture: Image.Image) -> Image.Image:
    ImageOps.exif_transpose(picture, in_place=True)
    picture.load()
    if picture.mode == "P" and isinstance(picture.info.get("transparency"), bytes):
        picture = picture.convert("RGBA")  # the way on which Pillow does not warn; the colours are the same
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _largest(picture: Image.Image) -> float:
    return float(np.asarray(picture).max())


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).strip().splitlines() or [""])[0][:200] or type(error).__name__
