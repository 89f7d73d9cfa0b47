"""How far each pixel of a picture is, as colours over it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QImage, QLinearGradient, QPainter, QPaintEvent, QTransform
from PySide6.QtWidgets import QSizePolicy

from workbench.gui.language import tr
from workbench.gui.views.base import Context
from workbench.gui.views.painting import MINUS, number_font
from workbench.gui.views.two_pictures import TwoPictures
from workbench.gui.widgets.basic import ElidedLabel, Panel
from workbench.gui.widgets.theme import SPACE, colors
from workbench.marks import depth_colors
from workbench.results import Depth

__all__ = ["DepthView"]

# Colours are made for no more pixels a side than a screen shows.
MAX_SIDE_PX = 2048
SCALE_PX = 10
STOPS = 17
LARGE = 1000


class _Scale(Panel):
    """The colours from far to near, with the numbers at their ends."""

    def __init__(self) -> None:
        super().__init__()
        self._far = self._near = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_ends(self, far: str, near: str) -> None:
        self._far, self._near = far, near
        self.setAccessibleName(tr("Colours from far ({far}) to near ({near})", far=far, near=near))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(160, SCALE_PX + SPACE.tight + QFontMetrics(self._font()).height())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        gradient = QLinearGradient(0, 0, self.width(), 0)
        table = depth_colors()
        for stop in range(STOPS):
            share = stop / (STOPS - 1)
            gradient.setColorAt(share, QColor(*(int(part) for part in table[round(share * 255)])))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(gradient)
        painter.drawRoundedRect(QRectF(0, 0, self.width(), SCALE_PX), SCALE_PX / 2, SCALE_PX / 2)
        painter.setPen(QColor(colors().muted))
        painter.setFont(self._font())
        room = self.rect().adjusted(0, SCALE_PX + SPACE.tight, 0, 0)
        painter.drawText(room, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop), self._far)
        painter.drawText(room, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop), self._near)

    def _font(self) -> Any:
        return number_font(self.font(), 0.9)


class DepthView(TwoPictures):
    """The depth map over the picture; the slider makes it thinner."""

    def __init__(self) -> None:
        self.scale = _Scale()
        self.detail = ElidedLabel(tone="muted", role="small")
        super().__init__(self.scale, self.detail)
        self._result = Depth(np.zeros((0, 0), np.float32), "relative")
        self._low, self._high = 0.0, 0.0
        self._place: tuple[float, float] = (-1.0, -1.0)
        self.canvas.pointed.connect(self._point_at)
        self.retranslate()

    def retranslate(self) -> None:
        self._name(
            before=tr("Picture"),
            after=tr("Depth"),
            share=tr("How much of the depth is laid over the picture"),
            none=tr("The model gave no depth for this picture."),
        )
        self._show_ends()
        self._tell()

    def show_result(self, result: Depth, context: Context) -> None:
        height, width = result.values.shape
        self.canvas.show_picture(context, width, height)
        if result is self._result:
            return
        self._result = result
        self._low, self._high, image = _colored(result)
        self._show_image(image)
        self._place = (-1.0, -1.0)
        self._show_ends()
        self._tell()

    def text(self) -> str:
        height, width = self._result.values.shape
        low, high = self._figure(self._low), self._figure(self._high)
        return tr(
            "Depth of {width} × {height} pixels, from {low} to {high}", width=width, height=height, low=low, high=high
        )

    def value_at(self, x: float, y: float) -> float | None:
        """The depth at a pixel; None where there is none."""
        height, width = self._result.values.shape
        if not (0 <= x < width and 0 <= y < height):
            return None
        value = float(self._result.values[int(y), int(x)])
        return value if math.isfinite(value) else None

    def _show_ends(self) -> None:
        low, high = self._figure(self._low), self._figure(self._high)
        far, near = (high, low) if self._result.unit == "m" else (low, high)
        self.scale.show_ends(tr("far, {value}", value=far), tr("near, {value}", value=near))

    def _figure(self, value: float) -> str:
        if self._result.unit == "m":
            return tr("{metres} m", metres=f"{value:.2f}")
        return (f"{value:,.0f}" if abs(value) >= LARGE else f"{value:.3g}").replace("-", MINUS)

    def _point_at(self, x: float, y: float) -> None:
        self._place = (x, y)
        self._tell()

    def _tell(self) -> None:
        x, y = self._place
        value = self.value_at(x, y)
        if value is None:
            self.detail.setText(tr("Point at the picture to see how far it is there."))
            return
        figure = self._figure(value)
        self.detail.setText(tr("{value} at {x}, {y}", value=figure, x=int(x), y=int(y)))

    def _paint(self, painter: QPainter, to_screen: QTransform) -> None:
        if self._image.isNull():
            return
        height, width = self._result.values.shape
        painter.setOpacity(self.portion)
        painter.drawImage(to_screen.mapRect(QRectF(0, 0, width, height)), self._image)
        painter.setOpacity(1.0)


def _colored(result: Depth) -> tuple[float, float, QImage]:
    """The least and the greatest depth, and the map in colours: near is light. What has no depth is transparent."""
    values = result.values
    if not values.size:
        return 0.0, 0.0, QImage()
    step = max(1, -(-max(values.shape) // MAX_SIDE_PX))
    some = values[::step, ::step]
    known = np.isfinite(some)
    if not known.any():
        return 0.0, 0.0, QImage()
    low, high = float(some[known].min()), float(some[known].max())
    scaled = (np.where(known, some, low) - low) * (254 / (high - low) if high > low else 0.0)
    numbers = scaled.astype(np.uint8)
    if result.unit == "m":
        numbers = np.uint8(254) - numbers
    numbers[~known] = 255
    height, width = numbers.shape
    image = QImage(numbers.tobytes(), width, height, width, QImage.Format.Format_Indexed8).copy()
    table = [QColor(*(int(part) for part in depth_colors()[round(n * 255 / 254)])).rgba() for n in range(255)]
    image.setColorTable([*table, 0])
    # In the form that is painted: a table of colours would be looked up anew with every paint.
    return low, high, image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
