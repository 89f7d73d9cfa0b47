"""Text to read, select and copy, never to edit; with rounded grounds behind stretches of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import (
    QColor,
    QPainter,
    QPaintEvent,
    QTextBlock,
    QTextBlockFormat,
    QTextCursor,
    QTextLine,
    QTextOption,
)
from PySide6.QtWidgets import QFrame, QTextEdit

from workbench.gui.widgets.theme import SPACE, colors, is_theme_change, mark

__all__ = ["Ground", "Place", "ReadingText", "parts_of"]

RADIUS_PX = 4
END_PX = SPACE.wide  # the last line is in sight, if not all that is below it
# A stretch is short; where one is not, its ends alone say how wide it is.
MAX_PLACES = 200
# So much text is laid out at once; more takes longer than a window may stand still.
MAX_PART = 50_000


@dataclass(frozen=True)
class Ground:
    """A coloured ground behind characters ``start`` to ``end`` of the document. Of two, the inner has more ``depth``.

    ``whole`` grounds reach from edge to edge.
    """

    start: int
    end: int
    color: str  # a role of the theme, or "hue N"
    depth: int = 0
    whole: bool = False


@dataclass(frozen=True)
class Place:
    """Where a text is read: selection, place of the scroll bar, and whether that was the end."""

    anchor: int = 0
    position: int = 0
    scrolled: int = 0
    was_at_end: bool = False


class ReadingText(QTextEdit):
    """A read-only text with a caret, so that the keyboard reaches all of it. Plain text only: nothing is markup."""

    def __init__(self, *, line_height_percent: int = 150) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setAcceptRichText(False)
        self.setUndoRedoEnabled(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setTabChangesFocus(True)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(6)
        self._line_height_percent = line_height_percent
        self._by_block: dict[int, list[Ground]] = {}  # the outer before the inner
        self._starts: set[int] = set()
        self._ends: set[int] = set()
        self.copied: Callable[[int, int], str] | None = None
        self._steps: Iterator[None] | None = None
        self._return: Place | None = None
        self._stepping = QTimer(self)
        self._stepping.timeout.connect(self._step)
        mark(self, role="reading")

    def block_format(self) -> QTextBlockFormat:
        made = QTextBlockFormat()
        made.setLineHeight(self._line_height_percent, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        return made

    def put_text(self, text: str) -> None:
        """Show another text, from its beginning."""
        cursor = self.begin()

        def steps() -> Iterator[None]:
            for number, part in enumerate(parts_of(text)):
                if number:
                    yield
                cursor.insertText(part)

        self.go_through(steps())

    def go_through(self, steps: Iterator[None], place: Place | None = None) -> None:
        """Do the first of these steps, which fill the document, at once, and the others in idle moments.

        ``place`` is where to read on once all is there; without one, it is read from the beginning.
        """
        self._steps, self._return = steps, place
        self._step()
        if place is None:
            self.return_to(Place())
        if self._steps:
            self._stepping.start()

    def go_to_end(self) -> None:
        """Do all steps that are still to come."""
        while self._steps is not None:
            self._step()

    @property
    def is_filling(self) -> bool:
        """Whether there are steps to come."""
        return self._steps is not None

    def _step(self) -> None:
        end = object()
        if self._steps is not None and next(self._steps, end) is end:
            self._steps = None
            if self._return is not None:
                self.return_to(self._return)
        if self._steps is None:
            self._stepping.stop()

    def begin(self) -> QTextCursor:
        """Empty the document; what is inserted with this cursor has the format of the blocks from the start."""
        self._steps = None  # what was still to come of the text before
        self._stepping.stop()
        self.set_grounds(())
        self.clear()
        cursor = QTextCursor(self.document())
        cursor.setBlockFormat(self.block_format())
        return cursor

    def place(self, *, follow: bool = False) -> Place:
        """Where it is read now. ``follow``: a text that is all in sight is read at its end."""
        bar, cursor = self.verticalScrollBar(), self.textCursor()
        was_at_end = bar.value() >= bar.maximum() - END_PX and (follow or bar.maximum() > 0)
        return Place(cursor.anchor(), cursor.position(), bar.value(), was_at_end)

    def return_to(self, place: Place) -> None:
        """Read on there, after the text has changed: at the end, where that was, else at the same place."""
        last = self.document().characterCount() - 1
        cursor = QTextCursor(self.document())
        cursor.setPosition(min(place.anchor, last))
        cursor.setPosition(min(place.position, last), QTextCursor.MoveMode.KeepAnchor)
        self.setTextCursor(cursor)
        bar = self.verticalScrollBar()
        bar.setValue(bar.maximum() if place.was_at_end else place.scrolled)

    def set_grounds(self, grounds: Sequence[Ground]) -> None:
        """Replace all grounds; positions are those of the document."""
        self._by_block = {}
        self._ends = {ground.end for ground in grounds}
        self._starts = {ground.start for ground in grounds}
        for ground in sorted(grounds, key=lambda item: item.depth):
            block = self.document().findBlock(ground.start)
            while block.isValid() and block.position() < ground.end:
                self._by_block.setdefault(block.blockNumber(), []).append(ground)
                block = block.next()
        self.viewport().update()

    def grounds_of(self, block: int) -> list[Ground]:
        """The grounds behind a paragraph, by its number."""
        return self._by_block.get(block, [])

    def position_at(self, point: QPoint) -> int | None:
        """The character of the document at a point of the viewport, if there is one."""
        place = QPointF(point) + QPointF(self.horizontalScrollBar().value(), self.verticalScrollBar().value())
        found = self.document().documentLayout().hitTest(place, Qt.HitTestAccuracy.ExactHit)
        if found < 0:
            return None
        # A hit is between characters: the one before it where the point is left of it.
        cursor = QTextCursor(self.document())
        cursor.setPosition(found)
        return found - 1 if self.cursorRect(cursor).left() > point.x() and not cursor.atBlockStart() else found

    def createMimeDataFromSelection(self) -> QMimeData:
        """The plain text alone, without what a view has put into it."""
        cursor = self.textCursor()
        data = QMimeData()
        if self.copied is not None:
            data.setText(self.copied(cursor.selectionStart(), cursor.selectionEnd()))
        else:
            data.setText(cursor.selectedText().replace("\u2029", "\n").replace("\u2028", "\n"))
        return data

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if is_theme_change(event):
            self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._by_block:
            painter = QPainter(self.viewport())
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            scrolled = self.verticalScrollBar().value()
            painter.translate(-self.horizontalScrollBar().value(), -scrolled)
            top, bottom = scrolled + event.rect().top() - 40, scrolled + event.rect().bottom() + 40
            for block in self._blocks_between(top, bottom):
                self._paint_grounds(painter, block, top, bottom)
            painter.end()
        super().paintEvent(event)

    def _blocks_between(self, top: float, bottom: float) -> Iterator[QTextBlock]:
        layout = self.document().documentLayout()
        first = layout.hitTest(QPointF(0, max(0.0, top)), Qt.HitTestAccuracy.FuzzyHit)
        block = self.document().findBlock(max(0, first))
        while block.isValid() and layout.blockBoundingRect(block).top() <= bottom:
            yield block
            block = block.next()

    def _paint_grounds(self, painter: QPainter, block: QTextBlock, top: float, bottom: float) -> None:
        grounds = self._by_block.get(block.blockNumber())
        if not grounds:
            return
        area = self.document().documentLayout().blockBoundingRect(block)
        lines = block.layout()
        first = _line_at(block, top - area.top())
        last = _line_at(block, bottom - area.top())
        if last < 0:
            return
        seen_from = lines.lineAt(first).textStart() + block.position()
        seen_to = lines.lineAt(last).textStart() + lines.lineAt(last).textLength() + block.position()
        for ground in grounds:
            if ground.end <= seen_from or ground.start >= seen_to:
                continue
            painter.setBrush(_color(ground.color))
            if ground.whole:
                low = lines.lineAt(lines.lineCount() - 1)
                wide = QRectF(1, area.top() - SPACE.tight, self.viewport().width() - 2, low.y() + low.height())
                painter.drawRoundedRect(wide.adjusted(0, 0, 0, 2 * SPACE.tight), RADIUS_PX + 2, RADIUS_PX + 2)
                continue
            start, end = ground.start - block.position(), ground.end - block.position()
            for number in range(first, last + 1):
                line = lines.lineAt(number)
                a, b = max(start, line.textStart()), min(end, line.textStart() + line.textLength())
                if a < b:
                    rect = _extent(line, a, b).translated(area.topLeft())
                    high = 3 - 3 * min(ground.depth, 2)
                    left = _room(ground.start, self._ends, -1) if a == start else 2
                    right = _room(ground.end, self._starts, 1) if b == end else 2
                    rect = rect.adjusted(-left, -high, right, high)
                    painter.drawRoundedRect(rect, RADIUS_PX, RADIUS_PX)


def parts_of(text: str) -> Iterator[str]:
    """A text in parts of bearable length, at ends of lines where there are some; one empty part of an empty text."""
    start = 0
    while len(text) - start > MAX_PART:
        end = text.rfind("\n", start, start + MAX_PART) + 1 or start + MAX_PART
        yield text[start:end]
        start = end
    yield text[start:]


def _line_at(block: QTextBlock, y: float) -> int:
    """The number of the last line of a block that begins at or above ``y``; -1 in a block without lines."""
    low, high = 0, block.layout().lineCount() - 1
    while low < high:
        middle = (low + high + 1) // 2
        if block.layout().lineAt(middle).y() <= y:
            low = middle
        else:
            high = middle - 1
    return high


def _extent(line: QTextLine, start: int, end: int) -> QRectF:
    """Where characters of a line are. In text of both directions a stretch need not lie between its ends."""
    places = range(start, end + 1) if end - start <= MAX_PLACES else (start, end)
    xs = [_x(line, place) for place in places]
    return QRectF(min(xs), line.y(), max(xs) - min(xs), line.height())


def _room(place: int, others: set[int], step: int) -> int:
    """How far a ground reaches beyond its characters: not over one that is beside it."""
    if place in others:
        return -1
    return 1 if place + step in others else 2


def _x(line: QTextLine, place: int) -> float:
    # Qt gives the place back as well: one beyond the line is moved into it.
    x, _ = cast("tuple[float, int]", line.cursorToX(place))
    return x


def _color(name: str) -> QColor:
    if name.startswith("hue "):
        hues = colors().hues
        return QColor(hues[int(name[4:]) % len(hues)])
    return QColor(getattr(colors(), name))
