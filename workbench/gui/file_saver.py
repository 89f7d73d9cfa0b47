"""What all that saves files has in common: the path that was meant, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QWidget

from workbench.errors import WorkbenchError
from workbench.gui.background import Background
from workbench.gui.language import message_of, tr

__all__ = ["FileSaver", "Tell", "with_suffix"]

Tell = Callable[[Callable[[], str], str], None]


class FileSaver(QObject):
    """``saved`` is emitted with the path of the file or the folder, or what went wrong is told."""

    saved = Signal(str)

    def __init__(self, background: Background, tell: Tell, parent: QWidget) -> None:
        """``tell(words, tone)`` tells the user."""
        super().__init__(parent)
        self._background = background
        self._tell = tell
        self._widget = parent

    @property
    def _asking(self) -> QWidget:
        """The window that a dialog belongs to."""
        return QApplication.activeWindow() or self._widget

    def _put(self, path: Path, text: Callable[[], str]) -> None:
        """Write what ``text`` makes in the background."""

        def work(job: object) -> None:
            from workbench.saving.files import put

            put(path, text().encode("utf-8", "replace"))

        self._background.start(work, done=lambda _: self._done(path), failed=self._failed)

    def _put_json(self, path: Path, value: Callable[[], Any]) -> None:
        def text() -> str:
            from workbench.saving.formats import json_text

            return json_text(value())

        self._put(path, text)

    def _done(self, path: Path) -> None:
        self._tell(lambda: tr("Saved to {file}", file=path), "info")
        self.saved.emit(str(path))

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, WorkbenchError):
            raise error
        self._tell(partial(message_of, error), "danger")


def with_suffix(path: str, suffix: str, others: Sequence[str] = ()) -> Path:
    """The path as it is to be, where its name was typed without a suffix or kept that of another format.

    A name that the dialog did not see, and so asked nobody about, is one that is free.
    """
    if path.endswith(suffix):
        return Path(path)
    stem = next((path.removesuffix(other) for other in sorted(others, key=len)[::-1] if path.endswith(other)), path)
    made, number = Path(stem + suffix), 2
    while made.exists():
        made, number = Path(f"{stem}-{number}{suffix}"), number + 1
    return made
