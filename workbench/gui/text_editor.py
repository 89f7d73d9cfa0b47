"""Where a user types or pastes a text."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, Signal
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit

__all__ = ["MAX_SHOWN", "TextEditor"]

# A text longer than this is not laid out by the editor, which would stall the window; it is run as a file.
MAX_SHOWN = 200_000


class TextEditor(QPlainTextEdit):
    """Plain text. Files and pictures that are pasted or dropped here go to ``media`` instead."""

    media = Signal(object)  # QMimeData

    def __init__(self) -> None:
        super().__init__()
        self.setAcceptDrops(False)  # what is dropped anywhere goes to the window
        self.setTabChangesFocus(True)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return source.hasText() or source.hasUrls() or source.hasImage()

    def insertFromMimeData(self, source: QMimeData) -> None:
        if source.hasUrls() or (source.hasImage() and not source.hasText()) or len(source.text()) > MAX_SHOWN:
            self.media.emit(source)
        else:
            self.insertPlainText(source.text())

    def replace(self, text: str) -> None:
        """A text in the place of what was there; undo brings that back."""
        cursor = QTextCursor(self.document())
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(text)
