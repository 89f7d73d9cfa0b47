"""A place whose content is made anew each time, a little at a time where it is much."""

from __future__ import annotations

import time
from collections.abc import Iterator

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QLayout, QWidget

from workbench.gui.widgets.basic import column

__all__ = ["Redone"]

# How long one turn may take; what is left is done in later ones, with the user's events in between.
TURN_S = 0.01


class Redone(QWidget):
    """Holds one layout; putting another deletes what was in the one before."""

    def __init__(self) -> None:
        super().__init__()
        self._held = QWidget()
        self._around = column(self._held)
        self.setLayout(self._around)
        self._steps: Iterator[None] = iter(())
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._go_on)

    @property
    def is_filling(self) -> bool:
        """Whether there are steps left."""
        return self._timer.isActive()

    def put(self, layout: QLayout, steps: Iterator[None] | None = None) -> None:
        """Show this layout. ``steps`` fill it, a part with each."""
        made = QWidget()
        made.setLayout(layout)
        self._around.addWidget(made)
        self._around.removeWidget(self._held)  # replaceWidget would leave the item of a layout to us, who can't free it
        self._held.hide()
        self._held.deleteLater()
        self._held = made
        made.show()
        self._steps = steps or iter(())
        self._timer.start()
        if self.isVisible():  # else nobody sees it before the next turn
            self._go_on()

    def _go_on(self) -> None:
        until = time.perf_counter() + TURN_S
        for _ in self._steps:
            if time.perf_counter() >= until:
                return
        self._timer.stop()
