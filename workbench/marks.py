"""Colours of what is drawn over pictures, the same in the window and in saved files. Plain data and numpy.

A picture has any colours, so these are the same in both themes: strong, of middle lightness, and told apart also by
people who see few colours (after Okabe and Ito, https://jfly.uni-koeln.de/color/).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    ByteArray = np.ndarray[Any, np.dtype[np.uint8]]

__all__ = ["MARKS", "depth_colors", "label_colors"]

MARKS = (
    *("#3b82f6", "#f59e0b", "#10b981", "#ec4899", "#a3e635", "#8b5cf6"),
    *("#ef4444", "#06b6d4", "#eab308", "#d946ef", "#84735a", "#94a3b8"),
)

# Two ends of a scale in OKLCH: dark violet for what is far, light yellow for what is near.
FAR_LIGHTNESS, NEAR_LIGHTNESS = 0.24, 0.93
FAR_HUE_DEGREES, NEAR_HUE_DEGREES = 300.0, 108.0
MOST_CHROMA = 0.17
BISECTIONS = 24


def label_colors(labels: tuple[str, ...] | list[str]) -> dict[str, int]:
    """For each label the number of its colour in :data:`MARKS` (to be taken modulo), in order of first appearance."""
    return {label: number for number, label in enumerate(dict.fromkeys(labels))}


@cache
def depth_colors() -> ByteArray:
    """A scale of 256 colours from far to near, uint8 [256, 3]: lightness grows evenly, as the eye sees it.

    Straight lines in OKLCH (Björn Ottosson, https://bottosson.github.io/posts/oklab/), its chroma lowered where sRGB
    has no such colour.
    """
    import numpy as np

    share = np.linspace(0, 1, 256)
    lightness = FAR_LIGHTNESS + (NEAR_LIGHTNESS - FAR_LIGHTNESS) * share
    hue = np.radians(FAR_HUE_DEGREES + (NEAR_HUE_DEGREES - FAR_HUE_DEGREES) * share)
    least, most = np.zeros(256), np.full(256, 2 * MOST_CHROMA)
    for _ in range(BISECTIONS):  # the most chroma that sRGB has at this lightness and hue
        chroma = (least + most) / 2
        linear = _linear_srgb(lightness, chroma * np.cos(hue), chroma * np.sin(hue))
        outside = ((linear < 0) | (linear > 1)).any(axis=1)
        least, most = np.where(outside, least, chroma), np.where(outside, chroma, most)
    chroma = np.minimum(least, MOST_CHROMA)
    linear = _linear_srgb(lightness, chroma * np.cos(hue), chroma * np.sin(hue)).clip(0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    colors: ByteArray = (encoded * 255).round().astype(np.uint8)
    colors.setflags(write=False)
    return colors


def _linear_srgb(lightness: Any, a: Any, b: Any) -> Any:
    """OKLab → linear sRGB, [n, 3]; values outside [0, 1] are colours that sRGB does not have."""
    import numpy as np

    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short
    return np.stack([red, green, blue], axis=1)
