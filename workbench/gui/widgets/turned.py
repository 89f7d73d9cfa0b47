"""Pages in one place, of which one is seen."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QStackedLayout, QWidget

__all__ = ["Turned"]


class Turned(QStackedLayout):
    """Wants the height of the page that is shown; Qt's own wants that of the highest, so that a small window is full
    of room for what is not there."""

    def __init__(self, place: QWidget, *pages: QWidget) -> None:
        """``place`` holds the pages; without one the first of them would be shown as a window."""
        super().__init__(place)
        for page in pages:
            self.addWidget(page)
        self.currentChanged.connect(lambda number: self.update())

    def minimumSize(self) -> QSize:
        page = self.currentWidget()
        return page.minimumSizeHint().expandedTo(page.minimumSize()) if page else super().minimumSize()

    def hasHeightForWidth(self) -> bool:
        page = self.currentWidget()
        return page.hasHeightForWidth() if page else super().hasHeightForWidth()

    def heightForWidth(self, width: int) -> int:
        page = self.currentWidget()
        return page.heightForWidth(width) if page else super().heightForWidth(width)
