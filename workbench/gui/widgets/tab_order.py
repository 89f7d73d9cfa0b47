"""The way of the Tab key through parts that were made at different times: Qt goes by when a widget was made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLayout, QScrollArea, QSplitter, QWidget

__all__ = ["put_in_order"]


def put_in_order(whole: QWidget) -> None:
    """Have Tab go through all that is inside as it is laid out, from where it comes to the first of it now."""
    for first, second in pairwise(_stops(whole)):
        if first.nextInFocusChain() is not second:
            QWidget.setTabOrder(first, second)


def _stops(widget: QWidget) -> Iterator[QWidget]:
    if widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
        yield widget
        return  # what it is made of is its own affair
    for part in _parts(widget):
        yield from _stops(part)


def _parts(widget: QWidget) -> Iterator[QWidget]:
    layout = widget.layout()
    found: Iterable[QWidget | None]
    if isinstance(widget, QScrollArea):
        found = (widget.widget(),)
    elif isinstance(widget, QSplitter):
        found = (widget.widget(number) for number in range(widget.count()))
    elif layout is not None:
        found = _laid_out(layout)
    else:
        found = widget.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
    yield from (part for part in found if part is not None and not part.isWindow())


def _laid_out(layout: QLayout) -> Iterator[QWidget]:
    for number in range(layout.count()):
        item = layout.itemAt(number)
        assert item is not None
        if (widget := item.widget()) is not None:
            yield widget
        elif (inner := item.layout()) is not None:
            yield from _laid_out(inner)
