"""Pictures and outlines of sounds for the views, from the engine: the window decodes no file of a user."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.gui.background import Background, Job, Work
from workbench.gui.core import Core

if TYPE_CHECKING:
    from workbench.cancellation import Cancellation
    from workbench.results import Result

__all__ = ["FilePreviews"]


class FilePreviews:
    """Asks in the background. Of each kind only what was asked for last arrives."""

    def __init__(self, core: Core, background: Background) -> None:
        self._core = core
        self._background = background
        self._asked: dict[str, Job] = {}

    def picture(self, path: str, max_px: int, receiver: Any) -> None:
        """Give ``receiver`` the picture, at most so many pixels wide and high."""

        def work(job: Job) -> Any:
            return self._core.workbench.picture(Path(path), max_px, job.cancellation)

        self._ask("picture", work, receiver)

    def waveform(self, path: str, buckets: int, receiver: Any) -> None:
        """Give ``receiver`` the outline of a sound."""

        def work(job: Job) -> Any:
            return self._core.workbench.waveform(Path(path), buckets, job.cancellation)

        self._ask("waveform", work, receiver)

    def overlay(self, path: Path, result: Result, cancellation: Cancellation) -> bytes:
        """A picture with a result drawn over it, as PNG; takes a while."""
        return self._core.workbench.overlay(path, result, cancellation)

    def _ask(self, kind: str, work: Work, receiver: Any) -> None:
        if kind in self._asked:
            self._asked[kind].cancel()
        self._asked[kind] = self._background.start(work, done=receiver, failed=_not_shown)


def _not_shown(error: Exception) -> None:
    """A file that cannot be shown has been refused by its run already, in words."""
    if not isinstance(error, WorkbenchError):
        raise error
