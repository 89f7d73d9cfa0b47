"""What stands in for the engine and the loudspeaker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtWidgets import QApplication, QWidget

from workbench.gui import language
from workbench.gui.views.base import Context
from workbench.results import Audio, Picture, Waveform

# Markup, an emoji beyond 16 bits, text from the right, half a character, a line end of two signs.
ODD = "<b>Ana</b> & 👩‍🚀 שלום\r\nBéla \ud800!"


class Sounds(QObject):
    """Plays nothing; remembers what it was told."""

    moved = Signal(str, float)
    stopped = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.playing: str | None = None
        self.starts: list[tuple[str, float]] = []

    def play(self, path: str, start_s: float) -> None:
        self.stop()
        self.playing = path
        self.starts.append((path, start_s))

    def stop(self) -> None:
        if self.playing is not None:
            path, self.playing = self.playing, None
            self.stopped.emit(path)


class Files:
    """Answers at once, or when the test says so."""

    def __init__(self, *, later: bool = False, duration_s: float = 40.0) -> None:
        self.asked: list[tuple[str, int]] = []
        self.kept: list[Audio] = []
        self.waiting: list[Callable[[], None]] = []
        self._later = later
        self._duration_s = duration_s

    def picture(self, path: str, max_px: int, receiver: Callable[[Picture], None]) -> None:
        self.asked.append((path, max_px))
        width, height = min(max_px, 2000), min(max_px, 2000) // 2
        self._answer(lambda: receiver(Picture(width, height, b"\x20\x90\x40" * (width * height))))

    def waveform(self, path: str, buckets: int, receiver: Callable[[Waveform], None]) -> None:
        self.asked.append((path, buckets))
        loud = np.linspace(0, 1, buckets, dtype=np.float32)
        self._answer(lambda: receiver(Waveform(self._duration_s, np.stack([-loud, loud], axis=1))))

    def keep(self, sound: Audio, receiver: Callable[[str], None]) -> None:
        self.kept.append(sound)
        self._answer(lambda: receiver(f"/kept/{len(self.kept)}.wav"))

    def answer(self) -> None:
        waiting, self.waiting = self.waiting, []
        for answer in waiting:
            answer()

    def _answer(self, answer: Callable[[], None]) -> None:
        self.waiting.append(answer)
        if not self._later:
            self.answer()


def context(value: Any, kind: str = "text", *, files: Files | None = None, sounds: Sounds | None = None) -> Context:
    files = files or Files()
    return Context(value, kind, files.picture, files.waveform, sounds or Sounds(), files.keep)


def speak(chosen: language.Language) -> None:
    """Switch the language as the app does."""
    language.set_current(chosen)
    QApplication.sendEvent(QApplication.instance(), QEvent(QEvent.Type.LanguageChange))
    QApplication.processEvents()


def settle() -> None:
    """Let layouts and what is made a little at a time come to their end."""
    for _ in range(20):
        QApplication.processEvents()


def texts_of(widget: QWidget) -> list[str]:
    """All that a widget says: its labels, and its names for screen readers."""
    parts = [widget, *widget.findChildren(QWidget)]
    said = [part.text() for part in parts if hasattr(part, "text") and callable(part.text)]
    return [text for text in (*said, *(part.accessibleName() for part in parts)) if text]
