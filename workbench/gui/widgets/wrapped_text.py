"""A text of some lines in which no word is too long."""

from __future__ import annotations

import math

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent, QTextDocument, QTextOption
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextEdit

from workbench.gui.widgets.theme import mark

__all__ = ["WrappedText"]

LEAST_LINES = 2


class WrappedText(QTextEdit):
    """Can be selected and copied. A word that is longer than a line (a hash, a path) is broken, where a label would cut
    it off; a text with less height than it needs is scrolled."""

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setAcceptDrops(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.document().setDocumentMargin(0)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        mark(self, role="bare")

    def text(self) -> str:
        """What it says."""
        return self.toPlainText()

    def set_text(self, text: str) -> None:
        """Say something else, never as markup."""
        if text != self.text():
            self.setPlainText(text)
            self.updateGeometry()
            self._show_bar()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._show_bar()
        super().resizeEvent(event)

    def _show_bar(self) -> None:
        """Qt's own bar, once there, takes the width that the text would need to be low enough without it."""
        bar, fits = Qt.ScrollBarPolicy, self.heightForWidth(self.width()) <= self.height()
        self.setVerticalScrollBarPolicy(bar.ScrollBarAlwaysOff if fits else bar.ScrollBarAlwaysOn)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        # One of its own: that of the widget is laid out for the width that the widget has.
        document = QTextDocument()
        document.setDocumentMargin(0)
        document.setDefaultFont(self.font())
        document.setDefaultTextOption(self.document().defaultTextOption())
        document.setPlainText(self.text())
        document.setTextWidth(max(1, width))
        return math.ceil(document.size().height())

    def sizeHint(self) -> QSize:
        return QSize(200, self.heightForWidth(max(200, self.width())))

    def minimumSizeHint(self) -> QSize:
        return QSize(40, min(LEAST_LINES * self.fontMetrics().height(), self.heightForWidth(max(40, self.width()))))
