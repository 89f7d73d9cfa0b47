"""Things that were found in a picture, each with its box, its label and its score."""

from __future__ import annotations

import math
from collections import Counter

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QTransform

from workbench.gui.language import tr
from workbench.gui.views.base import Context
from workbench.gui.views.over_picture import SLIDER_STEPS, OverPicture
from workbench.gui.views.painting import number_font, one_line, percent, readable_on, safe
from workbench.gui.views.ranked import Rank
from workbench.gui.widgets.theme import SPACE, colors, scaled_font
from workbench.marks import label_colors
from workbench.results import Box, Boxes

__all__ = ["BoxesView"]

LINE_PX, HALO_PX = 2.0, 4.0
DIMMED = 0.3  # how much is left of the other boxes while one stands out
FILLED = 0.18
TAG_RADIUS_PX = 3.0


class BoxesView(OverPicture):
    """The picture with boxes over it; the slider hides what is not sure enough."""

    def __init__(self) -> None:
        super().__init__()
        self._result = Boxes(1, 1, ())
        self._hues: dict[str, int] = {}
        self._shown: list[Box] = []
        self.least = self._slider
        self.least.valueChanged.connect(self._choose)
        self.retranslate()

    def retranslate(self) -> None:
        super().retranslate()
        self.list.setAccessibleName(tr("Things found and their scores"))
        self._name_slider(tr("Least score that is shown"))
        self._tell_least()

    def show_result(self, result: Boxes, context: Context) -> None:
        self.canvas.show_picture(context, result.width_px, result.height_px)
        if result == self._result:
            return
        self._result = result
        counts = Counter(safe(box.label) for box in result.boxes)
        self._hues = label_colors([safe(box.label) for box in result.boxes])
        self.legend.show_counts(dict(counts.most_common()), self._hues)
        some = bool(counts)
        self._legend_area.setVisible(some)
        self._parts.show_side(some)
        self._none.setVisible(not some)
        for part in (self.least, self._slider_label):
            part.setVisible(len(result.boxes) > 1)
        self.least.setValue(0)
        self._choose()

    def text(self) -> str:
        if not self._result.boxes:
            return tr("Nothing was found in this picture.")
        return "\n".join(
            f"{one_line(box.label)}\t{box.score:.4f}\t{box.xmin:.1f}\t{box.ymin:.1f}\t{box.xmax:.1f}\t{box.ymax:.1f}"
            for box in self._result.boxes
        )

    @property
    def shown(self) -> tuple[Box, ...]:
        """The boxes that are drawn: of labels that are on, with scores that are high enough."""
        return tuple(self._shown)

    @property
    def strong(self) -> int:
        """The number of the box that stands out, among those shown; -1 where none does."""
        return self._row

    # --- which are shown ----------------------------------------------------------------------------------------

    def _choose(self) -> None:
        least = self.least.value() / SLIDER_STEPS
        self._shown = [
            box
            for box in self._result.boxes
            if self.legend.is_on(safe(box.label)) and not box.score < least  # no number at all stays
        ]
        self._row = -1
        self.list.show_ranks(
            [Rank(safe(box.label), percent(box.score), mark=self._hues[safe(box.label)]) for box in self._shown]
        )
        self.list.clearSelection()
        self._tell_least()
        self.canvas.update()

    def _tell_least(self) -> None:
        self._slider_label.setText(tr("Score from {least}", least=f"{self.least.value()}%"))

    # --- which one stands out -----------------------------------------------------------------------------------

    def _stand_out(self, number: int) -> None:
        if number != self._row:
            self._row = number if number < len(self._shown) else -1
            self.canvas.update()

    def _go_to(self, number: int) -> None:
        self._stand_out(number)
        if 0 <= number < len(self._shown):
            area = _area(self._shown[number])
            if area is not None:
                self.canvas.look_at(area)

    def _row_at(self, x: float, y: float) -> int:
        """The smallest box around a place: it would never be reached behind a larger one."""
        around = [
            (area.width() * area.height(), number)
            for number, box in enumerate(self._shown)
            if (area := _area(box)) is not None and area.contains(x, y)
        ]
        return min(around)[1] if around and x >= 0 else -1

    # --- painting -----------------------------------------------------------------------------------------------

    def _paint(self, painter: QPainter, to_screen: QTransform) -> None:
        numbers = list(reversed(range(len(self._shown))))
        if self._row >= 0:  # on top of all others
            numbers.remove(self._row)
            numbers.append(self._row)
        areas = {}
        for number in numbers:
            area = _area(self._shown[number])
            if area is None:
                continue
            areas[number] = to_screen.mapRect(area)
            self._paint_box(painter, number, areas[number])
        self._paint_tags(painter, areas)

    def _paint_box(self, painter: QPainter, number: int, area: QRectF) -> None:
        color = self._color(number)
        is_strong = number == self._row
        painter.setOpacity(DIMMED if self._row >= 0 and not is_strong else 1.0)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        # A dark edge on both sides: the line is seen on a ground of its own colour.
        painter.setPen(QPen(QColor(0, 0, 0, 110), HALO_PX, j=Qt.PenJoinStyle.MiterJoin))
        painter.drawRect(area)
        painter.setPen(QPen(color, LINE_PX, j=Qt.PenJoinStyle.MiterJoin))
        if is_strong:
            ground = QColor(color)
            ground.setAlphaF(FILLED)
            painter.setBrush(ground)
        painter.drawRect(area)
        painter.setOpacity(1.0)

    def _paint_tags(self, painter: QPainter, areas: dict[int, QRectF]) -> None:
        """Names at the boxes, the surest first, where they cover no other name."""
        bold = scaled_font(self.font(), 0.85, bold=True)
        figures = number_font(self.font(), 0.85)
        taken: list[QRectF] = []
        order = sorted(areas, key=lambda number: (number != self._row, number))
        for number in order:
            if self._row >= 0 and number != self._row:
                break
            tag = self._tag(areas[number], number, bold, figures)
            if not any(tag.intersects(other) for other in taken):
                taken.append(tag)
                self._paint_tag(painter, tag, number, bold, figures)

    def _tag(self, area: QRectF, number: int, bold: QFont, figures: QFont) -> QRectF:
        """Where a name stands: above its box, or inside at the top where that is out of sight."""
        name, figure = QFontMetricsF(bold), QFontMetricsF(figures)
        box = self._shown[number]
        width = name.horizontalAdvance(one_line(box.label)) + figure.horizontalAdvance(percent(box.score))
        height = name.height() + SPACE.hair
        width += 3 * SPACE.tight + SPACE.hair
        rect = self.canvas.shown_rect()  # nothing is painted outside the picture
        right = min(float(self.canvas.width()), rect.right())
        left = max(0.0, rect.left(), min(area.left() - LINE_PX / 2, right - width))
        top = area.top() - LINE_PX / 2 - height
        if top < max(0.0, rect.top()):
            top = max(area.top() + LINE_PX / 2, 0.0)
        return QRectF(QPointF(left, top), QPointF(left + width, top + height))

    def _paint_tag(self, painter: QPainter, tag: QRectF, number: int, bold: QFont, figures: QFont) -> None:
        box, color = self._shown[number], self._color(number)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawRoundedRect(tag, TAG_RADIUS_PX, TAG_RADIUS_PX)
        painter.setPen(readable_on(color))
        room = tag.adjusted(SPACE.tight + 1, 0, -SPACE.tight - 1, 0)
        painter.setFont(bold)
        painter.drawText(room, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), one_line(box.label))
        painter.setFont(figures)
        painter.drawText(room, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), percent(box.score))

    def _color(self, number: int) -> QColor:
        hue = self._hues[safe(self._shown[number].label)]
        return QColor(colors().marks[hue % len(colors().marks)])


def _area(box: Box) -> QRectF | None:
    """The box; None where it has no numbers."""
    if not all(map(math.isfinite, (box.xmin, box.ymin, box.xmax, box.ymax))):
        return None
    return QRectF(QPointF(box.xmin, box.ymin), QPointF(box.xmax, box.ymax)).normalized()
