"""A column of limited width that is scrolled up and down: what a page with much to read is made of."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QHBoxLayout, QLayout, QWidget

from workbench.gui.widgets.scrolled import Scrolled
from workbench.gui.widgets.theme import SPACE, mark

__all__ = ["Sheet"]


class _Plain(QWidget):
    """What is scrolled. Its height follows its width alone; the least height of texts that wrap is that of the
    narrowest column, and would have the page scroll over nothing."""

    def __init__(self) -> None:
        super().__init__()
        mark(self, role="plain")

    def minimumSizeHint(self) -> QSize:
        return QSize(super().minimumSizeHint().width(), 0)


class Sheet(Scrolled):
    """Holds a layout at most ``width_px`` wide, at the left of the page."""

    def __init__(self, inside: QLayout, width_px: int) -> None:
        held = QWidget()
        held.setMaximumWidth(width_px + 2 * SPACE.wide)
        held.setLayout(inside)
        plain = _Plain()
        around = QHBoxLayout()
        around.setContentsMargins(0, 0, 0, 0)
        around.addWidget(held, 1000)
        around.addStretch(1)
        plain.setLayout(around)
        super().__init__(plain)
