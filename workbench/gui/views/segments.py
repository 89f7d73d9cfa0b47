"""The text of a sound in stretches, each with the time that it plays from."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QMouseEvent, QTextCharFormat, QTextOption

from workbench.gui.views.painting import number_font, safe
from workbench.gui.views.reading import Ground, ReadingText
from workbench.gui.widgets.theme import SPACE, colors
from workbench.results import Segment
from workbench.units import clock

__all__ = ["SegmentsText"]


class SegmentsText(ReadingText):
    """A line a segment: its time, which a click or Enter plays from, and its text."""

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__(line_height_percent=140)
        self._indent = 0
        self._pressed: int | None = None
        self.has_times = False
        self.viewport().setMouseTracking(True)

    def put_segments(self, segments: tuple[Segment, ...]) -> None:
        cursor = self.begin()
        self.has_times = True
        times = [clock(item.start_s) for item in segments]
        font = number_font(self.font())
        self._indent = max(QFontMetrics(font).horizontalAdvance(text) for text in times) + SPACE.large
        block = self.block_format()
        block.setLeftMargin(self._indent)
        block.setTextIndent(-self._indent)
        block.setBottomMargin(SPACE.small)
        block.setTabPositions([QTextOption.Tab(self._indent, QTextOption.TabType.LeftTab)])
        time = QTextCharFormat()
        time.setFont(font)
        time.setForeground(QColor(colors().accent))
        cursor.beginEditBlock()
        for number, (item, text) in enumerate(zip(segments, times, strict=True)):
            if number:
                cursor.insertBlock()
            cursor.setBlockFormat(block)
            cursor.insertText(text + "\t", time)
            cursor.insertText(safe(" ".join(item.text.split())), QTextCharFormat())
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
