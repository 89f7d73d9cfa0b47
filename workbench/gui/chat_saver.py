"""Saving a conversation: as Markdown to read, or as JSON with what is known of each answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from workbench.gui.file_saver import FileSaver, with_suffix
from workbench.gui.language import tr

if TYPE_CHECKING:
    from workbench.chatting import Conversation

__all__ = ["ChatSaver"]

SUFFIXES = (".md", ".json")


class ChatSaver(FileSaver):
    """The suffix of the file is the format."""

    def ask(self, conversation: Conversation) -> None:
        """Ask where, and in which format."""
        filters = {tr("Markdown (*.md)"): ".md", tr("JSON (*.json)"): ".json"}
        path, chosen = QFileDialog.getSaveFileName(
            self._asking, tr("Save the conversation"), tr("conversation") + ".md", ";;".join(filters)
        )
        if path:
            suffix = filters.get(chosen) or next((each for each in SUFFIXES if path.endswith(each)), ".md")
            self.save(with_suffix(path, suffix, SUFFIXES), conversation)

    def save(self, path: Path, conversation: Conversation) -> None:
        """Write the file in the background."""
        if path.suffix == ".json":
            self._put_json(path, conversation.to_json)
        else:
            self._put(path, conversation.to_markdown)
