"""The models there are, for the window: listed in the background, again when something changed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from workbench.errors import WorkbenchError
from workbench.gui.background import Background
from workbench.gui.core import Core

if TYPE_CHECKING:
    from workbench.library.entries import Entry, Listing

__all__ = ["Library"]


class Library(QObject):
    """``listing`` is None until it was read for the first time."""

    changed = Signal()
    failed = Signal(object)  # WorkbenchError

    def __init__(self, core: Core, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._core = core
        self._background = background
        self.listing: Listing | None = None
        self._reading = False
        self._again = False
        self.read_at_s = 0.0  # by time.monotonic

    @property
    def entries(self) -> tuple[Entry, ...]:
        return self.listing.entries if self.listing else ()

    def entry(self, name: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.name == name), None)

    def refresh(self) -> None:
        """List again; a wish that comes while a listing is being made is served after it."""
        if self._reading:
            self._again = True
            return
        self._reading = True
        self._background.start(
            lambda job: self._core.workbench.entries(),
            done=self._read,
            failed=self._could_not,
            cancelled=self._next,
        )

    def add_folder(self, folder: str) -> None:
        """Look for models in this folder from now on."""

        def work(job: object) -> None:
            workbench = self._core.workbench
            folders = [str(path) for path in workbench.settings.model_folders]
            if folder not in folders:
                import json

                workbench.change_setting("model_folders", json.dumps([*folders, folder]))

        self._background.start(work, done=lambda _: self.refresh(), failed=self._tell, lane="settings")

    def first_ready(self, task_input: str) -> Entry | None:
        """The first model that runs now and takes this kind of input; rather one that needs nothing besides."""
        from workbench.tasks.catalog import TASKS

        def needs_more(entry: Entry) -> bool:
            task = TASKS[entry.tasks[0]]
            return task.input == "fields" and not task.gathers

        fitting = (entry for entry in self.entries if entry.standing == "ready" and entry.modality == task_input)
        return min(fitting, key=needs_more, default=None)

    def _read(self, listing: Listing) -> None:
        self.listing = listing
        self.read_at_s = time.monotonic()
        self.changed.emit()
        self._next()

    def _could_not(self, error: Exception) -> None:
        self._next()
        self._tell(error)

    def _tell(self, error: Exception) -> None:
        if not isinstance(error, WorkbenchError):
            raise error
        self.failed.emit(error)

    def _next(self) -> None:
        self._reading = False
        if self._again:
            self._again = False
            self.refresh()
