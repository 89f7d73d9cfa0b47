"""The list of models: its rows as a Qt model, and how a row looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from workbench.gui.language import message_of, task_title, tr
from workbench.gui.widgets.basic import plain_tip
from workbench.gui.widgets.icons import pixmap
from workbench.gui.widgets.theme import SPACE, colors, scaled_font
from workbench.units import size

if TYPE_CHECKING:
    from workbench.library.entries import Entry, Standing

__all__ = ["ENTRY", "EntryDelegate", "EntryRows", "second_lines"]

ENTRY = Qt.ItemDataRole.UserRole
ORDER: tuple[Standing, ...] = ("ready", "export", "unusable")
ICON_PX = 20

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class _Heading:
    standing: Standing
    count: int


class EntryRows(QAbstractListModel):
    """Entries under a heading for each standing, those that match the search and the wanted kind of input."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: tuple[Entry, ...] = ()
        self._rows: list[Entry | _Heading] = []
        self._search = ""
        self._modality: str | None = None
        self._busy: dict[str, str] = {}
        self._said: dict[str, str] = {}  # what a search looks into, by name

    def set_entries(self, entries: tuple[Entry, ...]) -> None:
        self._entries = entries
        self._said.clear()
        self._arrange()

    def set_search(self, text: str) -> None:
        """Show entries whose name, task or precision holds every word of the text."""
        self._search = text
        self._arrange()

    def set_modality(self, modality: str | None) -> None:
        """Show entries for text, image or audio only; None for all."""
        self._modality = modality
        self._arrange()

    def set_busy(self, busy: dict[str, str]) -> None:
        """What goes on with a model (an export's stage), in words by its name."""
        changed = {name for name in {*self._busy, *busy} if self._busy.get(name) != busy.get(name)}
        self._busy = busy
        for row, item in enumerate(self._rows):
            if not isinstance(item, _Heading) and item.name in changed:
                index = self.index(row)
                self.dataChanged.emit(index, index)

    def retranslate(self) -> None:
        self._said.clear()
        self._arrange()

    @property
    def count(self) -> int:
        """Entries that are shown."""
        return sum(not isinstance(item, _Heading) for item in self._rows)

    def row_of(self, name: str) -> int | None:
        return next((row for row in range(len(self._rows)) if (entry := self.entry(row)) and entry.name == name), None)

    def entry(self, row: int) -> Entry | None:
        """What is in this row; None of a heading."""
        item = self._rows[row]
        return None if isinstance(item, _Heading) else item

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, Qt's own signature
        return 0 if parent.isValid() else len(self._rows)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if isinstance(self._rows[index.row()], _Heading):
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        item = self._rows[index.row()]
        if role == ENTRY:
            return item
        if isinstance(item, _Heading):
            return _heading_text(item) if role in (Qt.ItemDataRole.DisplayRole,) else None
        if role == Qt.ItemDataRole.DisplayRole:
            return item.short_name
        if role == Qt.ItemDataRole.ToolTipRole:
            lines = [item.name, *([message_of(item.reason)] if item.reason else [])]
            lines += [
                tr("Also in {folder} ({size})", folder=copy.folder, size=size(copy.size_bytes)) for copy in item.copies
            ]
            return plain_tip("\n".join(lines))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{item.name}, {_standing_text(item.standing)}, {self.second_line(item)}"
        return None

    def second_line(self, entry: Entry) -> str:
        return self.second_lines(entry)[0]

    def second_lines(self, entry: Entry) -> tuple[str, ...]:
        """What stands below a name, from all of it to what matters most."""
        busy = self._busy.get(entry.name)
        return (busy,) if busy else second_lines(entry)

    def _arrange(self) -> None:
        words = self._search.casefold().split()
        shown = [entry for entry in self._entries if self._fits(entry, words)]
        rows: list[Entry | _Heading] = []
        for standing in ORDER:
            part = [entry for entry in shown if entry.standing == standing]
            if part:
                rows += [_Heading(standing, len(part)), *part]
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def _fits(self, entry: Entry, words: list[str]) -> bool:
        if self._modality and entry.modality != self._modality:
            return False
        if not words:
            return True
        said = self._said.get(entry.name)
        if said is None:
            said = self._said[entry.name] = _said_of(entry)
        return all(word in said for word in words)


