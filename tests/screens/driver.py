"""Real events for a real window, and pictures of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QPushButton

from workbench.gui.main_window import MainWindow

__all__ = ["LEFT", "LOOKS", "TESTDATA", "Driver"]

OUT = Path(os.environ["SCREENS_OUT"])
TESTDATA = Path(os.environ["SCREENS_TESTDATA"])
LEFT = Qt.MouseButton.LeftButton
Looks = tuple[tuple[str, str], ...]
LOOKS: Looks = (("en", "light"), ("en", "dark"), ("zh_CN", "light"), ("zh_CN", "dark"))
NARROW_PX = (700, 600)


class Driver:
    """Does what a user does; each wait is for what the user would see."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.page = window.run_page

    def wait(self, what: str, seen: Callable[[], Any], timeout_s: float = 1800) -> None:
        began = time.monotonic()
        while not seen():
            if time.monotonic() - began > timeout_s:
                self.shot(f"stuck-{what}")
                raise TimeoutError(f"{what}: not after {timeout_s:.0f} s")
            QTest.qWait(20)
        print(f"{what}: {time.monotonic() - began:.1f} s", flush=True)

    def shot(
        self, name: str, looks: Looks = LOOKS, *, narrow: bool = False, first: Callable[[], None] | None = None
    ) -> None:
        """Pictures of the window in these languages and themes, and ``narrow`` in a small one as well; in the end it
        looks as before. ``first`` is done before each, for what a change of the language undoes."""
        self._first = first or (lambda: None)
        self._shoot(name, looks)
        if narrow:
            size = self.window.size()
            self.window.resize(*NARROW_PX)
            self.settle()
            self._shoot(f"{name}-narrow", (LOOKS[0], LOOKS[3]))
            self.window.resize(size)
            QTest.qWait(100)

    def _shoot(self, name: str, looks: Looks) -> None:
        wanted = list(looks)
        for language, theme in (*looks, ("en", "light")):
            self.window.appearance.set_language(language)
            self.window.appearance.set_theme(theme)
            self.settle()
            if (language, theme) in wanted:
                wanted.remove((language, theme))
                self._first()
                self.window.grab().save(str(OUT / f"{name}-{language}-{theme}.png"))

    def settle(self) -> None:
        """Wait until the new texts and colours are there: widgets that a change makes anew are shown by events behind
        its own, some parts are made a few milliseconds at a time, and all of it waits where others use the machine."""
        QTest.qWait(100)
        for _ in range(3):
            passed: list[bool] = []
            QTimer.singleShot(0, partial(passed.append, True))
            while not passed:
                QTest.qWait(10)
        QTest.qWait(100)

    def click(self, button: QAbstractButton) -> None:
        QTest.mouseClick(button, LEFT)

    def button(self, text: str) -> QPushButton:
        """A visible button by its text."""
        for button in self.window.findChildren(QPushButton):
            if button.isVisible() and button.text() == text:
                return button
        raise LookupError(text)

    def drop(self, path: Path) -> None:
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path))])
        place, keys = QPoint(700, 400), Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(self.window, QDragEnterEvent(place, Qt.DropAction.CopyAction, mime, LEFT, keys))
        QApplication.sendEvent(self.window, QDropEvent(QPointF(place), Qt.DropAction.CopyAction, mime, LEFT, keys))

    def models(self) -> None:
        self.wait("the models", lambda: self.window.library.listing)

    def name_of(self, ending: str) -> str:
        """The name of the model that ends so."""
        return next(entry.name for entry in self.window.library.entries if entry.name.endswith(ending))

    def choose(self, name: str) -> None:
        """Show a model that is ready, or has been exported."""
        self.window.sidebar.want(None)
        self.window.sidebar.select(name)
        self.wait(f"the page of {name}", lambda: self.page.isVisible() and self.page.entry.name == name)
        QTest.qWait(300)

    def answer(self, what: str, kind: type) -> Any:
        page = self.page
        self.wait(what, lambda: not page.runs.running and page.result.answers())
        (report,) = page.result.answers()
        if not isinstance(report.result, kind):
            raise AssertionError(f"{what}: {report}")
        QTest.qWait(500)  # previews and outlines arrive
        return report.result

    def export_form(self, name: str) -> None:
        """The form for an export of a model that has none."""
        self.window.sidebar.want(None)
        self.window.sidebar.select(name)
        page = self.window.export_page

        def offered() -> bool:
            buttons = page.findChildren(QPushButton)
            return any(one.isVisible() and one.isEnabled() and one.text() == "Export" for one in buttons)

        self.wait(f"the form of {name}", offered)

    def export(self, name: str, *, shots: bool = False) -> None:
        entry = self.window.library.entry(name)
        if entry and entry.standing == "ready":  # from an earlier time
            self.choose(name)
            return
        page = self.window.export_page
        self.export_form(name)
        if shots:
            self.shot("export-form", narrow=True)
        self.click(self.button("Export"))
        if shots:
            self.wait("the stage 'export'", lambda: (s := self.window.exports.state(name)) and s.stage == "export")
            self.shot("export-running", narrow=True)
        self.wait(f"the export of {name}", lambda: (s := self.window.exports.state(name)) and s.outcome is not None)
        self.wait(f"{name} to be ready", lambda: (e := self.window.library.entry(name)) and e.standing == "ready")
        if shots:
            QTest.qWait(500)
            self.shot("export-done", narrow=True)
        if self.window.pages.currentWidget() is page:  # else something waited for it and runs already
            self.click(self.button("Use it now"))
        self.wait(f"{name} to be shown", lambda: (e := self.page.entry) and e.name == name)
