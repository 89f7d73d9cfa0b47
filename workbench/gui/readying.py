"""What is made ready in idle moments, once the models are listed and the pages for them are made."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from workbench.gui.controllers import Controllers
from workbench.gui.later_pages import LaterPages

if TYPE_CHECKING:
    from workbench.gui.views.base import View

__all__ = ["Readying"]

POLISH_S = 0.004
READY_MS = 150


class Readying(QObject):
    """Has the engine, the audio process, the views and the look of all pages there before they are needed."""

    def __init__(
        self, controllers: Controllers, pages: LaterPages, window: QWidget, failed: Callable[[Exception], None]
    ) -> None:
        """``failed`` is told why the engine cannot be started."""
        super().__init__(window)
        self._controllers, self._pages, self._window = controllers, pages, window
        self._failed = failed
        self._begun = False
        self._views: Mapping[type[Any], Callable[[], View]] = {}
        self._unpolished: list[QWidget] = []
        self._polishing = QTimer(self)
        self._polishing.timeout.connect(self._polish_some)

    def begin(self) -> None:
        """Begin in a moment: sooner, it would take the processor from the first page. Only the first call does
        something."""
        if not self._begun:
            self._begun = True
            QTimer.singleShot(READY_MS, self, self._get_ready)

    def make_views(self) -> None:
        """The views that models which are ready will need, one after the other, with time for what the user does in
        between. Others are made when they are needed: each makes a change of theme longer."""
        from workbench.tasks.catalog import TASKS

        ready = (entry for entry in self._controllers.library.entries if entry.standing == "ready")
        wanted = {TASKS[task].result for entry in ready for task in entry.tasks}
        factories = [factory for cls, factory in self._views.items() if cls.__name__ in wanted]
        for number, factory in enumerate(factories):
            QTimer.singleShot(READY_MS * (number + 1), self, partial(self._pages.run.result.prepare, factory))

    def _get_ready(self) -> None:
        core, background = self._controllers.core, self._controllers.background
        self._controllers.appearance.dress_unseen()
        self._unpolished = [part for part in self._window.findChildren(QWidget) if not part.isVisible()]
        self._polishing.start()
        background.start(lambda job: core.workbench.engine.start(), failed=self._failed)
        self._controllers.microphone.look()
        QTimer.singleShot(READY_MS, self, self._pages.beside.prepare)
        # The views bring numpy along, which is long to import: no answer waits for that later.
        background.start(lambda job: importlib.import_module("workbench.gui.views.table"), done=self._keep_table)

    def _keep_table(self, table: ModuleType) -> None:
        self._views = table.VIEWS
        self.make_views()

    def _polish_some(self) -> None:
        """Style what is not shown yet, a little at a time: a page that is styled at once when it is opened would
        stall the window."""
        until = time.perf_counter() + POLISH_S
        while self._unpolished and time.perf_counter() < until:
            part = self._unpolished.pop()
            if isValid(part):  # some are made anew meanwhile
                part.ensurePolished()
        if not self._unpolished:
            self._polishing.stop()
