"""From ``workbench`` to a window: what must be there, one window a user, and a clean end."""

from __future__ import annotations

import os
import signal
import socket
import sys
import traceback
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from workbench.gui.main_window import MainWindow

BEGIN_MS = 20

__all__ = ["problem_with_screen", "run"]

# What Qt's plugin for X needs and no wheel brings; without it Qt ends the process with many lines.
X_LIBRARIES = {"libxcb-cursor.so.0": "libxcb-cursor0", "libxkbcommon-x11.so.0": "libxkbcommon-x11-0"}


def run(words: tuple[str, ...] = ()) -> int:
    """Open the window, or raise the one that is open; the exit status once it is closed."""
    problem = problem_with_screen()
    if problem:
        print(f"workbench: {problem}; `workbench --help` lists what can be done without a window", file=sys.stderr)
        return 1
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from workbench.errors import UsageError
    from workbench.settings import Settings

    QApplication.setApplicationName("offline-ai-workbench")
    QApplication.setDesktopFileName("offline-ai-workbench")
    app = QApplication(sys.argv[:1])
    app.setStyle("Fusion")
    from workbench.gui.single import FirstWindow, raise_first

    if raise_first():
        print("the window is open already; it was asked to come forward", file=sys.stderr)
        return 0
    try:
        settings = Settings.load()
    except UsageError as error:
        print(f"workbench: {error}", file=sys.stderr)
        return _tell_and_end(app, str(error))

    from workbench.gui.appearance import Appearance
    from workbench.gui.background import Background, Collections, hand_over_quickly
    from workbench.gui.core import Core
    from workbench.gui.main_window import MainWindow

    hand_over_quickly()
    core = Core(settings)
    background, collections = Background(), Collections()
    appearance = Appearance(app, settings)
    window = MainWindow(core, background, appearance, settings)
    appearance.begin()
    app.setQuitOnLastWindowClosed(False)  # the window ends the app itself, after asking
    first = FirstWindow(app)
    first.asked.connect(window.come_forward)
    window.closed.connect(lambda: app.exit())
    _catch_bugs(window)
    wake = _quit_on_signals(app)
    window.show()
    QTimer.singleShot(BEGIN_MS, window, window.begin)  # the first paint shares the processor with nothing
    try:
        app.exec()
    finally:
        first.close()
        window.hide()
        background.cancel()  # what works for a job must not hear of its end from a process that is gone
        core.close()
        background.close()
        collections.close()
        wake.close()
    return 0


def problem_with_screen() -> str | None:
    """Why no window can be opened here, in words; None where it can."""
    try:
        import PySide6  # noqa: F401
    except ModuleNotFoundError:
        return "the window needs PySide6, which is not installed; install the app with the extra [gui]"
    except ImportError as error:
        return f"PySide6 cannot be loaded ({error}); on Debian and Ubuntu: apt install libegl1 libgl1 libxkbcommon0"
    if sys.platform != "linux" or os.environ.get("QT_QPA_PLATFORM"):
        return None
    if os.environ.get("WAYLAND_DISPLAY"):
        return None
    if not os.environ.get("DISPLAY"):
        return "there is no screen to open a window on (neither WAYLAND_DISPLAY nor DISPLAY is set)"
    import ctypes

    missing = []
    for name, package in X_LIBRARIES.items():
        try:
            ctypes.CDLL(name)
        except OSError:
            missing.append(package)
    if missing:
        return f"libraries for windows are missing; on Debian and Ubuntu: apt install {' '.join(missing)}"
    return None


def _tell_and_end(app: QApplication, text: str) -> int:
    from PySide6.QtWidgets import QMessageBox

    QMessageBox.critical(None, "Offline AI Workbench", text[:1].upper() + text[1:] + ".")
    return 1


def _catch_bugs(window: MainWindow) -> None:
    """What nobody foresaw goes to stderr, and the window says so with a report that can be copied."""
    from PySide6.QtGui import QGuiApplication

    from workbench import __version__
    from workbench.gui.language import tr

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        lines = "".join(traceback.format_exception(kind, error, trace))
        print(lines, file=sys.stderr)
        report = f"workbench {__version__}, Python {sys.version.split()[0]}, {sys.platform}\n{lines}"
        window.tell(
            lambda: tr("Something unexpected happened, which is a mistake in the app. Nothing was sent anywhere."),
            tone="danger",
            action=lambda: tr("Copy the report"),
            receiver=lambda: QGuiApplication.clipboard().setText(report),
        )

    sys.excepthook = hook


def _quit_on_signals(app: QApplication) -> socket.socket:
    """Ctrl-C and SIGTERM end the app as closing its window does, without a question. Keep what is returned."""
    from PySide6.QtCore import QSocketNotifier

    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    signal.set_wakeup_fd(theirs.fileno())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: None)
    notifier = QSocketNotifier(ours.fileno(), QSocketNotifier.Type.Read, app)

    def woken() -> None:
        if ours.recv(64):
            app.exit()  # quit() would close the window first, which asks while something goes on

    notifier.activated.connect(woken)
    app.setProperty("signals", [theirs])
    return ours
