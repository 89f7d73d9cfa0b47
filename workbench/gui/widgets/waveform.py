"""The outline of a sound: what was played, where it is now, and a way to go elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip

from workbench.gui.language import tr
from workbench.gui.widgets.basic import Panel
from workbench.gui.widgets.theme import SPACE, colors
from workbench.units import clock

if TYPE_CHECKING:
    import numpy as np

    FloatArray = np.ndarray[Any, np.dtype[np.float32]]

__all__ = ["Waveform"]

STEP_S = 5.0
BAR_PX, GAP_PX = 2, 1
HEIGHT_PX = 56
EDGE_PX = 5  # between the frame that shows the focus and the first bar
RADIUS_PX = 7
HEAD_PX = 2  # the playhead, and how far around a place must be painted anew


class Waveform(Panel):
    """Shows peaks; a click, a drag and keys go elsewhere in the sound. It plays nothing itself."""

    pointed = Signal(float)  # seconds: where the mouse was let go
    sought = Signal(float)  # seconds: where keys led to
    toggled = Signal()  # play, or stop playing

    def __init__(self) -> None:
        super().__init__()
        self._duration_s = 0.0
        self._position_s = 0.0
        self._peaks: FloatArray | None = None
        self._bars: list[float] = []
        self._segments: list[tuple[float, float]] = []
        self._hovered: int | None = None
        self._dragging = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.retranslate()

    def retranslate(self) -> None:
        self.setAccessibleName(tr("Sound"))
        self._describe()

    # --- what is shown ------------------------------------------------------------------------------------------

    @property
    def duration_s(self) -> float:
        """0 while the outline is not there yet."""
        return self._duration_s

    @property
    def position_s(self) -> float:
        return self._position_s

    @property
    def hovered(self) -> int | None:
        """The segment under the mouse."""
        return self._hovered

    def clear(self) -> None:
        """Show that the outline is on its way."""
        self._duration_s = self._position_s = 0.0
        self._peaks, self._bars, self._segments, self._hovered, self._dragging = None, [], [], None, False
        self._describe()
        self.update()

    def set_outline(self, duration_s: float, peaks: FloatArray) -> None:
        """``peaks``: float32 [n, 2], the lowest and the highest sample of each stretch, in [-1, 1]."""
        self._duration_s, self._peaks = duration_s, peaks
        self._position_s = min(self._position_s, duration_s)
        self._measure()
        self._describe()
        self.update()

    def set_segments(self, segments: Sequence[tuple[float, float]]) -> None:
        """Stretches (start, end in seconds), marked at their starts; the one under the mouse stands out."""
        self._segments, self._hovered = list(segments), None
        self.update()

    def set_position(self, seconds: float) -> None:
        """Where the sound is now. While the user drags, the playhead is the user's."""
        if not self._dragging:
            self._move(seconds)

    def sizeHint(self) -> QSize:
        return QSize(240, HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, HEIGHT_PX)

    # --- mouse and keys -----------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._duration_s:
            self._dragging = True
            self._move(self._seconds(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragging:
            self._move(self._seconds(event.position().x()))
        else:
            self._hover(self._seconds(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        # A drag moves the playhead; the sound starts anew once, where it was let go.
        if event.button() == Qt.MouseButton.LeftButton and self._dragging:
            self._dragging = False
            self.pointed.emit(self._position_s)

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(-1.0)
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        targets = {
            Qt.Key.Key_Left: self._position_s - STEP_S,
            Qt.Key.Key_Right: self._position_s + STEP_S,
            Qt.Key.Key_Home: 0.0,
            Qt.Key.Key_End: self._duration_s,
        }
        if key == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.toggled.emit()
        elif key in targets and self._duration_s:
            self._seek(targets[key])
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and self._duration_s:
            text = clock(self._seconds(event.pos().x()))
            QToolTip.showText(event.globalPos() + QPoint(0, SPACE.small), text, self)
            return True
        return super().event(event)

    # --- painting -----------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._measure()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        self._paint_ground(painter)
        self._paint_bars(painter, event.rect())
        if self._duration_s:
            head = QRectF(self.x_of(self._position_s) - HEAD_PX / 2, EDGE_PX, HEAD_PX, self.height() - 2 * EDGE_PX)
            painter.setBrush(QColor(colors().accent))
            painter.drawRoundedRect(head, 1, 1)
        if self.hasFocus():
            painter.setPen(QPen(QColor(colors().accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS_PX, RADIUS_PX)

    def _paint_ground(self, painter: QPainter) -> None:
        painter.setBrush(QColor(colors().raised))
        painter.drawRoundedRect(QRectF(self.rect()), RADIUS_PX, RADIUS_PX)
        if not self._duration_s:
            return
        if self._hovered is not None:
            start_s, end_s = self._segments[self._hovered]
            left, right = self.x_of(start_s), self.x_of(end_s)
            painter.setBrush(QColor(colors().accent_soft))
            painter.drawRoundedRect(QRectF(left, EDGE_PX, max(1, right - left), self.height() - 2 * EDGE_PX), 3, 3)
        painter.setBrush(QColor(colors().border_strong))
        for start_s, _ in self._segments:
            if start_s > 0:
                painter.drawRect(QRectF(self.x_of(start_s), self.height() - EDGE_PX - 1, 1, 4))

    def _paint_bars(self, painter: QPainter, part: QRect) -> None:
        step = BAR_PX + GAP_PX
        middle, room = self.height() / 2, self.height() / 2 - EDGE_PX - 2
        played = self.x_of(self._position_s) if self._duration_s else -1
        first = max(0, (part.left() - EDGE_PX) // step)
        last = (part.right() - EDGE_PX) // step
        # A row of dots holds the place of an outline that is on its way.
        bars = self._bars or [0.0] * (max(0, self.width() - 2 * EDGE_PX) // step)
        done, to_come = QColor(colors().accent), QColor(colors().border_strong)
        if not self._bars:
            to_come.setAlphaF(0.5)
        for number in range(first, min(last + 1, len(bars))):
            left = EDGE_PX + number * step
            half = max(1.0, bars[number] * room)
            painter.setBrush(done if left < played else to_come)
            painter.drawRoundedRect(QRectF(left, middle - half, BAR_PX, 2 * half), 1, 1)

    def _measure(self) -> None:
        """Heights in [0, 1] of the bars that fit, the loudest of the sound as 1."""
        count = max(1, self.width() - 2 * EDGE_PX) // (BAR_PX + GAP_PX)
        if self._peaks is None or not len(self._peaks) or not count:
            self._bars = []
            return
        import numpy as np

        loud = np.nan_to_num(np.abs(self._peaks).max(axis=1), nan=0.0, posinf=1.0)
        if len(loud) >= count:
            bars = np.maximum.reduceat(loud, np.arange(count) * len(loud) // count)
        else:
            bars = loud[np.arange(count) * len(loud) // count]
        loudest = float(bars.max())
        # Silence stays flat: what is quieter than one step of 8 bits is not blown up.
        self._bars = (bars / max(loudest, 1 / 128)).tolist()

    # --- places -------------------------------------------------------------------------------------------------

    def x_of(self, seconds: float) -> int:
        """Where a time is, in pixels from the left."""
        share = seconds / self._duration_s if self._duration_s else 0.0
        return EDGE_PX + round(min(1.0, max(0.0, share)) * max(0, self.width() - 2 * EDGE_PX))

    def _seconds(self, x: float) -> float:
        share = (x - EDGE_PX) / max(1, self.width() - 2 * EDGE_PX)
        return min(1.0, max(0.0, share)) * self._duration_s

    def _move(self, seconds: float) -> None:
        before = self.x_of(self._position_s)
        self._position_s = max(0.0, min(seconds, self._duration_s) if self._duration_s else seconds)
        after = self.x_of(self._position_s)
        if before != after:
            self._update_between(before, after)
            self._describe()

    def _seek(self, seconds: float) -> None:
        self._move(seconds)
        self.sought.emit(self._position_s)

    def _hover(self, seconds: float) -> None:
        places = (n for n, (start_s, end_s) in enumerate(self._segments) if start_s <= seconds < end_s)
        found = next(places, None)
        if found == self._hovered:
            return
        for number in (self._hovered, found):
            if number is not None:
                start_s, end_s = self._segments[number]
                self._update_between(self.x_of(start_s), self.x_of(end_s))
        self._hovered = found

    def _update_between(self, a: int, b: int) -> None:
        left, right = min(a, b) - HEAD_PX - BAR_PX, max(a, b) + HEAD_PX + BAR_PX
        self.update(QRect(left, 0, right - left, self.height()))

    def _describe(self) -> None:
        if not self._duration_s:
            self.setAccessibleDescription(tr("The outline of the sound is on its way."))
            return
        self.setAccessibleDescription(
            tr(
                "{position} of {duration}. Space plays, the arrow keys go 5 seconds back or on.",
                position=clock(self._position_s),
                duration=clock(self._duration_s),
            )
        )
