"""A picture and what is told about it: beside each other, one above the other, or the picture alone, as room allows."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QWidget

from workbench.gui.views.canvas import Canvas
from workbench.gui.widgets.basic import column
from workbench.gui.widgets.theme import SPACE

__all__ = ["Beside"]

WIDE_PX = 640
SIDE_PX = 240
BELOW_PX = 150
LOW_PX = 200
NO_LIMIT_PX = 16_777_215  # Qt's own QWIDGETSIZE_MAX


class Beside(QWidget):
    """The canvas with what belongs to it just ``below``; ``side`` gets what room the picture leaves."""

    def __init__(self, canvas: Canvas, below: Sequence[QWidget], side: QWidget | None = None) -> None:
        super().__init__()
        self._canvas = canvas
        self._main = QWidget()
        inside = column(canvas, *below, space=SPACE.small)
        inside.setStretchFactor(canvas, 1)
        self._main.setLayout(inside)
        self._below = below
        self._side = QWidget()
        inside = column(*([side] if side else []), space=0)
        inside.addStretch(0)
        self._side.setLayout(inside)
        self._has_side = side is not None
        self._layout = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(SPACE.medium)
        self._layout.addWidget(self._main, 1)
        self._layout.addWidget(self._side)
        self._layout.addStretch(0)
        self.setLayout(self._layout)
        canvas.replaced.connect(self._arrange)
        self._arrange()

    def show_side(self, on: bool) -> None:
        self._has_side = on
        self._arrange()

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 200)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        beside = self.width() >= WIDE_PX and self._has_side
        # In a low window the picture needs all there is; the legend names what is in it.
        self._side.setVisible(self._has_side and (beside or self.height() >= LOW_PX))
        self._layout.setDirection(
            QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom  # no change where it is so
        )
        width = self.width() - (SIDE_PX + SPACE.medium if beside else 0)
        below = sum(part.sizeHint().height() + SPACE.small for part in self._below if not part.isHidden())
        most = self._canvas.height_at(max(1, width)) + below
        self._main.setMaximumHeight(most)
        self._side.setMinimumWidth(SIDE_PX if beside else 0)
        self._side.setMaximumWidth(SIDE_PX if beside else NO_LIMIT_PX)
        self._side.setMaximumHeight(NO_LIMIT_PX if beside else max(BELOW_PX, self.height() - most - SPACE.medium))
