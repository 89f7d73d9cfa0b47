"""The window's hold on the core."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from workbench.settings import Settings

if TYPE_CHECKING:
    from workbench.api import Workbench

__all__ = ["Core"]


def _open(settings: Settings) -> Workbench:
    from workbench.api import Workbench

    return Workbench(settings)


class Core:
    """The :class:`~workbench.api.Workbench`, opened by the first job that asks for it.

    Importing and opening it takes a while, so that is no GUI thread's to do: ``workbench`` is for threads of jobs.
    """

    def __init__(self, settings: Settings, open_: Callable[[Settings], Workbench] = _open) -> None:
        self._settings = settings
        self._open = open_
        self._lock = threading.Lock()
        self._workbench: Workbench | None = None
        self._closed = False

    @property
    def workbench(self) -> Workbench:
        """Raises Cancelled after :meth:`close`."""
        with self._lock:
            if self._closed:
                from workbench.errors import Cancelled

                raise Cancelled
            if self._workbench is None:
                self._workbench = self._open(self._settings)
            return self._workbench

    @property
    def engine_pid(self) -> int | None:
        """The process id of the engine; None where there is none."""
        return self._workbench.engine.pid if self._workbench else None

    def close(self) -> None:
        """End the engine and the audio process; takes up to some seconds where they are busy."""
        with self._lock:
            self._closed = True
            workbench, self._workbench = self._workbench, None
        if workbench:
            workbench.close()
