"""Where a message is typed and sent, and an answer stopped."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from workbench.gui.chat_question import MessageEditor
from workbench.gui.language import tr
from workbench.gui.text_editor import MAX_SHOWN
from workbench.gui.widgets.basic import Banner, Button, Label, Panel, column, row
from workbench.gui.widgets.theme import SPACE, mark
from workbench.gui.widgets.thread import MAX_WIDTH_PX

__all__ = ["Composer"]


class _Editor(MessageEditor):
    paged = Signal(int)  # a key that scrolls what was said

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            self.paged.emit(event.key())
        else:
            super().keyPressEvent(event)


class Composer(Panel):
    """The box keeps the cursor, whatever is pressed."""

    send_requested = Signal(str)
    stop_requested = Signal()
    media = Signal(object)  # QMimeData that was pasted

    def __init__(self) -> None:
        super().__init__()
        self._running = False
        self.editor = _Editor()
        self.editor.sent.connect(self._send)
        self.editor.given_up.connect(self.stop_requested)
        self.editor.media.connect(self.media)
        self.editor.textChanged.connect(self._enable)
        self.button = Button(icon="send", role="primary")
        mark(self.button, tall=True)  # as high as a line of the box beside it
        self.button.clicked.connect(self._press)
        self.banner = Banner()
        self._hint = Label(tone="muted", role="small")
        box = row(self.editor, self.button, space=SPACE.small)
        box.setAlignment(self.button, Qt.AlignmentFlag.AlignBottom)
        inner = column(self.banner, space=SPACE.tight)
        inner.addLayout(box)
        inner.addWidget(self._hint)
        inner.setContentsMargins(0, SPACE.tight, 0, SPACE.small)
        self._inner = QWidget()
        self._inner.setLayout(inner)
        self._inner.setMaximumWidth(MAX_WIDTH_PX)
        around = row(space=0)
        around.addStretch(1)
        around.addWidget(self._inner, 1000)
        around.addStretch(1)
        around.setContentsMargins(SPACE.large, 0, SPACE.large, 0)
        self.setLayout(around)
        self.retranslate()

    def retranslate(self) -> None:
        self.editor.setPlaceholderText(tr("Write a message"))
        self.editor.setAccessibleName(tr("Message"))
        self._hint.setText(tr("Enter sends · Shift+Enter begins a new line · Esc stops"))
        self._show_button()

    def set_running(self, running: bool) -> None:
        """Whether an answer is being made, which the button then stops."""
        if running != self._running:
            self._running = running
            self._show_button()

    def insert(self, text: str) -> None:
        """Add a text where the cursor is; one that is too long is refused in words."""
        if len(text) > MAX_SHOWN:
            count = len(text)
            self.banner.tell(
                lambda: tr("A text of {count} characters is too long for a message.", count=f"{count:,}"),
                tone="warning",
            )
            return
        self.editor.insertPlainText(text)
        self.editor.setFocus()

    def clear(self) -> None:
        """Empty the box; undo brings the text back."""
        self.editor.replace("")
        self.banner.clear()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.editor.fit()

    def _show_button(self) -> None:
        self.button.set_icon("stop" if self._running else "send")
        self.button.describe(tr("Stop") if self._running else tr("Send"))
        self._enable()

    def _enable(self) -> None:
        self.button.setEnabled(self._running or bool(self.editor.toPlainText().strip()))

    def _press(self) -> None:
        if self._running:
            self.stop_requested.emit()
        else:
            self._send()
        self.editor.setFocus()

    def _send(self) -> None:
        if not self._running and self.editor.toPlainText().strip():
            self.send_requested.emit(self.editor.toPlainText())
