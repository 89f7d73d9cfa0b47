"""The text of a sound in stretches, each with the time that it plays from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QMouseEvent, QTextCharFormat, QTextCursor, QTextOption

from workbench.gui.views.painting import number_font, safe
from workbench.gui.views.reading import Ground, ReadingText
from workbench.gui.widgets.theme import SPACE, colors
from workbench.results import Segment
from workbench.units import clock

__all__ = ["SegmentsText"]

SEGMENTS_A_STEP = 300


class SegmentsText(ReadingText):
    """A line a segment: its time, which a click or Enter plays from, and its text."""

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__(line_height_percent=140)
        self._indent = 0
        self._segments: tuple[Segment, ...] = ()
        self._tint = colors()
        self._pressed: int | None = None
        self.has_times = False
        self.viewport().setMouseTracking(True)

    def put_segments(self, segments: Sequence[Segment], *, anew: bool) -> None:
        """Show these segments. What stands there already is kept as far as it agrees, unless they come ``anew``."""
        times = [clock(item.start_s) for item in segments]
        metrics = QFontMetrics(number_font(self.font()))
        indent = max(metrics.horizontalAdvance(text) for text in times) + SPACE.large
        same_look = (indent, colors()) == (self._indent, self._tint)
        fresh = anew or not self.has_times or self.is_filling or not same_look
        kept = 0 if fresh else _common(self._segments, segments)
        place = self.place(follow=True)
        self._indent, self._tint, self._segments, self.has_times = indent, colors(), tuple(segments), True
        if kept:
            cursor = QTextCursor(self.document().findBlockByNumber(kept - 1))
            cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock)
            cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
            cursor.removeSelectedText()
        else:
            cursor = self.begin()
        self.go_through(self._write(cursor, kept, times), None if anew else place)

    def _write(self, cursor: QTextCursor, kept: int, times: Sequence[str]) -> Iterator[None]:
        block = self.block_format()
        block.setLeftMargin(self._indent)
        block.setTextIndent(-self._indent)
        block.setBottomMargin(SPACE.small)
        block.setTabPositions([QTextOption.Tab(self._indent, QTextOption.TabType.LeftTab)])
        time = QTextCharFormat()
        time.setFont(number_font(self.font()))
        time.setForeground(QColor(colors().accent))
        for first in range(kept, len(times), SEGMENTS_A_STEP):
            if first > kept:
                yield
            cursor.beginEditBlock()
            for number in range(first, min(first + SEGMENTS_A_STEP, len(times))):
                if number:
                    cursor.insertBlock()
                cursor.setBlockFormat(block)
                cursor.insertText(times[number] + "\t", time)
                cursor.insertText(safe(" ".join(self._segments[number].text.split())), QTextCharFormat())
            cursor.endEditBlock()

    def put_plain(self, text: str) -> None:
        self.has_times = False
        self.put_text(safe(text))

    def mark_segment(self, number: int | None) -> None:
        """Give one segment a ground, and bring it into sight."""
        if number is None:
            self.set_grounds(())
            return
        block = self.document().findBlockByNumber(number)
        if not block.isValid():  # it is still to come
            return
        self.set_grounds((Ground(block.position(), block.position() + block.length(), "accent_soft", whole=True),))
        area = self.document().documentLayout().blockBoundingRect(block)
        bar = self.verticalScrollBar()
        top, bottom = area.top() - SPACE.small, area.bottom() + SPACE.small
        if top < bar.value():
            bar.setValue(int(top))
        elif bottom > bar.value() + self.viewport().height():
            bar.setValue(int(min(top, bottom - self.viewport().height())))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        is_time = self._time_at(event) is not None
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if is_time else Qt.CursorShape.IBeamCursor)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed = self._time_at(event) if event.button() == Qt.MouseButton.LeftButton else None
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        number, self._pressed = self._pressed, None
        if number is not None and number == self._time_at(event) and not self.textCursor().hasSelection():
            self.chosen.emit(number)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.has_times:
            self.chosen.emit(self.textCursor().blockNumber())
        else:
            super().keyPressEvent(event)

    def _time_at(self, event: QMouseEvent) -> int | None:
        """The segment whose time is under the mouse."""
        place = self.position_at(event.position().toPoint())
        if not self.has_times or place is None or event.position().x() > self._indent:
            return None
        return self.document().findBlock(place).blockNumber()


def _common(a: Sequence[Segment], b: Sequence[Segment]) -> int:
    """With how many equal segments both begin."""
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
