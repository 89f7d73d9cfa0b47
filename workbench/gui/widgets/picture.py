"""A picture of the user's, as RGB that another process decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy

from workbench.gui.language import tr
from workbench.gui.widgets.basic import Panel
from workbench.gui.widgets.icons import pixmap
from workbench.gui.widgets.sharpening import Sharpening
from workbench.gui.widgets.theme import colors

if TYPE_CHECKING:
    from workbench.gui.widgets.sharpening import Ask

__all__ = ["PictureView"]

RADIUS_PX = 8
ICON_PX = 40
MIN_HEIGHT_PX = 72


class PictureView(Panel):
    """Scales a picture to fit. It decodes no file: it asks for pixels, and for more of them when it grows."""

    def __init__(self, *, max_height_px: int = 240) -> None:
        super().__init__()
        self._max_height_px = max_height_px
        self._name = ""
        self._pixels = Sharpening(self._came)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.retranslate()

    def retranslate(self) -> None:
        self.setAccessibleName(tr("Picture {name}", name=self._name) if self._name else tr("Picture"))

    @property
    def is_loaded(self) -> bool:
        return not self._pixels.image.isNull()

    def set_source(self, name: str, ask: Ask) -> None:
        """Show the picture that ``ask(max_px, receiver)`` gives; a placeholder until then. ``name`` is its file's."""
        self._name = name
        self._pixels.set_source(ask)
        self.retranslate()
        self.updateGeometry()
        self.update()
        self._want()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        if not self.is_loaded:
            return self._max_height_px
        image = self._pixels.image
        return max(MIN_HEIGHT_PX, min(self._max_height_px, width * image.height() // image.width()))

    def sizeHint(self) -> QSize:
        return QSize(self._max_height_px, self.heightForWidth(self.width() or self._max_height_px))

    def minimumSizeHint(self) -> QSize:
        return QSize(MIN_HEIGHT_PX, MIN_HEIGHT_PX)

    def shown_rect(self) -> QRectF:
        """Where the picture, or what holds its place, is painted: the biggest that fits, in the middle."""
        room, image = QRectF(self.rect()), self._pixels.image
        if image.isNull():
            size = room.size().boundedTo(QRectF(0, 0, room.height() * 4 / 3, room.height()).size())
        else:
            size = image.size().toSizeF().scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
            # An icon of 32 pixels is not blown up to a blur.
            if size.width() > 2 * image.width():
                size = image.size().toSizeF() * 2
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
        if not self.is_loaded:
            painter.fillPath(outline, QColor(colors().raised))
            painter.setPen(QPen(QColor(colors().border), 1))
            painter.drawPath(outline)
            drawn = pixmap("image", colors().border_strong, ICON_PX, self.devicePixelRatioF())
            painter.drawPixmap(rect.center().toPoint() - QRectF(0, 0, ICON_PX, ICON_PX).center().toPoint(), drawn)
            return
        painter.save()
        painter.setClipPath(outline)
        painter.drawImage(rect, self._pixels.fitted((rect.size() * self.devicePixelRatioF()).toSize()))
        painter.restore()
        painter.setPen(QPen(QColor(colors().border), 1))
        painter.drawPath(outline)

    def _want(self) -> None:
        """Ask for as many pixels as the screen has here."""
        if self.width():
            self._pixels.want(max(self.width(), min(self.height(), self._max_height_px)) * self.devicePixelRatioF())

    def _came(self) -> None:
        self.updateGeometry()
        self.update()
