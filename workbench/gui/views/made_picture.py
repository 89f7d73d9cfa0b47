"""A picture that a model made, over the one that it was made of."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter, QTransform

from workbench.gui.language import tr
from workbench.gui.views.base import Context
from workbench.gui.views.canvas import SQUARES_PX
from workbench.gui.views.two_pictures import TwoPictures
from workbench.gui.widgets.basic import Label
from workbench.results import MadePicture

__all__ = ["MadePictureView"]


class MadePictureView(TwoPictures):
    """The new picture; the slider uncovers the old one from the left."""

    def __init__(self) -> None:
        self.detail = Label(tone="muted", role="small")
        super().__init__(self.detail)
        self._result = MadePicture(np.zeros((0, 0, 3), np.uint8))
        self._bytes = b""
        self.retranslate()

    def retranslate(self) -> None:
        self._name(
            before=tr("Before"),
            after=tr("After"),
            share=tr("How much of the new picture is shown"),
            none=tr("The model made no picture."),
        )
        self.detail.setText(self.text())

    def show_result(self, result: MadePicture, context: Context) -> None:
        width, height = result.width_px, result.height_px
        self.canvas.show_picture(context, width, height)
        if result is self._result:
            return
        self._result = result
        # Qt reads these bytes as long as the image lives, and copies nothing: the old ones must stay until it is gone.
        pixels = result.pixels.tobytes()
        self._show_image(QImage(pixels, width, height, 3 * width, QImage.Format.Format_RGB888))
        self._bytes = pixels
        self.detail.setText(self.text())

    def text(self) -> str:
        return tr("{width} × {height} pixels", width=self._result.width_px, height=self._result.height_px)

    def _paint(self, painter: QPainter, to_screen: QTransform) -> None:
        if self._image.isNull():
            return
        width, height = self._result.width_px, self._result.height_px
        covered = width * self.portion
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, to_screen.m11() < SQUARES_PX)
        painter.setClipRect(to_screen.mapRect(QRectF(width - covered, 0, covered, height)))
        painter.drawImage(to_screen.mapRect(QRectF(0, 0, width, height)), self._image)
