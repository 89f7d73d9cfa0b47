"""A ranked list: a text, its number, a bar. Rows are painted, so a thousand of them cost what is seen."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QHelpEvent, QPainter
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
# How much of the accent the bars behind the first have.
FAINT = 0.55

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Rank:
    """One row. ``bar`` goes from one place to another in [0, 1], ``zero`` is where nothing would be; None: no bar."""

    text: str
    figure: str
    bar: tuple[float, float] | None = None
    zero: float = 0.0
    second: str = ""
    strong: bool = False


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
    """Rows from the first to the last. ``whole`` makes it as high as its rows, else it takes the room there is."""

    def __init__(self, *, whole: bool = False) -> None:
        super().__init__()
        self._whole = whole
        self._rows = _Rows()
        self.setModel(self._rows)
        self.setItemDelegate(_Delegate(self))
        self.setUniformItemSizes(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumHeight(80)
        if whole:
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def ranks(self) -> tuple[Rank, ...]:
        return self._rows.ranks

    def show_ranks(self, ranks: Sequence[Rank]) -> None:
        if tuple(ranks) != self._rows.ranks:
            self._rows.put(ranks)
            self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def _fit(self) -> None:
        if self._whole:
            self.setFixedHeight(max(0, self.sizeHintForRow(0)) * len(self.ranks) + 2 * self.frameWidth())


class _Delegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        rank: Rank = index.data(ROW)
        lines = QFontMetrics(option.font).height() * (2 if rank.second else 1)  # type: ignore[attr-defined]
        bar = BAR_PX + SPACE.tight if rank.bar else 0
        return QSize(100, lines + bar + SPACE.medium)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        rank: Rank = index.data(ROW)
        area, state, font = option.rect, option.state, option.font  # type: ignore[attr-defined]
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_HasFocus):
            painter.setBrush(QColor(colors().selection))
            painter.drawRoundedRect(QRectF(area).adjusted(1, 1, -1, -1), 5, 5)
        room = area.adjusted(SPACE.small, SPACE.small - 2, -SPACE.small, -SPACE.small + 2)
        self._paint_texts(painter, room, font, rank)
        if rank.bar:
            track = QRectF(room.left(), room.bottom() + 1 - BAR_PX, room.width(), BAR_PX)
            _paint_bar(painter, track, rank)
        painter.restore()

    def _paint_texts(self, painter: QPainter, room: QRect, font: QFont, rank: Rank) -> None:
        numbers = number_font(font, bold=rank.strong)
        height = QFontMetrics(font).height()
        width = QFontMetrics(numbers).horizontalAdvance(rank.figure)
        painter.setFont(numbers)
        painter.setPen(QColor(colors().text))
        painter.drawText(
            QRect(room.right() + 1 - width, room.top(), width, height), Qt.AlignmentFlag.AlignRight, rank.figure
        )
        left = QRect(room.left(), room.top(), room.width() - width - SPACE.medium, height)
        drawn = scaled_font(font, 1.0, bold=rank.strong)
        painter.setFont(drawn)
        for text in (rank.text, rank.second):
            shown = QFontMetrics(drawn).elidedText(one_line(text), Qt.TextElideMode.ElideRight, left.width())
            painter.drawText(left, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)
            left.translate(0, height)

    def helpEvent(self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: Index) -> bool:
        rank: Rank | None = index.data(ROW)
        if rank is None:
            return False
        texts = [text for text in (rank.text, rank.second) if text]
        room = view.viewport().width() - QFontMetrics(view.font()).horizontalAdvance(rank.figure) - 3 * SPACE.medium
        if any(QFontMetrics(view.font()).horizontalAdvance(one_line(text)) > room for text in texts):
            # Escaped: texts of users and models are never markup.
            QToolTip.showText(event.globalPos(), "<p>" + "</p><p>".join(map(html.escape, texts)) + "</p>", view)
        else:
            QToolTip.hideText()
        return True


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
