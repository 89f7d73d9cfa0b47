"""What a model found, drawn over the picture that it was asked about, as the window shows it."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from workbench.errors import EngineError
from workbench.marks import MARKS, depth_colors, label_colors
from workbench.results import Box, Boxes, Depth, Masks, Result
from workbench.runtime.images import PixelArray, load_image

__all__ = ["draw_over", "overlay_png"]

FILL = 128  # how much of a mask's colour is seen, of 255
DEPTH_SHARE = 0.7  # of the depth's colours; the rest is the picture
FONT_SHARE, LEAST_FONT_PX = 1 / 36, 11
# Fonts that have Chinese, where a label needs it; Pillow's own is Latin.
WIDE_FONTS = ("NotoSansCJK-Regular.ttc", "wqy-zenhei.ttc", "wqy-microhei.ttc", "msyh.ttc", "PingFang.ttc", "simsun.ttc")
FAST = 3  # of zlib's levels


def overlay_png(path: Path, result: Result) -> bytes:
    """A PNG of the picture in ``path`` with the result drawn over it. Raises InputError as ``load_image`` does."""
    stream = io.BytesIO()
    draw_over(load_image(path), result).save(stream, "PNG", compress_level=FAST)
    return stream.getvalue()


def draw_over(picture: Image.Image, result: Result) -> Image.Image:
    """The RGB picture with boxes, masks or depth over it, of its own size. Raises EngineError for another result."""
    match result:
        case Boxes():
            return _with_boxes(picture, result)
        case Masks():
            return _with_masks(picture, result)
        case Depth():
            return _with_depth(picture, result)
    raise EngineError("engine-bug", detail=f"a {type(result).__name__} cannot be drawn over a picture")


def _with_boxes(picture: Image.Image, result: Boxes) -> Image.Image:
    hues = label_colors([box.label for box in result.boxes])
    size = max(LEAST_FONT_PX, round(min(picture.size) * FONT_SHARE))
    across = picture.width / max(1, result.width_px), picture.height / max(1, result.height_px)
    draw = ImageDraw.Draw(picture)
    for box in reversed(result.boxes):  # the surest on top
        _draw_box(draw, box, _color(hues[box.label]), across, size, picture.size)
    return picture


def _draw_box(
    draw: ImageDraw.ImageDraw,
    box: Box,
    color: tuple[int, int, int],
    across: tuple[float, float],
    size: int,
    room: tuple[int, int],
) -> None:
    corners = np.array([box.xmin * across[0], box.ymin * across[1], box.xmax * across[0], box.ymax * across[1]])
    if not np.isfinite(corners).all():
        return
    # Far outside of the picture Pillow counts with numbers that overflow.
    left, top, right, bottom = (float(value) for value in corners.clip(-max(room), 2 * max(room)))
    left, right, top, bottom = min(left, right), max(left, right), min(top, bottom), max(top, bottom)
    line = max(2, size // 6)
    draw.rectangle((left, top, right, bottom), outline=color, width=line)
    text = f"{' '.join(box.label.split())[:60]} {box.score:.0%}"
    font = _font(size, latin=text.isascii())
    _, _, width, height = (round(value) for value in font.getbbox(text))
    pad = max(2, size // 4)
    y = top - height - pad if top - height - pad >= 0 else top
    x = max(0.0, min(left, room[0] - width - 2 * pad))
    draw.rectangle((x, y, x + width + 2 * pad, y + height + pad), fill=color)
    draw.text((x + pad, y + pad / 2), text, fill=_ink(color), font=font)


def _with_masks(picture: Image.Image, result: Masks) -> Image.Image:
    hues = label_colors([mask.label for mask in result.masks])
    for mask in result.masks:
        inside = _fitted(mask.pixels, picture.size) > 0
        color = _color(hues[mask.label])
        # Pillow's own blending: numpy would take many times as long.
        picture.paste(color, (0, 0), Image.fromarray(inside.view(np.uint8) * np.uint8(FILL)))
        picture.paste(color, (0, 0), Image.fromarray(_edge(inside).view(np.uint8) * np.uint8(255)))
    return picture


def _with_depth(picture: Image.Image, result: Depth) -> Image.Image:
    known = np.isfinite(result.values)
    if not known.any():
        return picture
    low, high = float(result.values[known].min()), float(result.values[known].max())
    shares = (np.where(known, result.values, low) - low) / (high - low if high > low else 1.0)
    numbers = (shares * 255).round().astype(np.uint8)
    if result.unit == "m":  # near is light, whatever way the numbers go
        numbers = np.uint8(255) - numbers
    colors = Image.fromarray(depth_colors()[numbers]).resize(picture.size, Image.Resampling.BILINEAR)
    blended = Image.blend(picture, colors, DEPTH_SHARE)
    return Image.composite(blended, picture, Image.fromarray(_fitted(known.astype(np.uint8) * 255, picture.size)))


def _fitted(pixels: Any, size: tuple[int, int]) -> PixelArray:
    if pixels.shape == (size[1], size[0]):
        fitting: PixelArray = pixels
        return fitting
    return np.array(Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling.NEAREST))


def _edge(inside: Any) -> Any:
    """The pixels of a mask with one outside beside them."""
    inner = inside.copy()
    inner[1:] &= inside[:-1]
    inner[:-1] &= inside[1:]
    inner[:, 1:] &= inside[:, :-1]
    inner[:, :-1] &= inside[:, 1:]
    return inside & ~inner


def _color(number: int) -> tuple[int, int, int]:
    red, green, blue = ImageColor.getrgb(MARKS[number % len(MARKS)])[:3]
    return red, green, blue


def _ink(ground: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white, whichever is read better (the lightness of ITU-R BT.601)."""
    red, green, blue = ground
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 110 else (255, 255, 255)


@cache
def _font(size: int, *, latin: bool) -> Any:
    for name in () if latin else WIDE_FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)
