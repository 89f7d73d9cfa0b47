"""The way of the Tab key through parts that were made at different times: Qt goes by when a widget was made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from operator import itemgetter

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLayout, QScrollArea, QSplitter, QWidget

__all__ = ["put_in_order"]

DIRECT = Qt.FindChildOption.FindDirectChildrenOnly


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
        found = _laid_out(widget, layout)
    else:
        found = widget.findChildren(QWidget, options=DIRECT)
    yield from (part for part in found if part is not None and not part.isWindow())


def _laid_out(holder: QWidget, layout: QLayout) -> Iterator[QWidget]:
    """The widgets of ``holder`` in this layout.

    Not by ``itemAt``: PySide keeps what that returns with the layout, also once Qt has deleted the item, and takes the
    next widget at that address for it, which ends the process when the widget goes.
    """
    inside: list[QWidget | QLayout] = [*holder.findChildren(QWidget, options=DIRECT)]
    inside += layout.findChildren(QLayout, options=DIRECT)
    placed = [(place, part) for part in inside if (place := layout.indexOf(part)) >= 0]
    for _, part in sorted(placed, key=itemgetter(0)):
        if isinstance(part, QLayout):
            yield from _laid_out(holder, part)
        else:
            yield part
