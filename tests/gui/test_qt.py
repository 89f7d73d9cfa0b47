"""Of Qt's binding: that it gives back what it takes."""

from __future__ import annotations

import sys

from PySide6.QtCore import QObject, QStringListModel, Signal
from PySide6.QtWidgets import QComboBox, QWidget
from pytestqt.qtbot import QtBot

CALLS = 200


class Sender(QObject):
    told = Signal(object)


def test_singletons_keep_their_references(qtbot: QtBot) -> None:
    """PySide6 6.12 on Python 3.11 takes one of None and True with each of these calls, until the process aborts."""
    widget, sender, combo = QWidget(), Sender(), QComboBox()
    qtbot.addWidget(widget)
    qtbot.addWidget(combo)
    combo.addItem("nothing", None)
    sender.told.connect(lambda value: None)
    model = QStringListModel(["a"])
    index = model.index(0)
    before = {value: sys.getrefcount(value) for value in (None, True, False)}
    for _ in range(CALLS):
        widget.property("there is none")
        widget.layout()
        index.data(99)
        combo.currentData()
        sender.told.emit(None)
        sender.told.emit(True)
    lost = {value: count - sys.getrefcount(value) for value, count in before.items()}
    assert max(lost.values()) < CALLS // 2
