"""A place whose content is made anew each time."""

from __future__ import annotations

from PySide6.QtWidgets import QLayout, QWidget

from workbench.gui.widgets.basic import column

__all__ = ["Redone"]


class Redone(QWidget):
    """Holds one layout; putting another deletes what was in the one before."""

    def __init__(self) -> None:
        super().__init__()
        self._held = QWidget()
        self._around = column(self._held)
        self.setLayout(self._around)

    def put(self, layout: QLayout) -> None:
        made = QWidget()
        made.setLayout(layout)
        self._around.replaceWidget(self._held, made)
        self._held.hide()
        self._held.deleteLater()
        self._held = made
        made.show()
