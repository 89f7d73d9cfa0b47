"""A ranked list: a text, its number, a bar. Rows are painted, so a thousand of them cost what is seen."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QHelpEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
)

from workbench.gui.views.painting import mixed, number_font, one_line
from workbench.gui.widgets.theme import SPACE, colors, scaled_font

__all__ = ["Rank", "RankedList", "bars"]

ROW = Qt.ItemDataRole.UserRole
BAR_PX = 6
MARK_PX, MARK_RADIUS_PX = 10, 3
INSET_PX = SPACE.medium - 1  # with the frame as far in as a quote's text
MIN_HEIGHT_PX = 72
# How much of the accent the bars behind the first have.
FAINT = 0.55

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Rank:
    """One row. ``bar`` goes from one place to another in [0, 1], ``zero`` is where nothing would be; None: no bar.

    ``second`` is a text beside the first, as wide. ``mark`` is the number of the colour it has in a picture.
    """

    text: str
    figure: str
    bar: tuple[float, float] | None = None
    zero: float = 0.0
    second: str = ""
    strong: bool = False
    mark: int | None = None


class _Rows(QAbstractListModel):
    def __init__(self) -> None:
        super().__init__()
        self.ranks: tuple[Rank, ...] = ()

    def put(self, ranks: Sequence[Rank]) -> None:
        self.beginResetModel()
        self.ranks = tuple(ranks)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, Qt's own signature
        return 0 if parent.isValid() else len(self.ranks)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        rank = self.ranks[index.row()]
        texts = [rank.text, rank.second, rank.figure] if rank.second else [rank.text, rank.figure]
        if role == ROW:
            return rank
        if role == Qt.ItemDataRole.DisplayRole:  # what Ctrl+C copies
            return "\t".join(texts)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(texts)
        return None


class RankedList(QListView):
    """Rows from the first to the last, never higher than all of them.

    ``follows_pointer``: the row under the pointer stands out and is told.
    """

    pointed = Signal(int)  # the row under the pointer; -1 beside all

    def __init__(self, *, follows_pointer: bool = False) -> None:
        super().__init__()
        self._hovered = -1
        self._follows_pointer = follows_pointer
        self.setMouseTracking(follows_pointer)
        self._rows = _Rows()
        self.setModel(self._rows)
        self.setItemDelegate(_Delegate(self))
        self.setUniformItemSizes(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    @property
    def ranks(self) -> tuple[Rank, ...]:
        return self._rows.ranks

    @property
    def hovered(self) -> int:
        """The row that stands out; -1 where none does."""
        return self._hovered

    def set_hovered(self, number: int) -> None:
        """Have a row stand out; -1: none."""
        if number != self._hovered:
            self._hovered = number
            self.viewport().update()

    def show_ranks(self, ranks: Sequence[Rank]) -> None:
        if tuple(ranks) != self._rows.ranks:
            self._hovered = -1
            self._rows.put(ranks)
            self._fit()
            if self.hasFocus():  # which gives a list its current row only when it comes
                first = self._rows.index(0)
                self.selectionModel().setCurrentIndex(first, QItemSelectionModel.SelectionFlag.NoUpdate)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        if self._follows_pointer:
            self._point(self.indexAt(event.position().toPoint()).row())

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if self._follows_pointer:
            self._point(-1)

    def _point(self, number: int) -> None:
        if number != self._hovered:
            self.set_hovered(number)
            self.pointed.emit(number)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def sizeHint(self) -> QSize:
        return QSize(240, max(0, self.sizeHintForRow(0)) * len(self.ranks) + 2 * self.frameWidth())

    def minimumSizeHint(self) -> QSize:
        return QSize(80, min(MIN_HEIGHT_PX, self.sizeHint().height()))

    def _fit(self) -> None:
        self.setMaximumHeight(self.sizeHint().height())
        self.updateGeometry()


class _Delegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        rank: Rank = index.data(ROW)
        bar = BAR_PX + SPACE.tight if rank.bar else 0
        return QSize(100, QFontMetrics(option.font).height() + bar + SPACE.medium)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        rank: Rank = index.data(ROW)
        area, state, font = option.rect, option.state, option.font
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_HasFocus):
            painter.setBrush(QColor(colors().selection))
            painter.drawRoundedRect(QRectF(area).adjusted(1, 1, -1, -1), 5, 5)
        elif _ranked_list(self).hovered == index.row():
            painter.setBrush(QColor(colors().raised))
            painter.drawRoundedRect(QRectF(area).adjusted(1, 1, -1, -1), 5, 5)
        room = area.adjusted(INSET_PX, SPACE.small - 2, -INSET_PX, -SPACE.small + 2)
        self._paint_texts(painter, room, font, rank)
        if rank.bar:
            track = QRectF(room.left(), room.bottom() + 1 - BAR_PX, room.width(), BAR_PX)
            _paint_bar(painter, track, rank)
        painter.restore()

    def _paint_texts(self, painter: QPainter, room: QRect, font: QFont, rank: Rank) -> None:
        numbers = number_font(font, bold=rank.strong)
        height = QFontMetrics(font).height()
        width = self._figure_px(numbers, rank)
        painter.setFont(numbers)
        painter.setPen(QColor(colors().text))
        right = QRect(room.right() + 1 - width, room.top(), width, height)
        painter.drawText(right, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, rank.figure)
        left = QRect(room.left(), room.top(), room.width() - width - SPACE.medium, height)
        if rank.mark is not None:
            _paint_mark(painter, left, rank.mark)
            left.setLeft(left.left() + MARK_PX + SPACE.small)
            painter.setPen(QColor(colors().text))
        drawn = scaled_font(font, 1.0, bold=rank.strong)
        painter.setFont(drawn)
        for text, part in zip((rank.text, rank.second), _halves(left, two=bool(rank.second)), strict=False):
            shown = QFontMetrics(drawn).elidedText(one_line(text), Qt.TextElideMode.ElideRight, part.width())
            painter.drawText(part, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)

    def _figure_px(self, font: QFont, rank: Rank) -> int:
        """How wide the number is; where two texts are to stand in columns, how wide the widest is."""
        metrics = QFontMetrics(font)
        if not rank.second:
            return metrics.horizontalAdvance(rank.figure)
        return max(metrics.horizontalAdvance(item.figure) for item in _ranked_list(self).ranks)

    def helpEvent(self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: Index) -> bool:
        rank: Rank | None = index.data(ROW)
        if rank is None:
            return False
        texts = [text for text in (rank.text, rank.second) if text]
        metrics = QFontMetrics(view.font())
        room = view.viewport().width() - metrics.horizontalAdvance(rank.figure) - SPACE.medium - 2 * INSET_PX
        if any(metrics.horizontalAdvance(one_line(text)) > room // len(texts) - SPACE.medium for text in texts):
            # Escaped: texts of users and models are never markup.
            QToolTip.showText(event.globalPos(), "<p>" + "</p><p>".join(map(html.escape, texts)) + "</p>", view)
        else:
            QToolTip.hideText()
        return True


def _ranked_list(delegate: _Delegate) -> RankedList:
    view = delegate.parent()
    assert isinstance(view, RankedList)
    return view


def _paint_mark(painter: QPainter, room: QRect, number: int) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colors().marks[number % len(colors().marks)]))
    side = QRectF(room.left(), room.center().y() - MARK_PX / 2 + 0.5, MARK_PX, MARK_PX)
    painter.drawRoundedRect(side, MARK_RADIUS_PX, MARK_RADIUS_PX)


def bars(values: Sequence[float], *, high: float) -> list[tuple[tuple[float, float] | None, float]]:
    """For each value its bar and where zero is, on a scale that holds 0, ``high`` and all values."""
    finite = [value for value in values if math.isfinite(value)]
    least, most = min([0.0, *finite]), max([high, 0.0, *finite])
    span = (most - least) or 1.0
    zero = -least / span
    made: list[tuple[tuple[float, float] | None, float]] = []
    for value in values:
        if not math.isfinite(value):
            made.append(((zero, zero), zero))
            continue
        end = (value - least) / span
        made.append(((min(zero, end), max(zero, end)), zero))
    return made


def _halves(room: QRect, *, two: bool) -> tuple[QRect, ...]:
    """The room of one text, or of two beside each other."""
    if not two:
        return (room,)
    half = (room.width() - SPACE.medium) // 2
    return QRect(room.topLeft(), QSize(half, room.height())), room.adjusted(half + SPACE.medium, 0, 0, 0)


def _paint_bar(painter: QPainter, track: QRectF, rank: Rank) -> None:
    assert rank.bar is not None
    low, high = rank.bar
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(mixed(colors().surface, colors().border, 0.7))
    painter.drawRoundedRect(track, BAR_PX / 2, BAR_PX / 2)
    accent = mixed(colors().surface, colors().accent, 1.0 if rank.strong else FAINT)
    painter.setBrush(accent)
    if high > low:
        bar = QRectF(track.left() + low * track.width(), track.top(), (high - low) * track.width(), track.height())
        # Less than its own roundness would be drawn as a grain; nothing that counts for something is invisible.
        bar.setWidth(max(bar.width(), BAR_PX / 2))
        painter.drawRoundedRect(bar, BAR_PX / 2, BAR_PX / 2)
    if rank.zero > 0:
        painter.setBrush(QColor(colors().border_strong))
        painter.drawRect(QRectF(track.left() + rank.zero * track.width() - 0.5, track.top() - 2, 1, BAR_PX + 4))
