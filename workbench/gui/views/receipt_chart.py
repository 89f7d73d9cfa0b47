"""Size, speed and agreement of all variants as one picture: the best stands at the top left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip

from workbench.gui.language import tr
from workbench.gui.provider_names import provider_name
from workbench.gui.receipt_words import (
    agreement_figure,
    agreement_number,
    agreement_tone,
    differing,
    is_recommended,
    rate,
    speed_beside_fp32,
    tone_words,
)
from workbench.gui.views.painting import number_font
from workbench.gui.widgets.basic import Panel, plain_tip
from workbench.gui.widgets.theme import SPACE, colors, is_theme_change
from workbench.receipts.receipt import Receipt, ReceiptRow
from workbench.units import size

__all__ = ["ReceiptChart", "nice_step"]

MARK_PX = 7.0  # from the middle of a mark to its edge
REACH_PX = 16.0  # how near the mouse must be
HEIGHT_PX, LEAST_PX = 280, 180
TICKS = 5
LABEL = 0.92  # of the window's font
# Of the tones of an agreement, from the best down, what the legend names them.
TONES = ("success", "accent", "warning", "danger", "muted")


@dataclass(frozen=True)
class _Point:
    row: ReceiptRow
    text: str
    tone: str
    best: bool


class ReceiptChart(Panel):
    """Shows the rows of a receipt whose speed was measured. The arrow keys go from one to the next."""

    def __init__(self) -> None:
        super().__init__()
        self._receipt: Receipt | None = None
        self._points: list[_Point] = []
        self._current: int | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.retranslate()

    def retranslate(self) -> None:
        self.setAccessibleName(tr("Size, speed and agreement of each variant"))
        self._describe()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(480, HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, LEAST_PX)

    @property
    def count(self) -> int:
        """How many variants are shown."""
        return len(self._points)

    @property
    def current(self) -> ReceiptRow | None:
        """The row that the keyboard is at."""
        return None if self._current is None else self._points[self._current].row

    def show_receipt(self, receipt: Receipt) -> None:
        self._receipt = receipt
        rows = [row for row in receipt.rows if row.speed and row.speed.throughput_per_s > 0]
        several = len({row.provider for row in rows}) > 1
        self._points = [
            _Point(
                row,
                _name(row, several),
                agreement_tone(row.agreement),
                is_recommended(receipt, row),
            )
            for row in sorted(rows, key=lambda row: (row.bytes, row.precision, row.provider))
        ]
        self._current = None
        self._describe()
        self.update()

    def said_of(self, row: ReceiptRow) -> str:
        """All that the chart shows of a row, as lines of words."""
        name = f"{row.precision} · {provider_name(row.provider)}"
        if self._receipt and is_recommended(self._receipt, row):
            name = tr("{variant} (recommended)", variant=name)
        lines = [name, size(row.bytes)]
        if row.speed:
            speed = tr("{rate} inputs a second", rate=rate(row.speed.throughput_per_s))
            beside = speed_beside_fp32(self._receipt, row) if self._receipt else ""
            lines.append(f"{speed}, {beside}" if beside else speed)
        if agreed := row.agreement:
            lines.append(f"{agreement_number(agreed.metric, agreed.mean)}, {differing(agreed)}")
        return "\n".join(lines)

    def place_of(self, row: ReceiptRow) -> QPointF:
        """The middle of a row's mark, in pixels of the widget."""
        assert row.speed
        area, (right, _), (top, _) = self._frame()
        x = area.left() + area.width() * row.bytes / right
        return QPointF(x, area.bottom() - area.height() * row.speed.throughput_per_s / top)

    # --- keys and mouse -----------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1}
        count, key = len(self._points), Qt.Key(event.key())
        if not count or key not in (*steps, Qt.Key.Key_Home, Qt.Key.Key_End):
            super().keyPressEvent(event)
            return
        if key in steps:
            before = self._current if self._current is not None else (-1 if steps[key] > 0 else 0)
            self._go_to((before + steps[key]) % count)
        else:
            self._go_to(0 if key == Qt.Key.Key_Home else count - 1)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._current = None
        self._describe()
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at = self._at(event.position())
        if at is not None:
            self._go_to(at)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            at = self._at(QPointF(event.pos()))
            if at is None:
                QToolTip.hideText()
            else:
                QToolTip.showText(event.globalPos(), _tip(self.said_of(self._points[at].row)), self)
            return True
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if is_theme_change(event):
            self.update()

    def _go_to(self, number: int) -> None:
        self._current = number
        self._describe()
        self.update()

    def _at(self, place: QPointF) -> int | None:
        near = [(_distance(self.place_of(point.row), place), number) for number, point in enumerate(self._points)]
        found = min(near, default=(math.inf, 0))
        return found[1] if found[0] <= REACH_PX else None

    def _describe(self) -> None:
        shown = self._points if self._current is None else [self._points[self._current]]
        self.setAccessibleDescription("\n".join(self.said_of(point.row).replace("\n", ", ") for point in shown))

    # --- painting -----------------------------------------------------------------------------------------------

    def _metrics(self) -> QFontMetrics:
        return QFontMetrics(number_font(self.font(), LABEL))

    def _frame(self) -> tuple[QRectF, tuple[float, float], tuple[float, float]]:
        """The area of the plot, and for both axes the end and the step."""
        metrics = self._metrics()
        x = _axis([point.row.bytes for point in self._points])
        y = _axis([point.row.speed.throughput_per_s for point in self._points if point.row.speed])
        widest = max(metrics.horizontalAdvance(_tick(number * y[1])) for number in range(round(y[0] / y[1]) + 1))
        left = widest + SPACE.small + 1
        top = metrics.height() + SPACE.medium
        bottom = 2 * metrics.height() + SPACE.small + self._legend_px()
        return QRectF(left, top, max(60, self.width() - left - 2), max(60, self.height() - top - bottom)), x, y

    def _legend_px(self) -> int:
        return self._metrics().height() + SPACE.small

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._points:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(number_font(self.font(), LABEL))
        area, (right, step_x), (top, step_y) = self._frame()
        self._paint_grid(painter, area, right, step_x, top, step_y)
        places = [self.place_of(point.row) for point in self._points]
        for number, (point, place) in enumerate(zip(self._points, places, strict=True)):
            self._paint_mark(painter, point, place, chosen=number == self._current and self.hasFocus())
        self._paint_names(painter, area, places)
        self._paint_legend(painter)
        if self.hasFocus():
            painter.setPen(QPen(QColor(colors().accent), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        if self._current is not None and self.hasFocus():
            self._paint_told(painter, area, self._points[self._current], places[self._current])

    def _paint_grid(
        self, painter: QPainter, area: QRectF, right: float, step_x: float, top: float, step_y: float
    ) -> None:
        metrics = self._metrics()
        line, words = QPen(QColor(colors().border), 1), QColor(colors().muted)
        align = Qt.AlignmentFlag
        for number in range(round(top / step_y) + 1):
            y = area.bottom() - area.height() * number * step_y / top
            painter.setPen(line)
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(words)
            room = QRectF(0, y - metrics.height() / 2, area.left() - SPACE.small, metrics.height())
            painter.drawText(room, int(align.AlignRight | align.AlignVCenter), _tick(number * step_y))
        below = area.bottom() + SPACE.tight
        free = 0.0
        for number in range(round(right / step_x) + 1):
            x = area.left() + area.width() * number * step_x / right
            text = size(number * step_x).replace(".0 ", " ") if number else "0"
            half = metrics.horizontalAdvance(text) / 2
            start = min(max(x - half, area.left()), area.right() - 2 * half)
            if start >= free:
                painter.drawText(QPointF(start, below + metrics.ascent()), text)
                free = start + 2 * half + SPACE.small
        painter.drawText(QPointF(0, metrics.ascent() + SPACE.tight), tr("Inputs a second"))
        room = QRectF(area.left(), below + metrics.height(), area.width(), metrics.height())
        painter.drawText(room, int(align.AlignRight), tr("Size"))

    def _paint_mark(self, painter: QPainter, point: _Point, place: QPointF, *, chosen: bool) -> None:
        shade = QColor(getattr(colors(), point.tone))
        if point.best or chosen:
            painter.setPen(QPen(QColor(colors().text if chosen else colors().success), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(place, MARK_PX + 4, MARK_PX + 4)
        painter.setPen(QPen(shade, 1.75))
        painter.setBrush(QColor(colors().surface) if point.tone == "muted" else shade)
        painter.drawPath(_shape(point.row.provider, place))

    def _paint_names(self, painter: QPainter, area: QRectF, places: Sequence[QPointF]) -> None:
        metrics = self._metrics()
        taken = [QRectF(place.x() - MARK_PX, place.y() - MARK_PX, 2 * MARK_PX, 2 * MARK_PX) for place in places]
        painter.setPen(QColor(colors().text))
        whole = QRectF(0, 0, self.width(), area.bottom())
        for point, place in zip(self._points, places, strict=True):
            wide, high, gap = metrics.horizontalAdvance(point.text) + 2, metrics.height(), MARK_PX + 8
            spots = [
                QRectF(place.x() + gap, place.y() - high / 2, wide, high),
                QRectF(place.x() - gap - wide, place.y() - high / 2, wide, high),
                QRectF(place.x() - wide / 2, place.y() - gap - high, wide, high),
                QRectF(place.x() - wide / 2, place.y() + gap, wide, high),
                QRectF(place.x() + gap, place.y() - gap - high / 2, wide, high),
                QRectF(place.x() + gap, place.y() + gap - high / 2, wide, high),
                QRectF(place.x() - gap - wide, place.y() - gap - high / 2, wide, high),
                QRectF(place.x() - gap - wide, place.y() + gap - high / 2, wide, high),
            ]
            free = (spot for spot in spots if whole.contains(spot) and not any(spot.intersects(one) for one in taken))
            spot = next(free, None)
            if spot is not None:  # one without room for its name still tells it to mouse, keys and the table below
                taken.append(spot)
                painter.fillRect(spot.adjusted(-2, 0, 2, 0), QColor(colors().surface))  # no line through the words
                painter.drawText(spot, int(Qt.AlignmentFlag.AlignCenter), point.text)

    def _paint_legend(self, painter: QPainter) -> None:
        metrics = self._metrics()
        x, y = 8.0, self.height() - metrics.height() / 2 - 2
        tones = [tone for tone in TONES if any(point.tone == tone for point in self._points)]
        for tone in tones:
            shade, text = QColor(getattr(colors(), tone)), tone_words(tone)
            painter.setPen(QPen(shade, 1.5))
            painter.setBrush(QColor(colors().surface) if tone == "muted" else shade)
            painter.drawEllipse(QPointF(x, y), 4, 4)
            painter.setPen(QColor(colors().muted))
            painter.drawText(QPointF(x + 10, y + metrics.ascent() / 2 - 1), text)
            x += 10 + metrics.horizontalAdvance(text) + SPACE.large

    def _paint_told(self, painter: QPainter, area: QRectF, point: _Point, place: QPointF) -> None:
        """What the keyboard's point says, in a box beside it."""
        metrics = self._metrics()
        lines = self.said_of(point.row).split("\n")
        wide = max(metrics.horizontalAdvance(text) for text in lines) + 2 * SPACE.small
        high = len(lines) * metrics.height() + 2 * SPACE.tight
        x = place.x() + MARK_PX + 10
        if x + wide > self.width():
            x = place.x() - MARK_PX - 10 - wide
        x = min(max(2.0, x), self.width() - wide - 2)
        y = min(max(2.0, place.y() - high / 2), self.height() - high - 2)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colors().text))
        painter.drawRoundedRect(QRectF(x, y, wide, high), 6, 6)
        painter.setPen(QColor(colors().surface))
        for number, text in enumerate(lines):
            painter.drawText(
                QPointF(x + SPACE.small, y + SPACE.tight + number * metrics.height() + metrics.ascent()), text
            )


def _name(row: ReceiptRow, several: bool) -> str:
    """What stands beside a mark; with the agreement as a figure, for eyes that cannot tell its colours apart."""
    name = f"{row.precision} {provider_name(row.provider)}" if several else row.precision
    return f"{name} · {agreement_figure(row.agreement)}" if row.agreement else name


def nice_step(end: float, ticks: int = TICKS) -> float:
    """A step of 1, 2, 2.5 or 5 times a power of ten that divides [0, ``end``] into about ``ticks`` parts."""
    rough = end / ticks
    power = 10.0 ** math.floor(math.log10(rough))
    return next(part * power for part in (1, 2, 2.5, 5, 10) if part * power >= rough * (1 - 1e-9))


def _axis(values: Sequence[float]) -> tuple[float, float]:
    """End and step of an axis from 0 that leaves the largest value some room."""
    most = max([*values, 1e-9]) * 1.08
    step = nice_step(most)
    return math.ceil(most / step - 1e-9) * step, step


def _shape(provider: str, place: QPointF) -> QPainterPath:
    """A circle for the processor, other shapes for what else there is: colour alone tells nobody enough."""
    path, edge = QPainterPath(), MARK_PX - 1
    if provider == "cpu":
        path.addEllipse(place, edge, edge)
    elif provider == "cuda":
        path.addRect(QRectF(place.x() - edge + 1, place.y() - edge + 1, 2 * edge - 2, 2 * edge - 2))
    else:
        far = edge + 1.5
        corners = [(0.0, -far), (far, 0.0), (0.0, far), (-far, 0.0)]
        path.addPolygon(QPolygonF([place + QPointF(x, y) for x, y in corners]))
        path.closeSubpath()
    return path


def _tick(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 or not value else f"{value:g}"


def _distance(one: QPointF, other: QPointF) -> float:
    return math.hypot(one.x() - other.x(), one.y() - other.y())


def _tip(text: str) -> str:
    return plain_tip(text).replace("\n", "<br>") if "<" in text or "&" in text else text
