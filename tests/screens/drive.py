"""One window, driven through its steps; run by :mod:`tests.screens` with the name of the window."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

from PySide6.QtCore import QTimer

from tests.screens.driver import OUT
from tests.screens.jobs import Jobs
from tests.screens.later import Later
from tests.screens.readme import Readme
from workbench.gui import main_window, start

__all__ = ["STEPS"]

# The steps of each window, in order. The pictures of the README are made when they are asked for.
STEPS: dict[str, dict[str, Callable[[main_window.MainWindow], None]]] = {
    "whole": {
        "jobs": lambda window: Jobs(window).run(),
        "tasks": lambda window: Later(window).tasks(),
        "machine": lambda window: Later(window).machine(),
        "form": lambda window: Later(window).form(),
        "chat": lambda window: Later(window).chat(),
        "receipt": lambda window: Later(window).receipt(),
        "failing": lambda window: Later(window).failing(),
    },
    "lacking": {"lacking": lambda window: Later(window).lacking()},
    "empty": {"empty": lambda window: Later(window).empty()},
    "readme": {"readme": lambda window: Readme(window).run()},
}


ASKED = {"readme"}
FAILED: list[str] = []


class Window(main_window.MainWindow):
    def begin(self) -> None:
        super().begin()
        QTimer.singleShot(0, self.drive)

    def drive(self) -> None:
        """A step that fails leaves a picture, and the next one is tried."""
        Later(self).models()
        for name, step in chosen().items():
            try:
                step(self)
            except BaseException:
                traceback.print_exc()
                self.grab().save(str(OUT / f"failed-{name}.png"))
                FAILED.append(name)
        self.closed.emit()


def chosen() -> dict[str, Callable[[main_window.MainWindow], None]]:
    only = os.environ["SCREENS_ONLY"].split()
    return {
        name: step for name, step in STEPS[sys.argv[1]].items() if name in (only or set(STEPS[sys.argv[1]]) - ASKED)
    }


if __name__ == "__main__":
    if chosen():
        main_window.MainWindow = Window  # type: ignore[misc]
        start.run()
    sys.exit(bool(FAILED))
