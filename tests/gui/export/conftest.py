"""An export page over a core that only pretends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.gui.export.fakes import NAME, FakeWorkbench, Script, entry
from tests.gui.looks import dressed, put_theme
from workbench.gui import language
from workbench.gui.background import Background
from workbench.gui.core import Core
from workbench.gui.export_page import ExportPage
from workbench.gui.export_state import ExportState
from workbench.gui.exports import Exports
from workbench.gui.receipts import Receipts
from workbench.library.entries import Entry


@dataclass
class Desk:
    """All that an export needs, and what tests do with it again and again."""

    qtbot: QtBot
    workbench: FakeWorkbench
    exports: Exports
    page: ExportPage

    def show(self, shown: Entry | None = None) -> None:
        """Show a model and wait until the toolchain and the plan are known."""
        self.page.show()
        self.page.show_entry(shown or entry())
        self.qtbot.waitUntil(lambda: self.exports.toolchain_status is not None)

    def export(self, *steps: object, shown: Entry | None = None) -> ExportState:
        """Show a model and press Export; the export does these steps."""
        shown = shown or entry()
        self.workbench.scripts[shown.name] = Script(list(steps))  # type: ignore[arg-type]
        self.show(shown)
        self.qtbot.waitUntil(self.page.form.export.isEnabled)
        self.page.form.export.click()
        return self.state(shown.name)

    def state(self, name: str = NAME) -> ExportState:
        state = self.exports.state(name)
        assert state is not None
        return state

    def until(self, name: str = NAME, *, stage: str) -> None:
        self.qtbot.waitUntil(lambda: self.state(name).stage == stage)

    def until_ended(self, name: str = NAME) -> None:
        self.qtbot.waitUntil(lambda: self.state(name).outcome is not None)


@pytest.fixture(autouse=True)
def light_look(qapp: QApplication) -> Iterator[None]:
    put_theme(qapp, dark=False)
    language.set_current("en")
    yield
    language.set_current("en")


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    workbench = FakeWorkbench(tmp_path)
    background = Background()
    core = cast(Core, SimpleNamespace(workbench=workbench))
    exports = Exports(core, background)
    page = ExportPage(exports, Receipts(core, background))
    qtbot.addWidget(dressed(page))
    page.resize(640, 720)
    yield Desk(qtbot, workbench, exports, page)
    background.close()
    exports.deleteLater()
