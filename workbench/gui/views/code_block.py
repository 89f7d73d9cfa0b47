"""Code in an answer: its language, a button that copies it, lines that are not broken."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetricsF, QGuiApplication, QKeyEvent, QTextCursor, QWheelEvent
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QSizePolicy, QWidget

from workbench.gui.language import tr
from workbench.gui.widgets.basic import Button, Label, Panel, column, row
from workbench.gui.widgets.theme import SPACE, mark

__all__ = ["CodeBlock"]

MAX_LINES = 400  # shown at once; more is scrolled to
MAX_LINE = 2_000  # a longer line is broken where it is shown: Qt needs long to lay it out
TOLD_MS = 1_500
EDGE_PX = 1  # of the frame that shows the focus
BAR_PX = 8


class CodeBlock(Panel):
    """Shows code that may still grow."""

    caret_moved = Signal(QWidget, QRect)  # by a key: the lines, and where in them the caret is now

    def __init__(self) -> None:
        super().__init__()
        mark(self, role="code")
        self._code = self._shown = ""
        self._info = ""
        self._copied = QTimer(self)
        self._copied.setSingleShot(True)
        self._copied.setInterval(TOLD_MS)
        self._copied.timeout.connect(self.retranslate)
        self._language = Label(tone="muted", role="small")
        self.copy = Button(icon="copy", role="quiet", tint="muted")
        self.copy.clicked.connect(self._copy)
        self.edit = _Lines()
        self.edit.caret_moved.connect(self.caret_moved)
        head = row(self._language, 1, self.copy)
        head.setContentsMargins(SPACE.small + EDGE_PX, SPACE.hair, SPACE.tight, 0)
        layout = column(space=0)
        layout.addLayout(head)
        layout.addWidget(self.edit)
        layout.setContentsMargins(1, 1, 1, SPACE.tight)
        self.setLayout(layout)
        self.retranslate()

    def retranslate(self) -> None:
        self._language.setText(self._info or tr("Code"))
        self.copy.setText(tr("Copied") if self._copied.isActive() else tr("Copy"))
        self.copy.setAccessibleName(tr("Copy this code"))
        self.edit.setAccessibleName(tr("Code, {language}", language=self._info) if self._info else tr("Code"))

    def show_code(self, code: str, info: str) -> None:
        """Show code with what its fence says of it. Code that grew is added to."""
        self._code = code
        if info != self._info:
            self._info = info
            self.retranslate()
        shown = "\n".join(part for line in code.split("\n") for part in _short(line))
        if shown == self._shown:
            return
        if self._shown and shown.startswith(self._shown):
            cursor = QTextCursor(self.edit.document())
            cursor.movePosition(QTextCursor.MoveOperation.End)
            cursor.insertText(shown[len(self._shown) :])
        else:
            self.edit.setPlainText(shown)
        self._shown = shown
        self.edit.fit()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._code)
        self._copied.start()
        self.retranslate()


class _Lines(QPlainTextEdit):
    """As high as its lines, up to a bound."""

    caret_moved = Signal(QWidget, QRect)

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setTabChangesFocus(True)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(SPACE.small)
        mark(self, role="lines")

    def fit(self) -> None:
        """Take the height of the lines."""
        bar = Qt.ScrollBarPolicy
        is_long = self.blockCount() > MAX_LINES
        self.setVerticalScrollBarPolicy(bar.ScrollBarAsNeeded if is_long else bar.ScrollBarAlwaysOff)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        self.ensurePolished()
        height = QFontMetricsF(self.font()).lineSpacing() * min(self.blockCount(), MAX_LINES)
        # The bar has its room always: the height must not depend on the width.
        return QSize(200, round(height) + 2 * SPACE.small + 2 * EDGE_PX + BAR_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(60, self.sizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        super().keyPressEvent(event)
        self.caret_moved.emit(self, self.cursorRect())

    def wheelEvent(self, event: QWheelEvent) -> None:
        """What is around it scrolls, unless there is more here than is shown."""
        sideways = abs(event.angleDelta().x()) > abs(event.angleDelta().y())
        bar = self.horizontalScrollBar() if sideways else self.verticalScrollBar()
        if bar.maximum() and (sideways or self.blockCount() > MAX_LINES):
            super().wheelEvent(event)
        else:
            event.ignore()


def _short(line: str) -> list[str]:
    if len(line) <= MAX_LINE:
        return [line]
    return [line[at : at + MAX_LINE] for at in range(0, len(line), MAX_LINE)]
