"""The labels of a text with their colours and counts; each is switched on and off."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QSizePolicy

from workbench.gui.language import tr
from workbench.gui.views.flow import FlowLayout
from workbench.gui.views.painting import number_font
from workbench.gui.views.ranked import MARK_PX, MARK_RADIUS_PX
from workbench.gui.widgets.basic import Panel
from workbench.gui.widgets.scrolled import Scrolled
from workbench.gui.widgets.theme import SPACE, colors, mark, scaled_font

__all__ = ["Legend", "LegendArea"]

MAX_TEXT_PX = 220
MAX_LINES_PX = 104


class _Chip(QPushButton):
    """A label on its ground; an empty outline where it is switched off."""

    def __init__(self, label: str, figure: str, hue: int, *, on_picture: bool) -> None:
        super().__init__()
        self._label, self._count, self._hue, self._on_picture = label, figure, hue, on_picture
        self.setCheckable(True)
        self.setChecked(True)
        self.setAutoDefault(False)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        bold = scaled_font(self.font(), 0.9, bold=True)
        text = min(MAX_TEXT_PX, QFontMetrics(bold).horizontalAdvance(self._label))
        count = QFontMetrics(number_font(self.font(), 0.9)).horizontalAdvance(self._count)
        count += MARK_PX + SPACE.small if self._on_picture else 0
        return QSize(text + count + SPACE.small + 2 * SPACE.medium, self.fontMetrics().height() + SPACE.small)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on = self.isChecked()
        edge = colors().accent if self.hasFocus() else colors().border_strong if self.underMouse() else colors().border
        hue = QColor(colors().raised if self._on_picture else colors().hues[self._hue % len(colors().hues)])
        thick = 2 if self.hasFocus() else 1
        painter.setBrush(hue if on else Qt.BrushStyle.NoBrush)
        framed = not on or self._on_picture or self.hasFocus() or self.underMouse()
        painter.setPen(QPen(QColor(edge), thick) if framed else QPen(hue, 1))
        inset = thick / 2
        area = QRectF(self.rect()).adjusted(inset, inset, -inset, -inset)
        painter.drawRoundedRect(area, area.height() / 2, area.height() / 2)
        room = self.rect().adjusted(SPACE.medium, 0, -SPACE.medium, 0)
        if self._on_picture:
            self._paint_mark(painter, room, on=on)
            room.setLeft(room.left() + MARK_PX + SPACE.small)
        painter.setPen(QColor(colors().text if on else colors().muted))
        numbers = number_font(self.font(), 0.9)
        width = QFontMetrics(numbers).horizontalAdvance(self._count)
        bold = scaled_font(self.font(), 0.9, bold=True)
        bold.setStrikeOut(not on)  # told without colour, too
        room.setRight(room.right() - width - SPACE.small)
        painter.setFont(bold)
        shown = QFontMetrics(bold).elidedText(self._label, Qt.TextElideMode.ElideRight, room.width() + 1)
        painter.drawText(room, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), shown)
        painter.setFont(numbers)
        room = self.rect().adjusted(0, 0, -SPACE.medium, 0)
        painter.drawText(room, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), self._count)

    def _paint_mark(self, painter: QPainter, room: QRect, *, on: bool) -> None:
        shade = QColor(colors().marks[self._hue % len(colors().marks)])
        painter.setPen(QPen(shade if on else QColor(colors().border_strong), 1.5))
        painter.setBrush(shade if on else Qt.BrushStyle.NoBrush)
        side = QRectF(room.left(), room.center().y() - MARK_PX / 2 + 0.5, MARK_PX, MARK_PX)
        painter.drawRoundedRect(side, MARK_RADIUS_PX, MARK_RADIUS_PX)


class Legend(Panel):
    """What is switched off stays so for the next text or picture.

    A figure is how often a label was found, or, as a text, its share. ``on_picture``: the colours are those that lie
    over a picture.
    """

    changed = Signal()
    laid_out = Signal()  # it needs another room now

    def __init__(self, *, on_picture: bool = False) -> None:
        super().__init__()
        self._on_picture = on_picture
        self._chips: dict[str, _Chip] = {}
        self._counts: Mapping[str, int | str] = {}
        self._off: set[str] = set()
        self._flow = FlowLayout(SPACE.tight + SPACE.hair)
        self.setLayout(self._flow)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.retranslate()

    def retranslate(self) -> None:
        self.setAccessibleName(tr("Labels found"))
        for label, chip in self._chips.items():
            figure = self._counts[label]
            if isinstance(figure, str):
                chip.setAccessibleName(tr("{label}: {share} of the picture", label=label, share=figure))
            else:
                chip.setAccessibleName(tr("{label}: {count} found", label=label, count=figure))
            chip.setAccessibleDescription(
                tr("Shows or hides this label in the picture")
                if self._on_picture
                else tr("Shows or hides this label in the text")
            )

    @property
    def chips(self) -> Mapping[str, QPushButton]:
        return self._chips

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:  # labels that came are there only now
            self.laid_out.emit()
        return super().event(event)

    def height_at(self, width: int) -> int:
        """How high it is when it is so wide."""
        return self._flow.heightForWidth(width)

    def is_on(self, label: str) -> bool:
        return label not in self._off

    def show_counts(self, counts: Mapping[str, int | str], hues: Mapping[str, int]) -> None:
        """How often each label was found, and the number of its hue."""
        if counts == self._counts and list(counts) == list(self._counts):
            return
        self._counts = dict(counts)
        for chip in self._chips.values():
            self._flow.removeWidget(chip)
            chip.deleteLater()
        self._chips = {}
        for label, count in counts.items():
            chip = self._chips[label] = _Chip(label, str(count), hues[label], on_picture=self._on_picture)
            chip.setChecked(self.is_on(label))
            chip.toggled.connect(lambda on, label=label: self._toggle(label, on))
            self._flow.addWidget(chip)
        self.retranslate()
        self.updateGeometry()

    def _toggle(self, label: str, on: bool) -> None:
        (self._off.discard if on else self._off.add)(label)
        self.changed.emit()


class LegendArea(Scrolled):
    """A legend that scrolls where it has more than a few lines."""

    def __init__(self, legend: Legend) -> None:
        super().__init__(legend)
        self._legend = legend
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        mark(legend, role="plain")
        legend.laid_out.connect(self.updateGeometry)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return min(MAX_LINES_PX, self._legend.height_at(width))

    def sizeHint(self) -> QSize:
        return QSize(160, self.heightForWidth(max(160, self.width())))

    def minimumSizeHint(self) -> QSize:
        return QSize(60, min(MAX_LINES_PX, self._legend.height_at(10_000)))