class EntryDelegate(QStyledItemDelegate):
    """Paints a row: icon of the modality, name, and a muted line with task, precisions and size."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        # The same for headings: the list asks once, instead of a thousand times.
        metrics: QFontMetrics = option.fontMetrics
        small = QFontMetrics(scaled_font(option.font, 0.9))
        return QSize(10, metrics.height() + small.height() + SPACE.hair + SPACE.large)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        item = index.data(ENTRY)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if isinstance(item, _Heading):
            self._paint_heading(painter, option, item)
        else:
            rows = index.model()
            assert isinstance(rows, EntryRows)
            self._paint_entry(painter, option, item, rows.second_lines(item))
        painter.restore()

    def _paint_heading(self, painter: QPainter, option: QStyleOptionViewItem, heading: _Heading) -> None:
        painter.setFont(scaled_font(option.font, 0.9, bold=True))
        painter.setPen(QColor(colors().muted))
        room = option.rect.adjusted(SPACE.medium, 0, -SPACE.medium, -SPACE.small)
        painter.drawText(room, int(Qt.AlignmentFlag.AlignBottom), _heading_text(heading))

    def _paint_entry(
        self, painter: QPainter, option: QStyleOptionViewItem, entry: Entry, lines: tuple[str, ...]
    ) -> None:
        shades = colors()
        room: QRect = option.rect.adjusted(SPACE.tight, 1, -SPACE.tight, -1)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(shades.selection if chosen else shades.border))
            painter.drawRoundedRect(room, 7, 7)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(shades.accent), 1.5))
            painter.drawRoundedRect(room.adjusted(1, 1, -1, -1), 6, 6)
        ratio = painter.device().devicePixelRatioF()
        tint = shades.accent if entry.standing == "ready" else shades.muted
        icon = pixmap(entry.modality, tint, ICON_PX, ratio)
        painter.drawPixmap(room.left() + SPACE.small, room.center().y() - ICON_PX // 2 + 1, icon)
        text = room.adjusted(ICON_PX + SPACE.small * 2 + SPACE.tight, SPACE.small - 1, -SPACE.small, -SPACE.small + 1)
        if entry.damaged or entry.standing == "unusable":
            mark = pixmap(
                "warning" if entry.damaged else "info", shades.warning if entry.damaged else shades.muted, 16, ratio
            )
            painter.drawPixmap(text.right() - 16, room.center().y() - 8, mark)
            text.setRight(text.right() - 24)
        elif entry.standing == "export":
            painter.drawPixmap(text.right() - 16, room.center().y() - 8, pixmap("export", shades.muted, 16, ratio))
            text.setRight(text.right() - 24)
        metrics: QFontMetrics = option.fontMetrics
        painter.setFont(option.font)
        painter.setPen(QColor(shades.text if entry.standing != "unusable" else shades.muted))
        name = metrics.elidedText(entry.short_name, Qt.TextElideMode.ElideMiddle, text.width())
        # What was cut to fit may be drawn a pixel wider than it was measured.
        painter.drawText(text, int(Qt.AlignmentFlag.AlignTop) | int(Qt.TextFlag.TextDontClip), name)
        small = scaled_font(option.font, 0.9)
        painter.setFont(small)
        painter.setPen(QColor(shades.muted))
        room_for = QFontMetrics(small)
        second = next((one for one in lines if room_for.horizontalAdvance(one) <= text.width()), lines[-1])
        second = room_for.elidedText(second, Qt.TextElideMode.ElideRight, text.width())
        painter.drawText(text, int(Qt.AlignmentFlag.AlignBottom), second)


def second_lines(entry: Entry) -> tuple[str, ...]:
    """Task, precisions and size in one line; then what is left where there is no room for all of it. Of what cannot be
    used, the reason."""
    if entry.standing == "unusable" and entry.reason:
        return (message_of(entry.reason),)
    task, bytes_ = task_title(entry.task), size(entry.size_bytes)
    short = (f"{task} · {bytes_}", task)
    if entry.tasks:
        return (f"{task} · {', '.join(entry.precisions[entry.tasks[0]])} · {bytes_}", *short)
    return short


def _said_of(entry: Entry) -> str:
    precisions = (name for names in entry.precisions.values() for name in names)
    return " ".join((entry.name, entry.title, entry.task or "", task_title(entry.task), *precisions)).casefold()


def _heading_text(heading: _Heading) -> str:
    if heading.standing == "ready":
        return tr("Ready to run ({count})", count=heading.count)
    if heading.standing == "export":
        return tr("Export first ({count})", count=heading.count)
    return tr("Cannot be used here ({count})", count=heading.count)


def _standing_text(standing: Standing) -> str:
    return {"ready": tr("ready to run"), "export": tr("must be exported first"), "unusable": tr("cannot be used here")}[
        standing
    ]
