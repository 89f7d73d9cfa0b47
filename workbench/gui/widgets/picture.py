"""A picture of the user's, as RGB that another process decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy

from workbench.gui.language import tr
from workbench.gui.widgets.basic import Panel
from workbench.gui.widgets.icons import pixmap
from workbench.gui.widgets.theme import colors

if TYPE_CHECKING:
    from workbench.results import Picture

    Ask = Callable[[int, Callable[[Picture], None]], None]

__all__ = ["PictureView", "image_of"]

RADIUS_PX = 8
ICON_PX = 40
# Sides are asked for in steps, so that a window being resized asks seldom.
STEP_PX = 256
MIN_HEIGHT_PX = 72


class PictureView(Panel):
    """Scales a picture to fit. It decodes no file: it asks for pixels, and for more of them when it grows."""

    def __init__(self, *, max_height_px: int = 240) -> None:
        super().__init__()
        self._max_height_px = max_height_px
        self._ask: Ask | None = None
        self._name = ""
        self._asked_px = 0
        self._request = 0
        self._image = QImage()
        self._fitted = QImage()
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.retranslate()

    def retranslate(self) -> None:
        self.setAccessibleName(tr("Picture {name}", name=self._name) if self._name else tr("Picture"))

    @property
    def is_loaded(self) -> bool:
        return not self._image.isNull()

    def set_source(self, name: str, ask: Ask) -> None:
        """Show the picture that ``ask(max_px, receiver)`` gives; a placeholder until then. ``name`` is its file's."""
        self._name, self._ask = name, ask
        self._asked_px, self._image = 0, QImage()
        self._request += 1
        self.retranslate()
        self.updateGeometry()
        self.update()
        self._want()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        if self._image.isNull():
            return self._max_height_px
        return max(MIN_HEIGHT_PX, min(self._max_height_px, width * self._image.height() // self._image.width()))

    def sizeHint(self) -> QSize:
        return QSize(self._max_height_px, self.heightForWidth(self.width() or self._max_height_px))

    def minimumSizeHint(self) -> QSize:
        return QSize(MIN_HEIGHT_PX, MIN_HEIGHT_PX)

    def shown_rect(self) -> QRectF:
        """Where the picture, or what holds its place, is painted: the biggest that fits, in the middle."""
        room = QRectF(self.rect())
        if self._image.isNull():
            size = room.size().boundedTo(QRectF(0, 0, room.height() * 4 / 3, room.height()).size())
        else:
            size = self._image.size().toSizeF().scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
            # An icon of 32 pixels is not blown up to a blur.
            if size.width() > 2 * self._image.width():
                size = self._image.size().toSizeF() * 2
        rect = QRectF(room.topLeft(), size)
        rect.moveCenter(room.center())
        return rect

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._want()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        rect = self.shown_rect()
        outline = QPainterPath()
        outline.addRoundedRect(rect, RADIUS_PX, RADIUS_PX)
        if self._image.isNull():
            painter.fillPath(outline, QColor(colors().raised))
            painter.setPen(QPen(QColor(colors().border), 1))
            painter.drawPath(outline)
            drawn = pixmap("image", colors().border_strong, ICON_PX, self.devicePixelRatioF())
            painter.drawPixmap(rect.center().toPoint() - QRectF(0, 0, ICON_PX, ICON_PX).center().toPoint(), drawn)
            return
        painter.save()
        painter.setClipPath(outline)
        ratio = self.devicePixelRatioF()
        wanted = (rect.size() * ratio).toSize()
        if self._fitted.size() != wanted:
            # Scaled by area: what the painter does itself looks at four pixels only and shimmers.
            self._fitted = self._image.scaled(
                wanted, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
        painter.drawImage(rect, self._fitted)
        painter.restore()
        painter.setPen(QPen(QColor(colors().border), 1))
        painter.drawPath(outline)

    def _want(self) -> None:
        """Ask for as many pixels as the screen has here, where there are not as many yet."""
        if self._ask is None or not self.width():
            return
        side = max(self.width(), min(self.height(), self._max_height_px)) * self.devicePixelRatioF()
        max_px = -(-int(side) // STEP_PX) * STEP_PX
        if max_px <= self._asked_px:
            return
        self._asked_px = max_px
        request = self._request

        def receive(picture: Picture) -> None:
            if request == self._request and picture.width_px >= self._image.width():
                self._show(picture)

        self._ask(max_px, receive)

    def _show(self, picture: Picture) -> None:
        self._image, self._fitted = image_of(picture), QImage()
        self.updateGeometry()
        self.update()


def image_of(picture: Picture) -> QImage:
    """The picture as Qt paints it."""
    width, height = picture.width_px, picture.height_px
    image = QImage(bytes(picture.rgb), width, height, 3 * width, QImage.Format.Format_RGB888)
    return image.convertToFormat(QImage.Format.Format_RGB32)  # its own copy, and faster to paint
