"""Playing sound files, for the window: one at a time, through the engine and the audio process."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from workbench.gui.background import Background, Job
from workbench.gui.core import Core

__all__ = ["Sounds"]


class Sounds(QObject):
    """See :class:`workbench.gui.views.base.Sounds`, whose shape this has."""

    moved = Signal(str, float)
    stopped = Signal(str)
    failed = Signal(object)  # Exception

    def __init__(self, core: Core, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._core = core
        self._background = background
        self._job: Job | None = None
        self._path: str | None = None

    @property
    def playing(self) -> str | None:
        return self._path

    def play(self, path: str, start_s: float) -> None:
        """Play from ``start_s``; what played before stops."""
        self.stop()
        holder: list[Job] = []

        def moved(seconds: float) -> None:
            if holder and self._job is holder[0]:
                self.moved.emit(path, seconds)

        def ended(error: Exception | None = None) -> None:
            if holder and self._job is holder[0]:
                self._job = self._path = None
                self.stopped.emit(path)
            if error is not None:
                self.failed.emit(error)

        def work(job: Job) -> None:
            self._core.workbench.play(
                Path(path), start_s, lambda seconds: job.tell(moved, seconds), cancellation=job.cancellation
            )

        job = self._background.start(work, done=lambda _: ended(), failed=ended, cancelled=ended)
        holder.append(job)
        self._job, self._path = job, path

    def stop(self) -> None:
        """Silence, at once for the window; ``stopped`` is emitted before this returns."""
        if self._job:
            path, job = self._path, self._job
            self._job = self._path = None
            job.cancel()
            self.stopped.emit(path)
