"""The page about this machine: what was found, in order, and what mends it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from tests.gui.looks import dressed, put_theme
from workbench.doctor.diagnosis import Check, Diagnosis
from workbench.errors import EngineError
from workbench.gui.background import Background
from workbench.gui.core import Core
from workbench.gui.doctor_page import DoctorPage, _cure, commands_in

LEFT = Qt.MouseButton.LeftButton
GOOD = Check("version", "workbench", "ok", "0.1.0")
NO_CUDA = Check("provider", "cuda", "missing", "not built in", "install the app with the extra [cuda]")
TWO_WHEELS = Check(
    "onnxruntime",
    "wheel",
    "broken",
    "two wheels",
    "pip uninstall -y onnxruntime onnxruntime-gpu; then: pip install onnxruntime-gpu==1.31.0",
)
COMMANDS = "pip uninstall -y onnxruntime onnxruntime-gpu\npip install onnxruntime-gpu==1.31.0"


class Doctor:
    """Answers with ``checks``, after the gate where there is one."""

    def __init__(self) -> None:
        self.checks: tuple[Check, ...] = (GOOD, NO_CUDA, TWO_WHEELS)
        self.gate: threading.Event | None = None
        self.problem: Exception | None = None
        self.looks = 0

    def doctor(self, cancellation: Any) -> Diagnosis:
        self.looks += 1
        if self.gate:
            self.gate.wait()
        if self.problem:
            raise self.problem
        return Diagnosis(self.checks)


@pytest.fixture
def doctor() -> Doctor:
    return Doctor()


@pytest.fixture
def page(doctor: Doctor, qtbot: QtBot, qapp: QApplication, background: Background) -> Iterator[DoctorPage]:
    put_theme(qapp, dark=False)
    page = dressed(DoctorPage(cast(Core, SimpleNamespace(workbench=doctor)), background))
    qtbot.addWidget(page)
    page.resize(800, 600)
    yield page
    if doctor.gate:
        doctor.gate.set()


def look(page: DoctorPage, qtbot: QtBot) -> str:
    """Show the page and wait; all words in sight."""
    page.show()
    qtbot.waitUntil(lambda: page.diagnosis is not None and not page.groups.is_filling)
    qtbot.waitUntil(lambda: "Versions" in said(page))  # what is added is shown in the next turn
    return said(page)


def said(page: QWidget) -> str:
    return "\n".join(label.text() for label in page.findChildren(QLabel) if label.isVisible())


def test_findings_stand_in_groups_with_what_matters_first(page: DoctorPage, qtbot: QtBot) -> None:
    words = look(page, qtbot)
    assert words.index("Execution providers") < words.index("two wheels") < words.index("Versions")
    assert "CUDA" in words
    assert page.summary.text() == "Things that keep the app from its work: 1"


def test_the_summary_says_whether_anything_is_wrong(page: DoctorPage, doctor: Doctor, qtbot: QtBot) -> None:
    doctor.checks = (GOOD,)
    look(page, qtbot)
    assert page.summary.text() == "Everything works."
    doctor.checks = (GOOD, NO_CUDA)
    qtbot.mouseClick(page.refresh, LEFT)
    qtbot.waitUntil(lambda: page.summary.text().endswith("not there: 1"))


def test_the_commands_of_a_cure_are_copied_without_the_words_around(page: DoctorPage, qtbot: QtBot) -> None:
    look(page, qtbot)
    (button,) = (one for one in page.findChildren(QPushButton) if one.accessibleName().startswith("Copy: "))
    qtbot.mouseClick(button, LEFT)
    assert QGuiApplication.clipboard().text() == COMMANDS
    assert page.banner.text.startswith("Copied: ")


@pytest.mark.parametrize(
    ("cure", "commands"),
    [
        ("pip install 'wheel[cuda,cudnn]==1.31.0', or install CUDA 13", ["pip install 'wheel[cuda,cudnn]==1.31.0'"]),
        ("在终端中运行 pip install some-package，或更新驱动", ["pip install some-package"]),
        ("In a terminal: pip install some-package.", ["pip install some-package"]),
        ("install the app again", []),
    ],
)
def test_commands_are_found_in_any_sentence(cure: str, commands: list[str]) -> None:
    assert commands_in(cure) == commands


@pytest.mark.parametrize(
    ("cure", "shown"),
    [
        ("In a terminal: pip install some-package.", "In a terminal: pip install some-package"),
        ("在终端中运行 pip install some-package。", "在终端中运行 pip install some-package"),
        ("pip install some-package, or update the driver.", "pip install some-package, or update the driver."),
        ("Install the app again.", "Install the app again."),
    ],
)
def test_a_command_does_not_end_with_the_sentence(cure: str, shown: str, qtbot: QtBot) -> None:
    box = _cure(cure, print)
    qtbot.addWidget(box)
    assert [label.text() for label in box.findChildren(QLabel)] == [shown]


def test_it_looks_once_by_itself_and_again_when_asked(page: DoctorPage, doctor: Doctor, qtbot: QtBot) -> None:
    look(page, qtbot)
    page.hide()
    page.show()
    assert doctor.looks == 1
    doctor.gate = threading.Event()
    qtbot.mouseClick(page.refresh, LEFT)
    assert not page.refresh.isEnabled()
    page.look()  # another one meanwhile is the same
    doctor.gate.set()
    qtbot.waitUntil(page.refresh.isEnabled)
    assert doctor.looks == 2


def test_what_could_not_be_asked_is_told(page: DoctorPage, doctor: Doctor, qtbot: QtBot) -> None:
    doctor.problem = EngineError("engine-keeps-stopping", count=3, seconds=60, doing="looking")
    page.show()
    qtbot.waitUntil(page.banner.isVisible)
    assert "stopped 3 times" in page.banner.text
    assert page.refresh.isEnabled()


def test_the_report_is_copied_as_text(page: DoctorPage, qtbot: QtBot) -> None:
    look(page, qtbot)
    qtbot.mouseClick(page.copy, LEFT)
    text = QGuiApplication.clipboard().text()
    assert "  not there: CUDA: not built in\n    install the app with the extra [cuda]" in text
    assert "  broken: Installed wheel: two wheels" in text


def test_escape_and_the_button_lead_back(page: DoctorPage, qtbot: QtBot) -> None:
    look(page, qtbot)
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    with qtbot.waitSignal(page.closed):
        qtbot.keyClick(page, Qt.Key.Key_Escape)
    with qtbot.waitSignal(page.closed):
        qtbot.mouseClick(page.back, LEFT)
    for button in page.findChildren(QPushButton):
        assert button.accessibleName() or button.text() or not button.isVisible()
