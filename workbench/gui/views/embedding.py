"""Vectors of a text: how many, how long, how they look."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QImage,
    QLinearGradient,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QTextCharFormat,
    QTextCursor,
    QTextOption,
)
from PySide6.QtWidgets import QSizePolicy, QTextEdit

from workbench.gui.language import tr
from workbench.gui.views.base import Context, View
from workbench.gui.views.painting import number_font, signed
from workbench.gui.views.quote import Quote
from workbench.gui.views.reading import ReadingText
from workbench.gui.views.shading import FloatArray, sign_color, sign_image
from workbench.gui.widgets.basic import Label, Panel, column
from workbench.gui.widgets.theme import SPACE, colors, is_theme_change
from workbench.results import Embedding

__all__ = ["EmbeddingView"]

MAX_ROWS = 64
FIRST_NUMBERS = 6
ONE_ROW_PX, MAX_ROW_PX, MIN_ROW_PX = 40, 20, 4
LOWEST_PX = 48  # of all strips, in a low window
SCALE_PX = 6
# What the scale reaches to: a few outliers would make all else pale.
PERCENTILE = 99.5


class _Strips(Panel):
    """A strip of colours for each vector, and the scale that they have in common."""

    def __init__(self) -> None:
        super().__init__()
        self._vectors: FloatArray = np.zeros((0, 0), np.float32)
        self._scale = 1.0
        self._image = QImage()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self.retranslate()

    def retranslate(self) -> None:
        self.setAccessibleName(tr("The numbers as colours"))

    def show_vectors(self, vectors: FloatArray) -> None:
        self._vectors = vectors[:MAX_ROWS]
        self._image = QImage()
        sizes = np.abs(self._vectors[np.isfinite(self._vectors)])
        self._scale = float(np.percentile(sizes, PERCENTILE)) if sizes.size else 1.0
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        count = len(self._vectors)
        row = ONE_ROW_PX if count <= 1 else max(MIN_ROW_PX, min(MAX_ROW_PX, 260 // count))
        return QSize(200, row * count + self._scale_px())

    def minimumSizeHint(self) -> QSize:
        return QSize(80, min(self.sizeHint().height(), LOWEST_PX + self._scale_px()))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if is_theme_change(event):
            self._image = QImage()
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._vectors.size:
            return
        if self._image.isNull():
            self._image = sign_image(self._vectors, self._scale)
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        rows = len(self._vectors)
        area = QRect(0, 0, self.width(), self.height() - self._scale_px())
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(area), 5, 5)
        painter.save()
        painter.setClipPath(outline)
        painter.drawImage(area, self._fitted(area))
        if area.height() >= 6 * rows:
            for row in range(1, rows):
                painter.fillRect(QRect(0, row * area.height() // rows, self.width(), 1), QColor(colors().window))
        painter.restore()
        painter.setPen(QColor(colors().border))
        painter.drawPath(outline)
        self._paint_scale(painter, area.bottom() + 1 + SPACE.small)

    def _fitted(self, area: QRect) -> QImage:
        """As many columns as the screen has pixels: more numbers are averaged, fewer have clear edges."""
        width = round(area.width() * self.devicePixelRatioF())
        if width >= self._image.width():
            return self._image.scaled(width, self._image.height())
        smooth = Qt.TransformationMode.SmoothTransformation
        return self._image.scaled(width, self._image.height(), Qt.AspectRatioMode.IgnoreAspectRatio, smooth)

    def _scale_px(self) -> int:
        return SPACE.small + SCALE_PX + SPACE.tight + QFontMetrics(number_font(self.font(), 0.85)).height()

    def _paint_scale(self, painter: QPainter, top: int) -> None:
        font = number_font(self.font(), 0.85)
        bar = QRectF(0.5, top, min(180, self.width() - 1), SCALE_PX)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        for number in range(9):
            gradient.setColorAt(number / 8, sign_color(number / 4 - 1))
        painter.setPen(QColor(colors().border))
        painter.setBrush(gradient)
        painter.drawRoundedRect(bar, SCALE_PX / 2, SCALE_PX / 2)
        painter.setFont(font)
        painter.setPen(QColor(colors().muted))
        room = QRectF(bar.left(), bar.bottom() + SPACE.tight, bar.width(), QFontMetrics(font).height())
        for align, value in (
            (Qt.AlignmentFlag.AlignLeft, -self._scale),
            (Qt.AlignmentFlag.AlignHCenter, 0.0),
            (Qt.AlignmentFlag.AlignRight, self._scale),
        ):
            painter.drawText(room, int(align), signed(value, 2) if value else "0")


class _Numbers(ReadingText):
    """The first numbers of each vector in columns, with the vector's own number in front where there are many."""

    def __init__(self) -> None:
        super().__init__(line_height_percent=140)
        self.setLineWrapMode(QTextEdit.LineWrapMode.NoWrap)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)

    def put_vectors(self, vectors: FloatArray) -> None:
        """float32 [rows, numbers]."""
        cursor = self.begin()
        font = number_font(self.font())
        index_px = QFontMetrics(font).horizontalAdvance(str(len(vectors))) if len(vectors) > 1 else 0
        figures = [[signed(float(value), 4) for value in vector[:FIRST_NUMBERS]] for vector in vectors]
        widest = max((QFontMetrics(font).horizontalAdvance(text) for row in figures for text in row), default=0)
        first_px = index_px + (SPACE.medium if index_px else 0) + widest
        right = QTextOption.TabType.RightTab
        block = self.block_format()
        ends = [first_px + number * (widest + SPACE.large) for number in range(FIRST_NUMBERS)]
        tabs = [QTextOption.Tab(x, right) for x in ([index_px] if index_px else []) + ends]
        block.setTabPositions([*tabs, QTextOption.Tab(ends[-1] + SPACE.small, QTextOption.TabType.LeftTab)])
        muted, plain = QTextCharFormat(), QTextCharFormat()
        muted.setFont(font)
        muted.setForeground(QColor(colors().muted))
        plain.setFont(font)
        cursor.beginEditBlock()
        for number, row in enumerate(figures):
            if number:
                cursor.insertBlock()
            cursor.setBlockFormat(block)
            if index_px:
                cursor.insertText(f"\t{number + 1}", muted)
            cursor.insertText("".join("\t" + text for text in row), plain)
            if vectors.shape[1] > FIRST_NUMBERS:
                cursor.insertText("\t…", muted)
        cursor.endEditBlock()
        self.moveCursor(QTextCursor.MoveOperation.Start)
        self.verticalScrollBar().setValue(0)


