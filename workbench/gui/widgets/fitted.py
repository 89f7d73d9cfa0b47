"""Room for one widget after the other, which is scrolled where it needs more height than there is."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from workbench.gui.widgets.theme import mark

__all__ = ["Fitted"]


class Fitted(QScrollArea):
    """Shows one widget of those that were put into it, as large as itself. Where that is lower than the widget's least
    height at this width, parts of the widget would lie upon each other; there it is that high, and scrolled."""

    def __init__(self) -> None:
        super().__init__()
        self._inside = _Inside(self)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(self._inside)
        self.shown: QWidget | None = None

    def put(self, widget: QWidget) -> None:
        """Show a widget; the one before it is the caller's, to be put elsewhere."""
        self.shown = widget
        widget.setParent(self._inside)
        widget.show()
        self.verticalScrollBar().setValue(0)
        self.arrange()

    def minimumSizeHint(self) -> QSize:
        return QSize(0, 0)

    def sizeHint(self) -> QSize:
        return self.shown.sizeHint() if self.shown else super().sizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.arrange()

    def arrange(self) -> None:
        """Give what is shown its place."""
        if self.shown is None or self.shown.parent() is not self._inside:
            return
        room = self.size()
        if _least_height(self.shown, room.width()) > room.height():
            room.setWidth(max(0, room.width() - self.verticalScrollBar().sizeHint().width()))
            room.setHeight(_least_height(self.shown, room.width()))
        self._inside.resize(room)
        self.shown.setGeometry(QRect(0, 0, room.width(), room.height()))


class _Inside(QWidget):
    """What is scrolled. It hears when the widget in it needs another height."""

    def __init__(self, around: Fitted) -> None:
        super().__init__()
        self._around = around
        mark(self, role="plain")

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._around.arrange()
        return super().event(event)


def _least_height(widget: QWidget, width_px: int) -> int:
    least = widget.minimumSizeHint().height()
    layout = widget.layout()
    if layout is not None and layout.hasHeightForWidth():
        # Of texts that wrap the hint is that of the narrowest column; of pictures the height for the width is the whole
        # one, though they can be shown smaller.
        least = min(least, layout.minimumHeightForWidth(width_px))
    return max(least, widget.minimumHeight())
