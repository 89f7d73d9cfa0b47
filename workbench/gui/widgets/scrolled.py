"""Areas that are scrolled up and down alone."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget

from workbench.gui.widgets.basic import column
from workbench.gui.widgets.theme import mark

__all__ = ["Scrolled", "ScrolledPart"]

LEAST_PX = 112  # of a part: some lines of it are seen


class Scrolled(QScrollArea):
    """Without a frame, as wide as there is room; the keyboard goes on to what is inside."""

    def __init__(self, inside: QWidget) -> None:
        super().__init__()
        self.setWidget(inside)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)


class ScrolledPart(Scrolled):
    """A part among others that wants to be as high as what is inside. Where there is less room it is lower, and
    scrolled: in a layout alone, what is inside would lie upon each other."""

    def __init__(self, part: QWidget) -> None:
        self._holder = _Holder(self, part)
        super().__init__(self._holder)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        lines = self._holder.lines
        return lines.totalHeightForWidth(width) if lines.hasHeightForWidth() else lines.totalSizeHint().height()

    def sizeHint(self) -> QSize:
        return QSize(self._holder.sizeHint().width(), self.heightForWidth(max(1, self.width())))

    def minimumSizeHint(self) -> QSize:
        return QSize(self._holder.minimumSizeHint().width(), min(LEAST_PX, self.sizeHint().height()))


class _Holder(QWidget):
    """Tells the area around it that what is inside needs another room."""

    def __init__(self, around: ScrolledPart, part: QWidget) -> None:
        super().__init__()
        self._around = around
        self.lines = column(part, 1)
        self.setLayout(self.lines)
        mark(self, role="plain")

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._around.updateGeometry()
        return super().event(event)
