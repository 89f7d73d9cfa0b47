"""Tables in the text of an answer: their look, and how wide they are."""

from __future__ import annotations

from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontMetrics,
    QTextDocument,
    QTextFrameFormat,
    QTextLength,
    QTextTable,
)

from workbench.gui.widgets.theme import SPACE, colors, scaled_font

__all__ = ["dress_tables", "widen_tables"]

PADDING_PX = SPACE.tight + SPACE.hair
WORD_PX = 160  # a longer word may be broken
AS_NEEDED = QTextLength(QTextLength.Type.VariableLength, 0)


def dress_tables(document: QTextDocument) -> None:
    """Give all tables the look of the theme in force."""
    for table in _tables(document):
        look = table.format()
        look.setBorder(1)
        look.setBorderBrush(QBrush(QColor(colors().border)))
        look.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        look.setBorderCollapse(True)
        look.setCellPadding(PADDING_PX)
        look.setCellSpacing(0)
        look.setWidth(AS_NEEDED)
        look.setTopMargin(0)
        look.setBottomMargin(0)
        table.setFormat(look)
        for column in range(table.columns()):
            cell = table.cellAt(0, column)
            ground = cell.format()
            ground.setBackground(QBrush(QColor(colors().raised)))
            ground.setFontWeight(QFont.Weight.DemiBold)
            cell.setFormat(ground)


def widen_tables(document: QTextDocument, font: QFont, width_px: float) -> None:
    """Have tables be wider than there is room for, to be scrolled, where their words would be broken into syllables."""
    metrics = QFontMetrics(scaled_font(font, 1, bold=True))  # as the head of a table has it
    for table in _tables(document):
        needed = sum(_column_px(table, column, metrics) for column in range(table.columns()))
        wanted = QTextLength(QTextLength.Type.FixedLength, needed) if needed > width_px else AS_NEEDED
        look = table.format()
        if (look.width().type(), look.width().rawValue()) != (wanted.type(), wanted.rawValue()):
            look.setWidth(wanted)
            table.setFormat(look)


def _tables(document: QTextDocument) -> list[QTextTable]:
    return [frame for frame in document.rootFrame().childFrames() if isinstance(frame, QTextTable)]


def _column_px(table: QTextTable, column: int, metrics: QFontMetrics) -> int:
    texts = (table.cellAt(row, column).firstCursorPosition().block().text() for row in range(table.rows()))
    word = max((word for text in texts for word in text.split()), key=len, default="")
    return min(WORD_PX, metrics.horizontalAdvance(word)) + 2 * PADDING_PX + SPACE.hair
