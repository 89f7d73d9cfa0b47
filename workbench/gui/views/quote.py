"""The text that was asked about, quoted above its answer."""

from __future__ import annotations

import unicodedata

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent, QTextLayout, QTextOption
from PySide6.QtWidgets import QSizePolicy

from workbench.gui.language import tr
from workbench.gui.views.painting import one_line
from workbench.gui.widgets.basic import Panel
from workbench.gui.widgets.theme import SPACE, colors

__all__ = ["Quote"]

MAX_LINES = 3
BAR_PX = 3


class Quote(Panel):
    """A muted text of at most three lines; the rest is an ellipsis."""

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.retranslate()

    def retranslate(self) -> None:
        self.setAccessibleName(tr("Input"))

    def set_text(self, text: str) -> None:
        self._text = one_line(text)
        self.setAccessibleDescription(self._text)
        self.setVisible(bool(self._text))
        self.updateGeometry()
        self.update()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return max(1, len(self._lines(width))) * self._line_height() + SPACE.tight

    def sizeHint(self) -> QSize:
        return QSize(160, self.heightForWidth(self.width()))

    def minimumSizeHint(self) -> QSize:
        return QSize(60, self._line_height() + SPACE.tight)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.updateGeometry()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colors().border))
        rtl = _is_rtl(self._text)
        painter.drawRoundedRect(
            QRectF(self.width() - BAR_PX if rtl else 0, 0, BAR_PX, self.height()), BAR_PX / 2, BAR_PX / 2
        )
        painter.setPen(QColor(colors().muted))
        left = 0 if rtl else SPACE.medium
        align = Qt.AlignmentFlag.AlignRight if rtl else Qt.AlignmentFlag.AlignLeft
        for number, line in enumerate(self._lines(self.width())):
            top = SPACE.hair + number * self._line_height()
            room = QRectF(left, top, self.width() - SPACE.medium, self._line_height())
            painter.drawText(room, int(align | Qt.AlignmentFlag.AlignVCenter), line)

    def _line_height(self) -> int:
        return round(self.fontMetrics().lineSpacing() * 1.15)

    def _lines(self, width: int) -> list[str]:
        room = max(40, width - SPACE.medium)
        layout = QTextLayout(self._text, self.font())
        layout.setTextOption(_wrapping())
        lines: list[str] = []
        layout.beginLayout()
        while True:
            line = layout.createLine()
            if not line.isValid():
                break
            line.setLineWidth(room)
            line.setPosition(QPointF(0, 0))
            start = _utf16(self._text, line.textStart())
            if len(lines) == MAX_LINES - 1:
                rest = self._text[start:]
                lines.append(self.fontMetrics().elidedText(rest, Qt.TextElideMode.ElideRight, room))
                break
            lines.append(self._text[start : _utf16(self._text, line.textStart() + line.textLength())])
        layout.endLayout()
        return lines


def _wrapping() -> QTextOption:
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    return option


def _utf16(text: str, units: int) -> int:
    """The character at a place that Qt counts in units of UTF-16."""
    return len(text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore"))


def _is_rtl(text: str) -> bool:
    """Whether the first letter that has a direction is read from the right."""
    directions = (unicodedata.bidirectional(sign) for sign in text)
    return next((item for item in directions if item in ("L", "R", "AL")), "L") != "L"
