"""The labels of a text with their colours and counts; each is switched on and off."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QSizePolicy

from workbench.gui.language import tr
from workbench.gui.views.flow import FlowLayout
from workbench.gui.views.painting import number_font
from workbench.gui.widgets.basic import Panel
from workbench.gui.widgets.theme import SPACE, colors, scaled_font

__all__ = ["Legend"]

MAX_TEXT_PX = 220


class _Chip(QPushButton):
    """A label on its ground; an empty outline where it is switched off."""

    def __init__(self, label: str, count: int, hue: int) -> None:
        super().__init__()
        self._label, self._count, self._hue = label, str(count), hue
        self.setCheckable(True)
        self.setChecked(True)
        self.setAutoDefault(False)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        bold = scaled_font(self.font(), 0.9, bold=True)
        text = min(MAX_TEXT_PX, QFontMetrics(bold).horizontalAdvance(self._label))
        count = QFontMetrics(number_font(self.font(), 0.9)).horizontalAdvance(self._count)
        return QSize(text + count + SPACE.small + 2 * SPACE.medium, self.fontMetrics().height() + SPACE.small)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on = self.isChecked()
        edge = colors().accent if self.hasFocus() else colors().border_strong if self.underMouse() else colors().border
        hue = QColor(colors().hues[self._hue % len(colors().hues)])
        thick = 2 if self.hasFocus() else 1
        painter.setBrush(hue if on else Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(edge), thick) if not on or self.hasFocus() or self.underMouse() else QPen(hue, 1))
        inset = thick / 2
        area = QRectF(self.rect()).adjusted(inset, inset, -inset, -inset)
        painter.drawRoundedRect(area, area.height() / 2, area.height() / 2)
        painter.setPen(QColor(colors().text if on else colors().muted))
        numbers = number_font(self.font(), 0.9)
        width = QFontMetrics(numbers).horizontalAdvance(self._count)
        bold = scaled_font(self.font(), 0.9, bold=True)
        bold.setStrikeOut(not on)  # told without colour, too
        room = self.rect().adjusted(SPACE.medium, 0, -SPACE.medium - width - SPACE.small, 0)
        painter.setFont(bold)
        shown = QFontMetrics(bold).elidedText(self._label, Qt.TextElideMode.ElideRight, room.width() + 1)
        painter.drawText(room, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), shown)
        painter.setFont(numbers)
        room = self.rect().adjusted(0, 0, -SPACE.medium, 0)
        painter.drawText(room, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), self._count)


class Legend(Panel):
    """What is switched off stays so for the next text."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._chips: dict[str, _Chip] = {}
        self._counts: Mapping[str, int] = {}
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
            chip.setAccessibleName(tr("{label}: {count} found", label=label, count=self._counts[label]))
            chip.setAccessibleDescription(tr("Shows or hides this label in the text"))

    @property
    def chips(self) -> Mapping[str, QPushButton]:
        return self._chips

    def is_on(self, label: str) -> bool:
        return label not in self._off

    def show_counts(self, counts: Mapping[str, int], hues: Mapping[str, int]) -> None:
        """How often each label was found, and the number of its hue."""
        if counts == self._counts:
            return
        self._counts = dict(counts)
        for chip in self._chips.values():
            self._flow.removeWidget(chip)
            chip.deleteLater()
        self._chips = {}
        for label, count in counts.items():
            chip = self._chips[label] = _Chip(label, count, hues[label])
            chip.setChecked(self.is_on(label))
            chip.toggled.connect(lambda on, label=label: self._toggle(label, on))
            self._flow.addWidget(chip)
        self.retranslate()
        self.updateGeometry()

    def _toggle(self, label: str, on: bool) -> None:
        (self._off.discard if on else self._off.add)(label)
        self.changed.emit()
