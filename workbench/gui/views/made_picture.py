"""A picture that a model made, over the one that it was made of."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QImage, QPainter, QTransform
from PySide6.QtWidgets import QSizePolicy, QSlider, QWidget

from workbench.gui.language import tr
from workbench.gui.views.base import Context, View
from workbench.gui.views.beside import Beside
from workbench.gui.views.canvas import SQUARES_PX, Canvas, ZoomBar
from workbench.gui.widgets.basic import Label, column, row
from workbench.gui.widgets.theme import SPACE
from workbench.results import MadePicture

__all__ = ["MadePictureView"]

SLIDER_STEPS = 100
SLIDER_PX = 140


class MadePictureView(View):
    """The new picture; a slider uncovers the old one from the left."""

    def __init__(self) -> None:
        super().__init__()
        self._result = MadePicture(np.zeros((0, 0, 3), np.uint8))
        self._bytes = b""
        self._image = QImage()
        self.canvas = Canvas()
        self.canvas.paint_over = self._paint
        self.zoom = ZoomBar(self.canvas)
        self.share = QSlider(Qt.Orientation.Horizontal)
        self.share.setRange(0, SLIDER_STEPS)
        self.share.setValue(SLIDER_STEPS)
        self.share.setFixedWidth(SLIDER_PX)
        self.share.valueChanged.connect(lambda value: self.canvas.update())
        self._before = Label(tone="muted", role="small")
        self._after = Label(tone="muted", role="small")
        self._after.setBuddy(self.share)
        self.detail = Label(tone="muted", role="small")
        self._none = Label(tone="muted", wrap=True)
        tools = QWidget()
        tools.setLayout(row(self._before, self.share, self._after, 1, self.zoom))
        tools.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._parts = Beside(self.canvas, (tools, self.detail))
        layout = column(self._none, self._parts, space=SPACE.small)
        layout.setStretchFactor(self._parts, 1)
        self.setLayout(layout)
        self._none.hide()
        self.retranslate()

    def retranslate(self) -> None:
        self._none.setText(tr("The model made no picture."))
        self._before.setText(tr("Before"))
        self._after.setText(tr("After"))
        self.share.setAccessibleName(tr("How much of the new picture is shown"))
        self.share.setToolTip(tr("How much of the new picture is shown"))
        self.detail.setText(self.text())

    def show_result(self, result: MadePicture, context: Context) -> None:
        width, height = result.width_px, result.height_px
        self.canvas.show_picture(context, width, height)
        if result is self._result:
            return
        self._result = result
        # Qt reads these bytes as long as the image lives, and copies nothing.
        self._bytes = result.pixels.tobytes()
        self._image = QImage(self._bytes, width, height, 3 * width, QImage.Format.Format_RGB888)
        some = bool(width and height)
        self._none.setVisible(not some)
        self._parts.setVisible(some)
        self.detail.setText(self.text())
        self.canvas.update()

    def text(self) -> str:
        return tr("{width} × {height} pixels", width=self._result.width_px, height=self._result.height_px)

    def _paint(self, painter: QPainter, to_screen: QTransform) -> None:
        if self._image.isNull():
            return
        width, height = self._result.width_px, self._result.height_px
        covered = width * self.share.value() / SLIDER_STEPS
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, to_screen.m11() < SQUARES_PX)
        painter.setClipRect(to_screen.mapRect(QRectF(width - covered, 0, covered, height)))
        painter.drawImage(to_screen.mapRect(QRectF(0, 0, width, height)), self._image)