class EmbeddingView(View):
    def __init__(self) -> None:
        super().__init__()
        self._result = Embedding(np.zeros((0, 0), np.float32), pooled=True)
        self._tinted = colors()
        self.quote = Quote()
        self.shape = Label(role="heading", wrap=True)
        self.norm = Label(tone="muted", wrap=True)
        self.strips = _Strips()
        self._more = Label(tone="muted", role="small", wrap=True)
        self._numbers_title = Label(role="heading")
        self.numbers = _Numbers()
        layout = column(self.quote, self.shape, self.norm, self.strips, self._more, space=SPACE.small)
        for part in (self._numbers_title, self.numbers):
            layout.addWidget(part)
        layout.insertSpacing(layout.indexOf(self._numbers_title), SPACE.tight)
        layout.setStretchFactor(self.numbers, 1)
        layout.addStretch(0)
        self.setLayout(layout)
        self.retranslate()

    def retranslate(self) -> None:
        self._numbers_title.setText(tr("The first numbers"))
        self.numbers.setAccessibleName(tr("The first numbers"))
        self._tell()

    def show_result(self, result: Embedding, context: Context) -> None:
        self._result = result
        self.quote.set_text(context.input if context.kind == "text" and isinstance(context.input, str) else "")
        self.strips.show_vectors(result.vectors)
        shown = result.vectors[:MAX_ROWS]
        for part in (self.strips, self.numbers, self._numbers_title, self.norm):
            part.setVisible(bool(result.vectors.size))
        self._more.setVisible(len(result.vectors) > len(shown))
        self._fill()
        self._tell()

    def text(self) -> str:
        """All numbers: a line for each vector, with tabs between."""
        return "\n".join("\t".join(f"{value:.8g}" for value in vector) for vector in self._result.vectors)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if is_theme_change(event) and self._tinted is not colors():
            self._fill()

    def _fill(self) -> None:
        self._tinted = colors()
        self.numbers.put_vectors(self._result.vectors[:MAX_ROWS])

    def _tell(self) -> None:
        rows, columns = self._result.vectors.shape
        if not self._result.vectors.size:
            self.shape.setText(tr("The model gave no numbers."))
            return
        if self._result.pooled and rows == 1:
            self.shape.setText(tr("One vector of {columns} numbers", columns=columns))
        else:
            self.shape.setText(tr("{rows} token vectors of {columns} numbers each", rows=rows, columns=columns))
        norms = np.linalg.norm(self._result.vectors.astype(np.float64), axis=1)
        least, most = float(norms.min()), float(norms.max())
        if rows == 1:
            self.norm.setText(tr("Length (L2 norm) {norm}", norm=signed(least, 4)))
        else:
            self.norm.setText(
                tr("Lengths (L2 norm) from {least} to {most}", least=signed(least, 4), most=signed(most, 4))
            )
        self._more.setText(tr("The first {shown} of {rows} vectors are shown.", shown=MAX_ROWS, rows=rows))
