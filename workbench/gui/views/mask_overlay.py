"""Masks as one picture to lay over another, made a little at a time and only as fine as the screen shows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, QRect, QRectF, QTimer, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QTransform

from workbench.gui.widgets.theme import colors
from workbench.results import Mask

__all__ = ["MaskOverlay"]

ByteArray = np.ndarray[Any, np.dtype[np.uint8]]

SLICE_S = 0.008
# The finest overlay, in pixels a side: about what a large screen shows of it.
MAX_SIDE_PX = 1536
# A part that is made reaches beyond what is seen by this share, so that a small move needs no new one.
MARGIN = 0.25
SLOTS = 120  # colours of grounds in the table of an image; those of edges come after them
STRONG_FILL = 0.55


class MaskOverlay(QObject):
    """Holds an image of the masks that are on. ``show`` asks for one; ``changed`` says that it is there.

    The image has a number a pixel and a table of colours, so that opacity costs a table, not pixels.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._masks: Sequence[Mask] = ()
        self._hue_of: Callable[[str], int] = lambda label: 0
        self._opacity = 0.5
        self._image = QImage()
        self._strong_image = QImage()
        self._area = QRectF()
        self._wanted = QRectF()
        self._strong_area = QRectF()
        self._step = 0
        self._jobs: dict[str, Iterator[None]] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._work)

    @property
    def is_ready(self) -> bool:
        """Whether all that was asked for is there."""
        return not self._jobs

    def set_opacity(self, opacity: float) -> None:
        """How much of the masks' grounds is seen, in [0, 1]; their edges stay."""
        self._opacity = opacity
        self._color(self._image)

    def show(self, masks: Sequence[Mask], hue_of: Callable[[str], int], seen: QRectF, screen_px: float) -> None:
        """Have an image of these masks for the part that is ``seen`` (in pixels of the picture), where a pixel of the
        picture is ``screen_px`` pixels of the screen."""
        step = _step_for(masks, seen, screen_px)
        same = len(masks) == len(self._masks) and all(a is b for a, b in zip(masks, self._masks, strict=True))
        if same and step == self._step and self._wanted.contains(seen):
            return
        region = _region(masks, seen, step)
        self._masks, self._hue_of, self._step, self._wanted = masks, hue_of, step, QRectF(region)
        self._jobs["all"] = self._make(masks, region, step)
        self._timer.start()

    def stand_out(self, mask: Mask | None, seen: QRectF, screen_px: float) -> None:
        """Have one mask drawn over all others; None: no more."""
        self._strong_image, self._strong_area = QImage(), QRectF()
        self._jobs.pop("strong", None)
        if mask is not None:
            step = _step_for([mask], seen, screen_px)
            self._jobs["strong"] = self._make_strong(mask, _region([mask], seen, step), step)
            self._timer.start()
        self.changed.emit()

    def clear(self) -> None:
        self._masks, self._step = (), 0
        self._image, self._area, self._wanted = QImage(), QRectF(), QRectF()
        self._jobs.clear()
        self.stand_out(None, QRectF(), 1.0)

    def paint(self, painter: QPainter, to_screen: QTransform) -> None:
        for image, area in ((self._image, self._area), (self._strong_image, self._strong_area)):
            if not image.isNull():
                painter.drawImage(to_screen.mapRect(area), image)

    # --- a little at a time -------------------------------------------------------------------------------------

    def _work(self) -> None:
        until = time.perf_counter() + SLICE_S
        while self._jobs and time.perf_counter() < until:
            name = next(iter(self._jobs))
            if next(self._jobs[name], StopIteration) is StopIteration:
                self._jobs.pop(name, None)
                self.changed.emit()
        if not self._jobs:
            self._timer.stop()

    def _make(self, masks: Sequence[Mask], region: QRect, step: int) -> Iterator[None]:
        numbers = np.zeros((-(-region.height() // step), -(-region.width() // step)), np.uint8)
        for mask in masks:
            slot = 1 + self._hue_of(mask.label) % (SLOTS - 1)
            yield from _lay(numbers, mask, region, step, slot)
            yield
        image = _indexed(numbers)
        self._color(image)
        self._image, self._area = image, _covered(region, image, step)

    def _make_strong(self, mask: Mask, region: QRect, step: int) -> Iterator[None]:
        numbers = np.zeros((-(-region.height() // step), -(-region.width() // step)), np.uint8)
        slot = 1 + self._hue_of(mask.label) % (SLOTS - 1)
        yield from _lay(numbers, mask, region, step, slot)
        image = _indexed(numbers)
        image.setColorTable(_table(STRONG_FILL, edge="#ffffff"))
        self._strong_image, self._strong_area = image, _covered(region, image, step)

    def _color(self, image: QImage) -> None:
        if not image.isNull():
            image.setColorTable(_table(self._opacity))


def _lay(numbers: ByteArray, mask: Mask, region: QRect, step: int, slot: int) -> Iterator[None]:
    """Write a mask into the numbers of an image: ``slot`` inside, ``slot + SLOTS`` along its edge."""
    rows = slice(region.top(), region.top() + region.height(), step)
    columns = slice(region.left(), region.left() + region.width(), step)
    inside = mask.pixels[rows, columns] > 0
    if inside.shape != numbers.shape:  # a mask of another size than the picture
        return
    yield
    numbers[inside] = slot
    yield
    inner = inside.copy()
    inner[1:] &= inside[:-1]
    inner[:-1] &= inside[1:]
    inner[:, 1:] &= inside[:, :-1]
    inner[:, :-1] &= inside[:, 1:]
    yield
    numbers[inside & ~inner] = slot + SLOTS


def _table(opacity: float, edge: str = "") -> list[int]:
    """Colours of an image: nothing, grounds, edges."""
    marks = [QColor(name) for name in colors().marks]
    table = [0] * (2 * SLOTS)
    for slot in range(1, SLOTS):
        color = QColor(marks[(slot - 1) % len(marks)])
        color.setAlphaF(opacity)
        table[slot] = color.rgba()
        line = QColor(edge) if edge else QColor(color)
        line.setAlphaF(1.0)
        table[slot + SLOTS] = line.rgba()
    return table


def _indexed(numbers: ByteArray) -> QImage:
    height, width = numbers.shape
    # A copy: an image of Qt's does not keep the bytes that it was made of.
    return QImage(numbers.tobytes(), width, height, width, QImage.Format.Format_Indexed8).copy()


def _covered(region: QRect, image: QImage, step: int) -> QRectF:
    """What an image covers of the picture: its last row and column may stand for less than a step."""
    return QRectF(region.left(), region.top(), image.width() * step, image.height() * step)


def _step_for(masks: Sequence[Mask], seen: QRectF, screen_px: float) -> int:
    """Every how many pixels one is taken: as many as the screen shows, and no more than an image may have."""
    longest = max(seen.width(), seen.height(), 1.0) * (1 + 2 * MARGIN)
    return max(1, int(min(1 / max(screen_px, 1e-6), 64)), -(-int(longest) // MAX_SIDE_PX)) if masks else 1


def _region(masks: Sequence[Mask], seen: QRectF, step: int) -> QRect:
    """What is made of the picture: what is seen and a margin, from places that every step meets."""
    height, width = masks[0].pixels.shape if masks else (1, 1)
    dx, dy = seen.width() * MARGIN, seen.height() * MARGIN
    left = int(max(0.0, seen.left() - dx)) // step * step
    top = int(max(0.0, seen.top() - dy)) // step * step
    right = min(width, int(seen.right() + dx) + 1)
    bottom = min(height, int(seen.bottom() + dy) + 1)
    return QRect(left, top, max(1, right - left), max(1, bottom - top))
