"""Views in a window of a size that a result panel has."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from tests.gui.looks import dressed, put_theme
from tests.gui.views.fakes import speak

Shown = TypeVar("Shown", bound=QWidget)


@pytest.fixture(autouse=True)
def light_and_english(qapp: QApplication, plain_look: None) -> None:
    qapp.setStyle("Fusion")
    put_theme(qapp, dark=False)
    speak("en")


@pytest.fixture
def shown(qtbot: QtBot) -> Callable[[Shown], Shown]:
    """Puts a widget on the screen, with the focus in its window."""

    def show(widget: Shown) -> Shown:
        qtbot.addWidget(dressed(widget))
        widget.resize(520, 560)
        with qtbot.waitExposed(widget):
            widget.show()
        widget.activateWindow()
        qtbot.waitUntil(widget.isActiveWindow)
        return widget

    return show
