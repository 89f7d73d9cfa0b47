"""Items of layouts that Qt has deleted and PySide still knows.

``QLayout.itemAt`` and ``addLayout`` give Python an object for an item that Qt made, and keep it with the layout. Qt
tells nobody when it deletes such an item. The next widget at its address is then taken for it, and the process ends
when that widget goes.
"""

from __future__ import annotations

import sys
from functools import cache
from io import FileIO

from PySide6.QtWidgets import QHBoxLayout, QLayout, QLayoutItem, QWidget
from shiboken6 import getAllValidWrappers, getCppPointer

__all__ = ["known_items", "stale_items"]


def known_items() -> list[QLayoutItem]:
    """All items of layouts for which Python has an object now, but those that are layouts themselves."""
    return [part for part in getAllValidWrappers() if isinstance(part, QLayoutItem) and not isinstance(part, QLayout)]


def stale_items() -> list[QLayoutItem]:
    """Those of them whose memory is no item of a layout any more. Nothing may be asked of them. Linux only; elsewhere
    always empty."""
    if not (sys.platform == "linux" and (known := known_items())):
        return []
    kinds = _kinds()
    with FileIO("/proc/self/mem") as memory:
        return [item for item in known if _kind(memory, item) not in kinds]


@cache
def _kinds() -> frozenset[bytes]:
    """What the memory of an item for a widget, and of one for space, begins with: its table of virtual functions."""
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.addWidget(QWidget())
    layout.addStretch(1)
    items = [layout.itemAt(number) for number in range(layout.count())]
    with FileIO("/proc/self/mem") as memory:
        return frozenset(_kind(memory, item) for item in items if item is not None)


def _kind(memory: FileIO, item: QLayoutItem) -> bytes:
    (address,) = getCppPointer(item)
    memory.seek(address)
    return memory.read(8)
