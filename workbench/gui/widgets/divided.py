"""Two parts side by side with a thin line between them that can be dragged."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSplitter, QSplitterHandle

from workbench.gui.widgets.theme import colors

__all__ = ["Divided"]


class Divided(QSplitter):
    """A splitter that paints its line itself: a style sheet for it would go down to all that it holds."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setHandleWidth(1)
        self.setChildrenCollapsible(False)

    def createHandle(self) -> QSplitterHandle:
        return _Line(self.orientation(), self)


class _Line(QSplitterHandle):
    def paintEvent(self, event: QPaintEvent) -> None:
        shade = colors().accent if self.underMouse() else colors().border
        QPainter(self).fillRect(self.rect(), QColor(shade))

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Enter, QEvent.Type.Leave):
            self.update()
        return super().event(event)
