"""Exporting a real model through the page, and stopping one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.exporting.conftest import workers
from workbench.errors import Cancelled
from workbench.exporting.report import ExportReport
from workbench.gui.background import Background
from workbench.gui.core import Core
from workbench.gui.export_page import ExportPage
from workbench.gui.exports import Exports
from workbench.gui.receipts import Receipts
from workbench.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.toolchain, pytest.mark.real_model]

NAME = "sentence-transformers/all-MiniLM-L6-v2"
EXPORT_MS = 300_000
CANCEL_MS = 10_000


@pytest.fixture
def core(toolchain_python: Path, real_hub: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Core]:
    monkeypatch.setenv("WORKBENCH_TOOLCHAIN_PYTHON", str(toolchain_python))
    monkeypatch.setenv("HF_HUB_CACHE", str(real_hub))
    core = Core(Settings.load())
    yield core
    core.close()


@pytest.fixture
def background(qtbot: QtBot) -> Iterator[Background]:
    background = Background()
    yield background
    background.close()


@pytest.fixture
def exports(core: Core, background: Background) -> Iterator[Exports]:
    exports = Exports(core, background)
    yield exports
    exports.deleteLater()


@pytest.fixture
def page(core: Core, exports: Exports, background: Background, qtbot: QtBot) -> ExportPage:
    """The page with MiniLM, ready for Export."""
    page = ExportPage(exports, Receipts(core, background))
    qtbot.addWidget(page)
    page.show()
    page.show_entry(next(entry for entry in core.workbench.entries().entries if entry.name == NAME))
    qtbot.waitUntil(page.form.export.isEnabled, timeout=60_000)
    return page


def test_a_real_export(page: ExportPage, core: Core, exports: Exports, qtbot: QtBot) -> None:
    stages = []
    exports.changed.connect(lambda name: stages.append(getattr(exports.state(name), "stage", "")))
    with qtbot.waitSignal(exports.finished, timeout=EXPORT_MS):
        qtbot.mouseClick(page.form.export, Qt.MouseButton.LeftButton)
    state = exports.state(NAME)
    assert state is not None
    assert isinstance(state.outcome, ExportReport)
    assert [variant.precision for variant in state.outcome.variants] == ["fp32", "int8"]
    assert page.result.isVisible()
    assert {"load", "export", "verify"} <= set(stages)
    assert state.log_path is not None
    assert state.log_path.is_file()
    made = next(entry for entry in core.workbench.entries().entries if entry.name == NAME)
    assert made.standing == "ready"
    page.show_entry(made)
    assert page.form.precisions == ()


def test_a_real_export_that_is_cancelled_leaves_nothing(
    page: ExportPage, core: Core, exports: Exports, qtbot: QtBot
) -> None:
    qtbot.mouseClick(page.form.export, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: getattr(exports.state(NAME), "stage", "") == "export", timeout=EXPORT_MS)
    assert workers()
    with qtbot.waitSignal(exports.finished, timeout=CANCEL_MS):
        qtbot.mouseClick(page.run.cancel, Qt.MouseButton.LeftButton)
    state = exports.state(NAME)
    assert state is not None
    assert isinstance(state.outcome, Cancelled)
    assert page.form.isVisible()
    assert workers() == []
    folder = core.workbench.settings.artifacts_folder
    assert [path for path in folder.rglob("*") if path.is_dir() and path.name != ".staging"] == []
    assert core.workbench.artifacts().artifacts == ()
