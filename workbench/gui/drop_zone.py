"""Where files are dropped that are the input."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.gui.widgets.basic import IconLabel, Label, column
from workbench.gui.widgets.theme import SPACE, mark

__all__ = ["DropZone"]

ICON_PX = 40


class DropZone(QWidget):
    """An icon, a title and a hint. In a low window the title alone is left: they would lie upon each other."""

    def __init__(self) -> None:
        super().__init__()
        mark(self, role="drop")
        self.icon = IconLabel("drop", "muted", ICON_PX)
        self.title = Label(role="heading")
        self.hint = Label(tone="muted", wrap=True)
        for label in (self.title, self.hint):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        layout = column(1, self.icon, self.title, self.hint, 1, space=SPACE.small)
        layout.setContentsMargins(SPACE.wide, SPACE.small, SPACE.wide, SPACE.small)
        layout.setAlignment(self.icon, Qt.AlignmentFlag.AlignHCenter)
        self.setLayout(layout)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def say(self, icon: str, title: str, hint: str) -> None:
        """Show other words."""
        self.icon.set_icon(icon)
        self.title.setText(title)
        self.hint.setText(hint)
        self._leave_out()

    def set_active(self, active: bool) -> None:
        """Whether what is dragged over the window would land here."""
        mark(self, active=active)

    # Not what is shown decides, or what was left out would never come back.

    def hasHeightForWidth(self) -> bool:
        return False

    def sizeHint(self) -> QSize:
        return QSize(280, 160)

    def minimumSizeHint(self) -> QSize:
        lines = self.title.sizeHint().height() + self.hint.fontMetrics().height()
        return QSize(120, ICON_PX + lines + 2 * SPACE.small + 2 * SPACE.medium)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._leave_out()

    def _leave_out(self) -> None:
        room = self.height() - self.title.sizeHint().height() - 2 * SPACE.medium
        room -= self.hint.heightForWidth(max(1, self.width() - 2 * SPACE.wide)) + SPACE.small
        self.hint.setVisible(room >= 0)
        self.icon.setVisible(room >= ICON_PX + SPACE.small)
