"""The pages that nobody sees while the window appears: made after that, a part with each turn of Qt's loop.

Their modules are imported here and nowhere before the window is shown; that and making them would be half of a start.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QScrollArea, QStackedWidget, QWidget

from workbench.gui.controllers import Controllers

if TYPE_CHECKING:
    from workbench.gui.export_page import ExportPage
    from workbench.gui.run_page import RunPage
    from workbench.gui.side_pages import SidePages

__all__ = ["LaterPages"]

PREPARE_MS = 20
MODULES = ("run_page", "export_page", "side_pages")


class LaterPages(QObject):
    """``run``, ``export`` and ``beside`` are made by :meth:`prepare`, or at once by the first who asks before."""

    made = Signal()

    def __init__(self, pages: QStackedWidget, controllers: Controllers, provider: str) -> None:
        super().__init__(pages)
        self._pages = pages
        self._controllers = controllers
        self._provider = provider
        self._steps = self._make()
        self._run: RunPage | None = None
        self._export: ExportPage | None = None
        self._beside: SidePages | None = None
        self.are_made = False
        self._prepared = False
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._go_on)

    @property
    def run(self) -> RunPage:
        self._finish()
        assert self._run
        return self._run

    @property
    def export(self) -> ExportPage:
        self._finish()
        assert self._export
        return self._export

    @property
    def beside(self) -> SidePages:
        self._finish()
        assert self._beside
        return self._beside

    def prepare(self) -> None:
        """Import the modules in the background, then make the pages; ``made`` tells when they are there. Only the first
        call does something."""
        if not self._prepared:
            self._prepared = True
            QTimer.singleShot(PREPARE_MS, self, self._import)  # what is to be seen now is painted first

    def _import(self) -> None:
        def work(job: object) -> None:
            for name in MODULES:
                importlib.import_module(f"workbench.gui.{name}")

        self._controllers.background.start(work, done=lambda _: self._timer.start())

    def _finish(self) -> None:
        while not self.are_made:
            self._go_on()

    def _go_on(self) -> None:
        if next(self._steps, self) is self:
            self._timer.stop()
            if not self.are_made:
                self.are_made = True
                self.made.emit()

    def _make(self) -> Iterator[None]:
        """Each step takes one or two hundredths of a second."""
        from workbench.gui.chat_panel import ChatPanel
        from workbench.gui.export_page import ExportPage
        from workbench.gui.input_panel import InputPanel
        from workbench.gui.run_page import RunPage
        from workbench.gui.side_pages import SidePages

        at = self._controllers
        # When Python meets the first widget that Qt has made by itself, it makes classes for all kinds of widgets.
        QScrollArea().viewport()
        yield
        given = InputPanel(at.microphone)
        yield
        chat = ChatPanel(at.core, at.background, lambda said, params: self.run.chat_order(said, params))
        yield
        self._run = RunPage(at.core, at.background, given, chat, at.receipts, self._provider)
        self._take(self._run, *self._run.parts)
        yield
        self._export = ExportPage(at.exports, at.receipts)
        self._take(self._export, *self._export.parts)
        self._beside = SidePages(self._pages, at)
        yield

    def _take(self, page: QWidget, *parts: QWidget) -> None:
        self._pages.addWidget(page)
        self._controllers.appearance.dress(*parts)
