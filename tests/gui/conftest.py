"""Windows over a core of their own, with a model that runs as it is."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from tests.cli.conftest import hub_cache, tiny_repo
from tests.gui.layout_items import stale_items
from tests.gui.talker import Talker, core_of
from tests.gui.talking import Talk
from workbench.gui import language
from workbench.gui.appearance import Appearance
from workbench.gui.background import Background, hand_over_quickly
from workbench.gui.core import Core
from workbench.gui.main_window import MainWindow
from workbench.settings import Settings

__all__ = ["hub_cache", "tiny_repo"]

Open = Callable[..., MainWindow]


@pytest.fixture(scope="session", autouse=True)
def modules_are_no_garbage() -> Iterator[None]:
    """What was there before the first test is not looked through by the collection before each: modules and thousands
    of tests, a third of a second each time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def pytest_runtest_logstart() -> None:
    """As in the app, no collection deletes widgets in the thread of a job."""
    gc.disable()


def pytest_runtest_logfinish() -> None:
    """What a test left is collected here, in the GUI thread: Qt does not survive that a thread of the next test does
    it. A fixture would come too early, since pytest still holds the windows then."""
    gc.collect()
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """After each test, while its widgets are there: none of what Python knows of layouts is gone in Qt."""
    result = yield
    assert not (stale := stale_items()), f"{len(stale)} items of layouts are gone, and Python does not know"
    return result


@pytest.fixture(autouse=True)
def turns_as_in_the_app(modules_are_no_garbage: None) -> Iterator[None]:
    """The GUI thread gets its turn soon."""
    before_s = sys.getswitchinterval()
    hand_over_quickly()
    yield
    sys.setswitchinterval(before_s)


@pytest.fixture(autouse=True)
def plain_look(qapp: QApplication) -> Iterator[None]:
    """Each test begins in English and with an empty clipboard. Its widgets are gone before the next one: Qt does not
    survive that widgets of an earlier style sheet are deleted under a later one.

    Without a screen the clipboard outlives Python, and with it what a test copied: that would crash the process when
    all tests have passed."""
    yield
    language.set_current("en")
    QGuiApplication.clipboard().clear()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def background(qapp: QApplication) -> Iterator[Background]:
    made = Background()
    yield made
    made.close()


@pytest.fixture
def open_window(qtbot, qapp: QApplication) -> Iterator[Open]:  # type: ignore[no-untyped-def]
    """Opens a window as the app does; ``make_core(settings)`` may replace the core."""
    opened: list[tuple[MainWindow, Core, Background, Appearance]] = []

    def open_(make_core: Callable[[Settings], Core] = Core, *, begin: bool = True) -> MainWindow:
        settings = Settings.load()
        core, background = make_core(settings), Background()
        appearance = Appearance(qapp, settings)
        window = MainWindow(core, background, appearance, settings)
        appearance.begin()
        opened.append((window, core, background, appearance))
        qtbot.addWidget(window, before_close_func=lambda window: setattr(window, "_goes_on", lambda: ""))
        window.show()
        qtbot.waitExposed(window)
        if begin:
            window.begin()
            qtbot.waitUntil(lambda: window.library.listing is not None, timeout=20_000)
            qtbot.waitUntil(lambda: not window.library.entries or window.sidebar.selected is not None)
            qtbot.waitUntil(lambda: window.has_pages)
        return window

    yield open_
    for window, core, background, appearance in opened:
        core.close()
        background.close()
        appearance.deleteLater()
        window.deleteLater()


@pytest.fixture
def talk(open_window: Open, qtbot) -> Talk:  # type: ignore[no-untyped-def]
    """A window with two models that talk by a script."""
    made: list[Talker] = []
    window = open_window(core_of(made))
    window.activateWindow()
    qtbot.waitUntil(lambda: window.run_page.ways.chats)
    return Talk(window, made[0], qtbot)


@pytest.fixture
def window(open_window: Open, tiny_repo: Path) -> MainWindow:
    """A window with one model that is ready: the tiny text classifier."""
    return open_window()
