"""What each page that is read beside the models is made of."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

from workbench.gui.widgets.basic import Button, Label, Panel, column, row
from workbench.gui.widgets.sheet import Sheet
from workbench.gui.widgets.theme import SPACE, mark

__all__ = ["SidePage"]


class SidePage(Panel):
    """A way back, the title with a line below it, and what stands under that in a column that is scrolled."""

    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        mark(self, role="page")
        self.back = Button(icon="back", role="quiet", tint="muted")
        self.back.clicked.connect(self.closed)
        QShortcut(QKeySequence.StandardKey.Back, self, self.closed.emit)
        QShortcut(QKeySequence.StandardKey.Cancel, self, self.escape)

    @property
    def parts(self) -> tuple[QWidget, ...]:
        """What wears a style sheet of its own, so that the page is opened in short steps."""
        return (self._sheet.verticalScrollBar(), self._head, *self._below)

    def escape(self) -> None:
        """What the key of this name does."""
        self.closed.emit()

    def _build(
        self, title: Label, line: Label, actions: tuple[QWidget, ...], below: tuple[QWidget, ...], width_px: int
    ) -> None:
        """``actions`` stand beside the title, ``below`` under it, at most ``width_px`` wide."""
        head = row(space=SPACE.small)
        head.addWidget(self.back, 0, Qt.AlignmentFlag.AlignTop)
        head.addLayout(column(title, line, space=0), 1)
        for action in actions:
            head.addWidget(action, 0, Qt.AlignmentFlag.AlignTop)
        self._head = QWidget()
        self._head.setLayout(head)
        inside = column(self._head, *below, 1, space=SPACE.medium)
        inside.setContentsMargins(SPACE.wide, SPACE.large, SPACE.wide, SPACE.wide)
        self._below = below
        self._sheet = Sheet(inside, width_px)
        self.setLayout(column(self._sheet))
