"""Picture files as upright RGB pictures, for models and for previews. The only place that decodes a user's picture."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from workbench.errors import InputError
from workbench.tasks.base import Run

__all__ = ["FORMATS", "MAX_MEGAPIXELS", "PixelArray", "load_image", "preview"]

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
