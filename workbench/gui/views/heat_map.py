"""A matrix of scores as colours and numbers, with the numbers of its rows and columns always in sight."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetrics,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QSizePolicy

from workbench.gui.views.painting import number_font, one_line, readable_on, signed
from workbench.gui.views.shading import FloatArray, heat_image
from workbench.gui.widgets.theme import SPACE, colors, is_theme_change, mark

__all__ = ["HeatMap"]

MIN_CELL_PX, MAX_CELL_PX = 14, 64
HIGH_PX, LOW_PX = 30, 22  # how high a cell is at most, with its number and without
PAD_PX = 6
MIN_HEIGHT_PX = 180  # of a matrix that is higher
FIGURE_SIZES = (0.95, 0.82)  # of the window's font; where neither has room, colours speak alone
EDGE_SIZE = 0.9
MIN_TEXT_PX, MAX_TEXT_PX = 96, 280  # room for a sentence in front of its row


class HeatMap(QAbstractScrollArea):
    """Shows scores in [-1, 1]: 0 and less in the colour of the surface, 1 in the accent."""

    pointed = Signal(int, int)  # the cell under the mouse, else the one the keyboard is at; -1, -1 for none

    def __init__(self) -> None:
        super().__init__()
        self._scores: FloatArray = np.zeros((0, 0), np.float32)
        self._titles: tuple[str, ...] = ()
        self._mirrored = False
        self._image = QImage()
        self._current: tuple[int, int] | None = None
        self._hovered: tuple[int, int] | None = None
        self._cell = QSize(MIN_CELL_PX, MIN_CELL_PX)
        self._left = self._top = self._digits = 0
        self._figure_size = 0.0
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.viewport().setMouseTracking(True)
        mark(self, role="reading")

    @property
    def current(self) -> tuple[int, int] | None:
        """Row and column of the keyboard's cell."""
        return self._current

    def show_scores(self, scores: FloatArray, titles: tuple[str, ...], *, mirrored: bool) -> None:
        """``scores``: float32 [rows, columns]; a title a row. ``mirrored``: rows and columns are the same things."""
        self._scores, self._titles, self._mirrored = scores, titles, mirrored
        self._current = self._hovered = None
        self._image = QImage()
        self._arrange()
        self.horizontalScrollBar().setValue(0)
        self.verticalScrollBar().setValue(0)
        self.viewport().update()
        self.pointed.emit(-1, -1)

    def rect_of(self, row: int, column: int) -> QRect:
        """The cell in pixels of the viewport."""
        x = self._left + column * self._cell.width() - self.horizontalScrollBar().value()
        y = self._top + row * self._cell.height() - self.verticalScrollBar().value()
        return QRect(QPoint(x, y), self._cell)

    def sizeHint(self) -> QSize:
        return QSize(320, self._height())

    def minimumSizeHint(self) -> QSize:
        return QSize(120, min(MIN_HEIGHT_PX, self._height()))

    def _height(self) -> int:
        bar = self.horizontalScrollBar().sizeHint().height() if self.horizontalScrollBar().maximum() else 0
        return self._top + len(self._scores) * self._cell.height() + bar + 2 * self.frameWidth() + PAD_PX

    # --- mouse and keys -----------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self._cell_at(event.position())
        if cell:
            self.go_to(*cell)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self._cell_at(event.position()))

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self._hover(None)
        return super().viewportEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        rows, columns = self._scores.shape
        row, column = self._current or (0, 0)
        steps = {
            Qt.Key.Key_Left: (row, column - 1),
            Qt.Key.Key_Right: (row, column + 1),
            Qt.Key.Key_Up: (row - 1, column),
            Qt.Key.Key_Down: (row + 1, column),
            Qt.Key.Key_Home: (row, 0),
            Qt.Key.Key_End: (row, columns - 1),
        }
        wanted = steps.get(Qt.Key(event.key()))
        if wanted is None or not rows or not columns:
            super().keyPressEvent(event)
            return
        self._hovered = None
        self.go_to(min(rows - 1, max(0, wanted[0])), min(columns - 1, max(0, wanted[1])))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if self._current is None and self._scores.size and event.reason() != Qt.FocusReason.MouseFocusReason:
            self.go_to(0, 0)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def go_to(self, row: int, column: int) -> None:
        """Choose a cell and bring it into sight."""
        self._current = (row, column)
        rect = self.rect_of(row, column)
        for bar, low, high, first, size in (
            (self.horizontalScrollBar(), rect.left(), rect.right(), self._left, self.viewport().width() - PAD_PX),
            (self.verticalScrollBar(), rect.top(), rect.bottom(), self._top, self.viewport().height()),
        ):
            bar.setValue(bar.value() + min(0, low - first) + max(0, high + 1 - size))
        self.viewport().update()
        self.pointed.emit(row, column)

    def _hover(self, cell: tuple[int, int] | None) -> None:
        if cell == self._hovered:
            return
        for item in (cell, self._hovered):
            if item:
                self.viewport().update(self.rect_of(*item).adjusted(-2, -2, 2, 2))
        self.viewport().update(QRect(0, 0, self.viewport().width(), self._top))
        self.viewport().update(QRect(0, 0, self._left, self.viewport().height()))
        self._hovered = cell
        self.pointed.emit(*(cell or self._current or (-1, -1)))

    def _cell_at(self, point: QPointF) -> tuple[int, int] | None:
        x, y = point.x() - self._left, point.y() - self._top
        if x < 0 or y < 0:
            return None
        column = int(x + self.horizontalScrollBar().value()) // self._cell.width()
        row = int(y + self.verticalScrollBar().value()) // self._cell.height()
        return (row, column) if row < self._scores.shape[0] and column < self._scores.shape[1] else None

    # --- layout -------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if is_theme_change(event):
            self._image = QImage()
            self._arrange()
            self.viewport().update()

    def _arrange(self) -> None:
        """Cells as wide as room allows: with sentences in front where it is ample, without numbers where it is not."""
        rows, columns = self._scores.shape
        edge = QFontMetrics(number_font(self.font(), EDGE_SIZE))
        self._digits = edge.horizontalAdvance("0" * len(str(max(rows, 1))))
        needs = {size: QFontMetrics(number_font(self.font(), size)).horizontalAdvance("−0.00") for size in FIGURE_SIZES}
        room = self.viewport().width() - self._digits - SPACE.small - 2 * PAD_PX
        wide = room - columns * (needs[FIGURE_SIZES[0]] + SPACE.small)
        words = max((self.fontMetrics().horizontalAdvance(one_line(text)[:80]) for text in self._titles), default=0)
        text = min(words + SPACE.medium, MAX_TEXT_PX, wide) if wide >= MIN_TEXT_PX and rows <= 64 else 0
        width = min(MAX_CELL_PX, max(MIN_CELL_PX, (room - text) // max(1, columns)))
        self._figure_size = next((size for size in FIGURE_SIZES if width >= needs[size] + SPACE.tight), 0.0)
        self._cell = QSize(width, HIGH_PX if self._figure_size else min(width, LOW_PX))
        self._left = PAD_PX + self._digits + SPACE.small + text
        self._top = SPACE.tight + edge.height() + SPACE.hair
        height = self._cell.height()
        inner_width, inner_height = self.viewport().width() - self._left - PAD_PX, self.viewport().height() - self._top
        for bar, whole, seen, step in (
            (self.horizontalScrollBar(), columns * width, inner_width, width),
            (self.verticalScrollBar(), rows * height, inner_height, height),
        ):
            bar.setRange(0, max(0, whole - seen))
            bar.setPageStep(max(1, seen))
            bar.setSingleStep(step)
        self.setMaximumHeight(self._height())
        self.updateGeometry()

    # --- painting -----------------------------------------------------------------------------------------------

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.viewport().update()  # the numbers at the edges do not scroll along

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        rows, columns = self._scores.shape
        if not rows or not columns:
            return
        width, height = self._cell.width(), self._cell.height()
        across, down = self.horizontalScrollBar().value(), self.verticalScrollBar().value()
        seen = event.rect()
        first = max(0, seen.left() - self._left + across) // width, max(0, seen.top() - self._top + down) // height
        last = (
            min(columns - 1, (seen.right() - self._left + across) // width),
            min(rows - 1, (seen.bottom() - self._top + down) // height),
        )
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_edges(painter, first, last)
        cells = self.viewport().rect().adjusted(self._left, self._top, -PAD_PX, 0)
        painter.setClipRect(cells)
        self._paint_cells(painter, first, last)
        painter.setClipRect(cells.adjusted(-2, -2, 2, 2))
        for cell, color in ((self._hovered, colors().text), (self._current, colors().accent)):
            if cell and (cell is not self._current or self.hasFocus()):
                painter.setPen(QPen(QColor(color), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(QRectF(self.rect_of(*cell)).adjusted(0, 0, -1, -1), 3, 3)

    def _paint_cells(self, painter: QPainter, first: tuple[int, int], last: tuple[int, int]) -> None:
        if self._image.isNull():
            self._image = heat_image(self._scores, mirrored=self._mirrored)
        origin = self.rect_of(first[1], first[0]).topLeft()
        across, down = last[0] - first[0] + 1, last[1] - first[1] + 1
        width, height = self._cell.width(), self._cell.height()
        # One picture with a pixel a cell, drawn large: 40,000 cells cost no more than ten.
        painter.drawImage(
            QRect(origin, QSize(across * width, down * height)), self._image, QRect(first[0], first[1], across, down)
        )
        gap = QColor(colors().window)
        for number in range(across + 1):
            painter.fillRect(QRect(origin.x() + number * width - 1, origin.y(), 1, down * height), gap)
        for number in range(down + 1):
            painter.fillRect(QRect(origin.x(), origin.y() + number * height - 1, across * width, 1), gap)
        if not self._figure_size:
            return
        painter.setFont(number_font(self.font(), self._figure_size))
        for row in range(first[1], last[1] + 1):
            for column in range(first[0], last[0] + 1):
                muted = self._mirrored and row == column
                ground = QColor(self._image.pixel(column, row))
                painter.setPen(QColor(colors().muted) if muted else readable_on(ground))
                figure = signed(float(self._scores[row, column]), 2)
                painter.drawText(self.rect_of(row, column), Qt.AlignmentFlag.AlignCenter, figure)

    def _paint_edges(self, painter: QPainter, first: tuple[int, int], last: tuple[int, int]) -> None:
        """Numbers of the columns on top; numbers and sentences of the rows in front."""
        columns = self._scores.shape[1]
        metrics = QFontMetrics(number_font(self.font(), EDGE_SIZE))
        row, column = self._hovered or (self._current if self.hasFocus() else None) or (-1, -1)
        widest = metrics.horizontalAdvance("0" * len(str(columns))) + SPACE.small
        painter.setClipRect(QRect(self._left - PAD_PX, 0, self.viewport().width(), self._top))
        for number in _spaced(first[0], last[0], math.ceil(widest / self._cell.width()), column):
            self._set_edge(painter, number == column)
            room = QRect(self.rect_of(0, number).center().x() - 30, SPACE.tight, 61, metrics.height())
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter, str(number + 1))
        painter.setClipRect(QRect(0, self._top, self._left, self.viewport().height()))
        text_left = PAD_PX + self._digits + SPACE.small
        text_width = self._left - text_left - SPACE.medium
        for number in _spaced(first[1], last[1], math.ceil(metrics.height() / self._cell.height()), row):
            area = self.rect_of(number, 0)
            self._set_edge(painter, number == row)
            room = QRect(PAD_PX, area.center().y() - 20, self._digits, 41)
            painter.drawText(room, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), str(number + 1))
            if text_width > 0:
                painter.setFont(self.font())
                painter.setPen(QColor(colors().text))
                title = one_line(self._titles[number])
                text = self.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, text_width)
                room = QRect(text_left, area.top(), text_width, area.height())
                painter.drawText(room, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), text)
        painter.setClipping(False)

    def _set_edge(self, painter: QPainter, marked: bool) -> None:
        painter.setFont(number_font(self.font(), EDGE_SIZE, bold=marked))
        painter.setPen(QColor(colors().text if marked else colors().muted))


def _spaced(first: int, last: int, every: int, kept: int) -> list[int]:
    """Places from ``first`` to ``last`` that are labelled: every so many, with ``kept`` and none too near to it."""
    places = [n for n in range(first, last + 1) if n % every == 0 and (kept < 0 or n == kept or abs(n - kept) >= every)]
    return sorted({*places, kept}) if first <= kept <= last else places
