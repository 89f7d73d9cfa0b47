"""Saving a conversation: as Markdown to read, or as JSON with what is known of each answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QFileDialog, QWidget

from workbench.errors import WorkbenchError
from workbench.gui.background import Background, Job
from workbench.gui.language import message_of, tr

if TYPE_CHECKING:
    from workbench.chatting import Conversation

__all__ = ["ChatSaver"]

SUFFIXES = (".md", ".json")


class ChatSaver(QObject):
    """``saved`` is emitted with the path of the file, or what went wrong is told."""

    saved = Signal(str)

    def __init__(self, background: Background, tell: Callable[[Callable[[], str], str], None], parent: QWidget) -> None:
        """``tell(words, tone)`` tells the user."""
        super().__init__(parent)
        self._background = background
        self._tell = tell
        self._widget = parent

    def ask(self, conversation: Conversation) -> None:
        """Ask where, and in which format."""
        filters = {tr("Markdown (*.md)"): ".md", tr("JSON (*.json)"): ".json"}
        path, chosen = QFileDialog.getSaveFileName(
            QApplication.activeWindow() or self._widget,
            tr("Save the conversation"),
            tr("conversation") + ".md",
            ";;".join(filters),
        )
        if path:
            suffix = filters.get(chosen) or next((each for each in SUFFIXES if path.endswith(each)), ".md")
            self.save(_with_suffix(path, suffix), conversation)

    def save(self, path: Path, conversation: Conversation) -> None:
        """Write the file in the background; its suffix is the format."""

        def work(job: Job) -> None:
            from workbench.out_files import put
            from workbench.saving import json_text

            is_json = path.suffix == ".json"
            text = json_text(conversation.to_json()) if is_json else conversation.to_markdown()
            put(path, text.encode("utf-8", "replace"))

        self._background.start(work, done=lambda _: self._done(path), failed=self._failed)

    def _done(self, path: Path) -> None:
        self._tell(lambda: tr("Saved to {file}", file=path), "info")
        self.saved.emit(str(path))

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, WorkbenchError):
            raise error
        self._tell(partial(message_of, error), "danger")


def _with_suffix(path: str, suffix: str) -> Path:
    """The path with the suffix of the format, where its name was typed without one or kept that of the other. A name
    that the dialog asked nobody about is one that is free."""
    if path.endswith(suffix):
        return Path(path)
    stem = next((path.removesuffix(other) for other in SUFFIXES if path.endswith(other)), path)
    made, number = Path(stem + suffix), 2
    while made.exists():
        made, number = Path(f"{stem}-{number}{suffix}"), number + 1
    return made
