"""The ways to a model's receipt and to the page about this machine, and back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from tests.gui.conftest import Open
from tests.gui.heartbeat import LIMIT_S, Heartbeat, beating, freest
from tests.gui.receipts.fakes import receipt
from tests.gui.test_window import ran
from workbench.gui import language
from workbench.gui.doctor_page import DoctorPage, cure_text, finding_text
from workbench.gui.main_window import MainWindow
from workbench.gui.receipts import Judged, ReceiptState

LEFT = Qt.MouseButton.LeftButton
CJK = re.compile(r"[\u4e00-\u9fff]")


def test_this_machine_is_reached_from_the_sidebar_and_left_again(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.mouseClick(window.sidebar.machine, LEFT)
    page = window.beside.machine
    assert window.pages.currentWidget() is page
    qtbot.waitUntil(lambda: page.diagnosis is not None, timeout=60_000)
    assert any(check.name == "cpu" and check.state == "ok" for check in page.diagnosis.checks)
    language.set_current("zh_CN")
    for check in page.diagnosis.checks:
        for words in (finding_text(check), cure_text(check)):
            # Versions are figures, and the wheel and devices are told by their own names.
            assert CJK.search(words) or not words or check.area in ("version", "onnxruntime", "device"), check
    language.set_current("en")
    window.library.refresh()  # what is read beside the models stays when they are listed anew
    with qtbot.waitSignal(window.library.changed):
        pass
    assert window.pages.currentWidget() is page
    qtbot.mouseClick(page.back, LEFT)
    assert window.pages.currentWidget() is window.run_page


def test_a_click_on_the_selected_model_leads_back_to_it(window: MainWindow, qtbot: QtBot) -> None:
    window.beside.show_machine()
    view = window.sidebar.list
    place = view.visualRect(view.currentIndex()).center()
    qtbot.mouseClick(view.viewport(), LEFT, pos=QPoint(place))
    assert window.pages.currentWidget() is window.run_page


def test_the_button_of_this_machine_has_a_name_without_words(window: MainWindow, qtbot: QtBot) -> None:
    button: QPushButton = window.sidebar.machine
    window.splitter.setSizes([400, 800])
    qtbot.waitUntil(lambda: button.text() == "This machine")
    window.splitter.setSizes([220, 800])
    qtbot.waitUntil(lambda: button.text() == "")
    assert button.accessibleName() == "This machine"


def test_a_receipt_is_reached_from_the_answer_and_left_again(window: MainWindow, qtbot: QtBot) -> None:
    page = window.run_page
    assert page.entry is not None
    page.input.set_text("good")
    page.run()
    ran(window, qtbot)
    assert not page.result.where.verdict.receipt.isVisible()
    key = (page.entry.name, page.task.currentData())
    state = ReceiptState(measurable=True, judged=(Judged(receipt(rows=(receipt().rows[0],))),))
    window.receipts._of(key).state = state
    window.receipts.changed.emit(*key)
    assert page.result.where.verdict.receipt.isVisible()
    qtbot.mouseClick(page.result.where.verdict.receipt, LEFT)
    qtbot.waitUntil(lambda: window.pages.currentWidget() is window.beside.receipt)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window.beside.receipt.back, Qt.Key.Key_Escape)
    assert window.pages.currentWidget() is page
    assert [item.result for item in page.result.answers()]  # as it was left


def test_in_a_low_window_details_take_the_place_of_the_answer(window: MainWindow, qtbot: QtBot) -> None:
    result = window.run_page.result
    window.run_page.input.set_text("good")
    window.run_page.run()
    ran(window, qtbot)
    view = result.view
    assert view is not None
    result.where.details.setChecked(True)
    assert view.isVisible()
    window.resize(700, 520)
    qtbot.waitUntil(lambda: not view.isVisible())
    result.where.details.setChecked(False)
    assert view.isVisible()


def test_nothing_stalls_while_a_long_receipt_is_shown(open_window: Open, tiny_repo: Path, qtbot: QtBot) -> None:
    def showing() -> Heartbeat:
        window = open_window()
        qtbot.wait(400)  # the page is made in an idle moment
        page = window.run_page
        assert page.entry is not None
        key = (page.entry.name, page.task.currentData())
        rows = tuple(row for provider in ("cpu", "cuda", "dml") for row in _on(provider))
        window.receipts._of(key).state = ReceiptState(True, (Judged(receipt(rows=rows)),))
        with beating() as heart:
            window.beside.show_receipt(page.entry, key[1])
            qtbot.wait(100)
            window.resize(700, 600)
            qtbot.wait(100)
            window.resize(1200, 800)
            qtbot.wait(100)
        return heart

    assert freest(showing, LIMIT_S).longest_s < LIMIT_S


def _on(provider: str) -> tuple[object, ...]:
    from dataclasses import replace

    rows = receipt().rows
    return tuple(replace(rows[number % 2], precision=f"p{number}", provider=provider) for number in range(8))


@pytest.mark.parametrize("size", [(700, 600), (1200, 760)])
def test_both_pages_fit_into_a_window_of_any_size(window: MainWindow, qtbot: QtBot, size: tuple[int, int]) -> None:
    window.resize(*size)
    for page in (window.beside.receipt, window.beside.machine):
        window.pages.setCurrentWidget(page)
        qtbot.wait(50)
        assert window.width() <= size[0]


def test_who_went_to_this_machine_before_the_models_are_listed_stays_there(
    open_window: Open, tiny_repo: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DoctorPage, "look", lambda page: None)
    window = open_window(begin=False)
    qtbot.mouseClick(window.sidebar.machine, LEFT)
    window.begin()
    qtbot.waitUntil(lambda: window.sidebar.selected is not None, timeout=20_000)
    assert window.pages.currentWidget() is window.beside.machine
    qtbot.mouseClick(window.beside.machine.back, LEFT)
    assert window.pages.currentWidget() is window.run_page
