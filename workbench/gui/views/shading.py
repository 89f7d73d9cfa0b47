"""Numbers as colours: pictures with one pixel a number, to be drawn large."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PySide6.QtGui import QColor, QImage

from workbench.gui.views.painting import mixed
from workbench.gui.widgets.theme import colors

__all__ = ["FloatArray", "heat_color", "heat_image", "sign_color", "sign_image"]

FloatArray = np.ndarray[Any, np.dtype[np.float32]]

SHADES = 256


def heat_color(score: float) -> QColor:
    """The colour of a score: from that of the surface at 0 and below to the accent at 1."""
    return mixed(colors().surface, colors().accent, min(1.0, max(0.0, score)))


def heat_image(scores: FloatArray, *, mirrored: bool) -> QImage:
    """Scores [rows, columns] in [0, 1] by :func:`heat_color`. ``mirrored``: the diagonal says nothing and is muted."""
    finite = np.clip(np.nan_to_num(scores, nan=0.0), 0, 1)
    pixels = _shades(heat_color)[(finite * (SHADES - 1)).round().astype(int)]
    if mirrored:
        np.fill_diagonal(pixels, QColor(colors().raised).rgb())
    return _image(pixels)


def sign_color(value: float) -> QColor:
    """The colour of a number in [-1, 1]: warm below 0, that of the surface at 0, the accent above."""
    value = min(1.0, max(-1.0, value))
    return mixed(colors().surface, colors().accent if value > 0 else colors().danger, abs(value))


def sign_image(values: FloatArray, scale: float) -> QImage:
    """Numbers [rows, columns] by :func:`sign_color`; ``scale`` is what counts as 1."""
    finite = np.clip(np.nan_to_num(values, nan=0.0) / (scale or 1.0), -1, 1)
    return _image(
        _shades(lambda share: sign_color(2 * share - 1))[((finite + 1) / 2 * (SHADES - 1)).round().astype(int)]
    )


def _shades(color: Callable[[float], QColor]) -> np.ndarray[Any, np.dtype[np.uint32]]:
    return np.array([color(number / (SHADES - 1)).rgb() for number in range(SHADES)], np.uint32)


def _image(pixels: np.ndarray[Any, np.dtype[np.uint32]]) -> QImage:
    rows, columns = pixels.shape
    # A copy: an image of Qt's does not keep the bytes that it was made of.
    return QImage(pixels.tobytes(), columns, rows, 4 * columns, QImage.Format.Format_RGB32).copy()
