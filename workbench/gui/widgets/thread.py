"""A long column of parts to scroll through, of which only those in sight and near it have widgets.

What a step costs depends on what is in sight, not on how long the column is: heights of parts that were never seen are
estimates, put right when they come near, while what is in sight stays where it is.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from PySide6.QtCore import QEvent, QObject, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QFrame, QWidget

from workbench.gui.widgets.basic import Button
from workbench.gui.widgets.theme import SPACE, mark

__all__ = ["Row", "ThreadView"]

MAX_WIDTH_PX = 780  # longer lines are hard to read
# How long one turn may take to make rows that are in sight, and ones that are near; the next turn goes on. At least one
# is made in each.
SEEN_S = 0.01
SETTLE_S = 0.008
ROUNDS = 8  # heights that turn out otherwise move others into sight
LINE_PX = 40
END_PX = SPACE.wide  # so near to the end counts as the end


class Row:
    """One part. ``space_px`` is the distance to the one above."""

    space_px = SPACE.small

    def __init__(self) -> None:
        self.widget: QWidget | None = None
        self.height = 0
        self.measured_at = -1  # the width for which ``height`` is true; -1: it is an estimate

    def make(self) -> QWidget:
        """A widget that shows this part."""
        raise NotImplementedError

    def estimate(self, width: int) -> int:
        """About how high it will be."""
        raise NotImplementedError

    def changed(self) -> None:
        """What it shows is another, and so may its height be."""
        self.measured_at = -1
        if self.widget is None:
            self.height = 0

    @property
    def is_held(self) -> bool:
        """Whether its widget must stay while it is out of sight, because it holds what the user typed."""
        return False


class ThreadView(QAbstractScrollArea):
    """Follows its end as long as the reader is there."""

    at_end_changed = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        mark(self, role="thread")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setAutoFillBackground(False)
        self._rows: list[Row] = []
        self._tops: list[int] = []
        self._total = 0
        self._follows = True
        self._busy = False
        self._chain: list[QWidget] = []
        self._dirty: set[Row] = set()
        self._since_s = 0.0  # when this turn began, by ``time.perf_counter``
        self._measured = 0  # rows in this turn
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self._arrange)
        self.to_end = Button(icon="chevron-down", role="round", tint="muted")
        self.to_end.setParent(self)
        self.to_end.clicked.connect(self.go_to_end)
        self.to_end.hide()
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        QApplication.instance().focusChanged.connect(self._focus_moved)  # type: ignore[union-attr]

    @property
    def rows(self) -> Sequence[Row]:
        return tuple(self._rows)

    @property
    def made(self) -> tuple[QWidget, ...]:
        """The widgets that there are now, from top to bottom."""
        return tuple(row.widget for row in self._rows if row.widget)

    @property
    def follows(self) -> bool:
        """Whether the reader is at the end, which then stays in sight."""
        return self._follows

    def set_rows(self, rows: Iterable[Row]) -> None:
        """Show these parts; those that were there keep their widgets."""
        anchor = self._anchor()
        before, self._rows = self._rows, list(rows)
        kept = set(map(id, self._rows))
        for row in before:
            if id(row) not in kept:
                _drop(row)
        self._arrange(anchor)

    def refresh(self) -> None:
        """Heights of parts have changed, which were told by :meth:`Row.changed`."""
        self._arrange()

    def go_to_end(self) -> None:
        self._follows = True
        self._arrange()

    def show_row(self, row: Row) -> None:
        """Bring a part into sight."""
        for _ in range(ROUNDS):
            index = self._rows.index(row)
            top, value = self._tops[index], self.verticalScrollBar().value()
            height = min(row.height, self.viewport().height())
            wanted = min(max(value, top + height - self.viewport().height()), top)
            if wanted == value:
                return
            self.verticalScrollBar().setValue(wanted)

    def show_place(self, widget: QWidget, rect: QRect) -> None:
        """Bring a place within a part into sight, such as that of a caret."""
        at = widget.mapTo(self.viewport(), rect.topLeft()).y()
        bar = self.verticalScrollBar()
        if at < 0:
            bar.setValue(bar.value() + at - SPACE.small)
        elif at + rect.height() > self.viewport().height():
            bar.setValue(bar.value() + at + rect.height() - self.viewport().height() + SPACE.small)

    # --- events -------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Widgets are moved by :meth:`_arrange`."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar = self.verticalScrollBar()
        page = max(LINE_PX, self.viewport().height() - LINE_PX)
        steps = {Qt.Key.Key_Down: LINE_PX, Qt.Key.Key_Up: -LINE_PX, Qt.Key.Key_PageDown: page, Qt.Key.Key_PageUp: -page}
        if event.key() in steps:
            bar.setValue(bar.value() + steps[Qt.Key(event.key())])
        elif event.key() == Qt.Key.Key_Home:
            bar.setValue(0)
        elif event.key() == Qt.Key.Key_End:
            self.go_to_end()
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest and not self._busy:
            self._dirty.update(row for row in self._rows if row.widget is watched)
            self._later.start()
        return False

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange):
            for row in self._rows:
                row.measured_at = -1
            self._later.start()

    def _scrolled(self) -> None:
        if not self._busy:
            bar = self.verticalScrollBar()
            self._follows = bar.value() >= bar.maximum() - END_PX
            self._arrange()

    def _focus_moved(self, before: QWidget | None, now: QWidget | None) -> None:
        """Who goes through the parts with the keyboard sees where that leads."""
        if now is None or not self.viewport().isAncestorOf(now) or QApplication.mouseButtons():
            return
        row = next(
            (row for row in self._rows if row.widget and (row.widget is now or row.widget.isAncestorOf(now))), None
        )
        if row:
            self.show_row(row)
            self._make_next(row)

    def _make_next(self, row: Row) -> None:
        """Have the next stops of the Tab key there, whether or not there was time for them."""
        index, width = self._rows.index(row), self._width()
        for beside in (self._rows[index + 1 :], self._rows[:index][::-1]):
            for each in beside:
                if each.widget is None:
                    self._measure_now(each, width)
                if each.widget and any(map(_takes_tab, (each.widget, *each.widget.findChildren(QWidget)))):
                    break
        self._arrange()

    # --- placing ------------------------------------------------------------------------------------------------

    def _arrange(self, anchor: tuple[Row | None, int] | None = None) -> None:
        """Give what is in sight its widgets, heights and places; ``anchor`` is what :meth:`_anchor` gave before the
        parts changed."""
        if self._busy:
            return
        self._later.stop()  # what was left for the next turn is done in this one
        for row in self._dirty:
            row.measured_at = -1
        self._dirty.clear()
        self._busy = True
        try:
            self._place_all(anchor or self._anchor())
        finally:
            self._busy = False

    def _place_all(self, anchor: tuple[Row | None, int]) -> None:
        view = self.viewport().rect()
        whole, width = self.width(), self._width()
        if width <= 0 or view.height() <= 0:
            return
        bar = self.verticalScrollBar()
        row, offset = anchor
        value = bar.value()
        self._since_s, self._measured = time.perf_counter(), 0
        self._measure_seen(row, offset, width)
        for _ in range(ROUNDS):
            self._measure_tops(width)
            most = max(0, self._total - view.height())
            value = most if self._follows else self._value_of(row, offset, most)
            first, last = self._between(value, value + view.height())
            differ = sum(self._measure(each, width) for each in self._rows[first:last])
            if not differ:
                break
        self._settle_near(value, width)
        bar.setRange(0, max(0, self._total - view.height()))
        bar.setPageStep(view.height())
        bar.setSingleStep(LINE_PX)
        bar.setValue(value)
        left = (whole - width) // 2 - self.frameWidth()
        near_from, near_to = self._between(value - view.height(), value + 2 * view.height())
        focused = QApplication.focusWidget()
        for index, each in enumerate(self._rows):
            if each.widget is None:
                continue
            if near_from <= index < near_to or each.is_held or (focused and each.widget.isAncestorOf(focused)):
                each.widget.setGeometry(QRect(left, self._tops[index] - value, width, each.height))
                each.widget.show()
            elif each.widget is not focused:
                _drop(each)
        self._place_button(value)
        self._chain_focus()

    def _width(self) -> int:
        """Of the parts. The scroll bar stands in the margin, and moves nothing when it appears."""
        return min(MAX_WIDTH_PX, self.width() - 2 * SPACE.large)

    def _measure_seen(self, anchor: Row | None, offset: int, width: int) -> None:
        """Measure from the edge that stays on, as far as is seen: by estimates alone it would be more than that."""
        rows = self._rows[::-1] if self._follows else self._rows
        if anchor in rows and not self._follows:
            rows = rows[rows.index(anchor) :]
        room = self.viewport().height() + (0 if self._follows else offset)
        for row in rows:
            if room <= 0:
                return
            self._measure(row, width)
            room -= row.height + row.space_px

    def _anchor(self) -> tuple[Row | None, int]:
        """The first part in sight, and how far above the edge it begins: it stays there."""
        value = self.verticalScrollBar().value()
        index = bisect_right(self._tops, value) - 1
        if 0 <= index < min(len(self._tops), len(self._rows)):
            return self._rows[index], value - self._tops[index]
        return None, 0

    def _value_of(self, anchor: Row | None, offset: int, most: int) -> int:
        if anchor is None or anchor not in self._rows:
            return min(self.verticalScrollBar().value(), most)
        return min(max(0, self._tops[self._rows.index(anchor)] + offset), most)

    def _measure_tops(self, width: int) -> None:
        top = SPACE.large
        self._tops = []
        for number, row in enumerate(self._rows):
            if row.height <= 0:
                row.height = max(1, row.estimate(width))
            top += row.space_px if number else 0
            self._tops.append(top)
            top += row.height
        self._total = top + SPACE.large

    def _between(self, top: int, bottom: int) -> tuple[int, int]:
        first = max(0, bisect_right(self._tops, top) - 1)
        return first, max(first, bisect_right(self._tops, bottom))

    def _measure(self, row: Row, width: int) -> bool:
        """Have a part's true height; whether that differs from what was taken for it. One that this turn has no time
        for keeps its estimate until the next."""
        if row.widget is not None and row.measured_at == width:
            return False
        if self._is_late(SEEN_S):
            row.height = row.height or max(1, row.estimate(width))
            return False
        return self._measure_now(row, width)

    def _measure_now(self, row: Row, width: int) -> bool:
        self._measured += 1
        if row.widget is None:
            row.widget = row.make()
            row.widget.setParent(self.viewport())
            row.widget.resize(width, row.widget.height())  # before it is laid out, which is done once that way
            row.widget.installEventFilter(self)
        before, row.measured_at = row.height, width
        row.widget.ensurePolished()
        wanted = row.widget.heightForWidth(width) if row.widget.hasHeightForWidth() else -1
        row.height = wanted if wanted >= 0 else row.widget.sizeHint().height()
        return row.height != before

    def _is_late(self, limit_s: float) -> bool:
        """Whether this turn has taken so long, and done something; what is left is then done in the next."""
        late = self._measured > 0 and time.perf_counter() - self._since_s > limit_s
        if late:
            self._later.start()
        return late

    def _settle_near(self, value: int, width: int) -> None:
        """Have a screenful below and above ready, a little at a time."""
        high = self.viewport().height()
        first, last = self._between(value - high, value + 2 * high)
        for row in self._rows[first:last]:
            if row.widget is None or row.measured_at != width:
                if self._is_late(SETTLE_S):
                    return
                if self._measure(row, width):  # what is in sight moves with the next turn
                    self._later.start()

    def _place_button(self, value: int) -> None:
        most = max(0, self._total - self.viewport().height())
        is_away = value < most - END_PX
        if is_away == self.to_end.isHidden():
            self.to_end.setVisible(is_away)
            self.at_end_changed.emit(not is_away)
        size = self.to_end.sizeHint()
        self.to_end.setGeometry(
            (self.viewport().width() - size.width()) // 2,
            self.viewport().height() - size.height() - SPACE.small,
            size.width(),
            size.height(),
        )
        self.to_end.raise_()

    def _chain_focus(self) -> None:
        """Tab goes from top to bottom, in whatever order the widgets were made."""
        chain = [part for widget in self.made for part in (widget, *widget.findChildren(QWidget)) if _takes_tab(part)]
        if chain != self._chain:
            self._chain = chain
            for before, after in zip([self, *chain], [*chain, self.to_end], strict=False):
                QWidget.setTabOrder(before, after)


def _takes_tab(part: QWidget) -> bool:
    return bool(part.focusPolicy() & Qt.FocusPolicy.TabFocus)


def _drop(row: Row) -> None:
    if row.widget:
        row.widget.hide()
        row.widget.deleteLater()
    row.widget = None
