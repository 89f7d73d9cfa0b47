"""The page of receipts: what is there, measuring, stopping, failing, taking along."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QPushButton, QWidget

from tests.gui.receipts.conftest import Desk
from tests.gui.receipts.fakes import NAME, TASK, entry, receipt
from workbench.errors import InputError, ModelError, Notice
from workbench.gui import language
from workbench.gui.widgets.redone import Redone
from workbench.receipts.files import parse_receipt

LEFT = Qt.MouseButton.LeftButton
OLDER = "2026-11-20T09:00:00+00:00"


def words(part: QWidget) -> str:
    """All words in sight, once all is there."""
    while any(one.is_filling for one in part.findChildren(Redone)):
        QApplication.processEvents()
    QApplication.processEvents()  # what is added is shown in the next turn
    return "\n".join(label.text() for label in part.findChildren(QLabel) if label.isVisible())


def show(desk: Desk) -> None:
    desk.page.show_model(entry(), TASK)
    desk.qtbot.waitUntil(lambda: desk.receipts.state(NAME, TASK).measurable is not None)


def test_a_receipt_from_the_verdict_to_the_small_print(desk: Desk) -> None:
    desk.workbench.stored = [receipt()]
    show(desk)
    said = words(desk.page)
    assert "int8: 2.0× faster, 3.9× smaller, mean cosine 0.9921, recommended." in said
    assert said.index("recommended") < said.index("fp32: mean cosine 1.0000.")
    assert "Compared with the original’s answers to 26 built-in samples." in said
    assert "Some processor" in said
    assert "avx512_vnni" in said
    assert "model at e8f90b98" in said
    assert desk.page.view.chart.count == 2
    assert not desk.page.offer.isVisible()


def test_a_row_that_failed_says_why_in_its_place(desk: Desk) -> None:
    desk.workbench.stored = [receipt(failed=True)]
    show(desk)
    assert "There is no provider 'CUDA'; known: cpu." in words(desk.page.view.table)
    assert "int8 on CUDA could not be measured" in words(desk.page.view)


def test_the_worst_samples_are_shown_as_plain_text(desk: Desk) -> None:
    desk.workbench.stored = [receipt()]
    show(desk)
    said = words(desk.page.view.worst)
    assert "The train was <b>late</b>." in said
    assert "Sample 4 · cosine 0.9712" in said
    assert "The same." not in said
    assert said.index("The train") < said.index("She bakes")


def test_the_table_becomes_blocks_where_it_is_narrow(desk: Desk) -> None:
    desk.workbench.stored = [receipt()]
    show(desk)
    desk.qtbot.waitUntil(lambda: desk.page.view.table.is_table)
    desk.page.resize(480, 700)
    desk.qtbot.waitUntil(lambda: not desk.page.view.table.is_table)
    assert "320 a second · 2.0× faster than fp32" in words(desk.page.view.table)
    assert desk.page.view.width() <= 480


def test_without_a_receipt_one_is_offered_and_measured(desk: Desk) -> None:
    gate = threading.Event()
    step = {"stage": "time", "precision": "int8", "provider": "cpu", "done": 3, "total": 26, "unit": "samples"}
    desk.workbench.script = [step, gate]
    show(desk)
    assert desk.page.offer.isVisible()
    desk.qtbot.mouseClick(desk.page.offer.measure, LEFT)
    desk.qtbot.waitUntil(lambda: desk.receipts.state(NAME, TASK).progress.done == 3)
    assert "Timing int8 on CPU" in words(desk.page.progress)
    assert "3 of 26" in words(desk.page.progress)
    assert not desk.page.offer.isVisible()
    gate.set()
    desk.qtbot.waitUntil(lambda: not desk.receipts.measuring)
    assert not desk.page.progress.isVisible()
    assert desk.page.view.isVisible()
    assert desk.workbench.samples == [None]


def test_a_measurement_is_stopped_by_its_button_and_by_the_keyboard(desk: Desk) -> None:
    for stop in (
        lambda: desk.qtbot.mouseClick(desk.page.progress.cancel, LEFT),
        lambda: desk.qtbot.keyClick(desk.page, Qt.Key.Key_Escape),
    ):
        desk.workbench.script = [threading.Event()]
        show(desk)
        desk.page.activateWindow()
        desk.page.measure()
        desk.qtbot.waitUntil(lambda: desk.receipts.state(NAME, TASK).started_at > 0)
        stop()
        desk.qtbot.waitUntil(lambda: not desk.receipts.measuring)
        assert desk.page.offer.isVisible()
        assert not desk.page.banner.isVisible()


def test_a_measurement_that_fails_says_why_and_can_be_tried_again(desk: Desk) -> None:
    desk.workbench.script = [InputError("input-not-found", file="speech.wav")]
    show(desk)
    desk.page.measure()
    desk.qtbot.waitUntil(lambda: not desk.receipts.measuring)
    assert desk.page.banner.text == "There is no file speech.wav."
    assert desk.page.offer.isVisible()
    desk.workbench.script = []
    desk.qtbot.mouseClick(desk.page.offer.measure, LEFT)
    desk.qtbot.waitUntil(lambda: desk.page.view.isVisible())
    assert not desk.page.banner.isVisible()


def test_measurements_wait_for_each_other(desk: Desk) -> None:
    gate = threading.Event()
    desk.workbench.script = [gate]
    show(desk)
    desk.page.measure()
    desk.page.show_model(entry("other/model"), TASK)
    desk.page.measure()
    assert desk.receipts.state("other/model", TASK).waiting
    assert "Waits until" in words(desk.page.progress)
    gate.set()
    desk.qtbot.waitUntil(lambda: not desk.receipts.measuring)
    assert len(desk.workbench.stored) == 2


def test_a_model_that_cannot_be_measured_gets_no_button(desk: Desk) -> None:
    desk.workbench.problem = ModelError("run-needs-export", folder="/hub/model")
    show(desk)
    assert "There is no receipt for this model" in words(desk.page.offer)
    assert not desk.page.offer.measure.isVisible()


def test_the_newest_is_shown_and_earlier_ones_can_be_chosen(desk: Desk) -> None:
    old = receipt(created=OLDER, recommended="fp32")
    desk.workbench.stored = [receipt(), old]
    show(desk)
    assert desk.page.view.judged is not None
    assert desk.page.view.judged.receipt.created != OLDER
    desk.page.earlier.setCurrentIndex(1)
    desk.page.earlier.activated.emit(1)
    assert desk.page.view.judged.receipt == old
    desk.workbench.script = [receipt(created="2026-11-30T08:00:00+00:00")]
    desk.page.measure()
    desk.qtbot.waitUntil(lambda: not desk.receipts.measuring)
    assert desk.page.view.judged.receipt.created == "2026-11-30T08:00:00+00:00"  # it was measured just now


def test_one_that_could_not_be_kept_is_shown_all_the_same(desk: Desk) -> None:
    desk.workbench.kept = False
    show(desk)
    desk.page.measure()
    desk.qtbot.waitUntil(lambda: desk.page.view.isVisible())


def test_what_cannot_be_read_is_told(desk: Desk) -> None:
    desk.workbench.warnings = (Notice.of("receipt-newer", file="a.json", schema=9, known=1),)
    show(desk)
    assert "a.json" in desk.page.banner.text


def test_it_is_copied_as_text(desk: Desk) -> None:
    desk.workbench.stored = [receipt(failed=True)]
    show(desk)
    desk.qtbot.mouseClick(desk.page.copy, LEFT)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0] == f"{NAME} · {TASK}"
    assert any(line.startswith("int8 · CPU: 23.1 MB · cosine 0.9921 (0.9901 to 0.9931), 2 of 26") for line in lines)
    assert any(line.startswith("int8 · CUDA: 23.1 MB · There is no provider") for line in lines)


def test_it_is_saved_as_the_file_it_is(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.workbench.stored = [receipt()]
    show(desk)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(tmp_path / "kept"), ""))
    path = tmp_path / "kept.json"
    desk.qtbot.mouseClick(desk.page.save, LEFT)
    desk.qtbot.waitUntil(lambda: "Saved to" in desk.page.banner.text)
    assert parse_receipt(json.loads(path.read_text("utf-8")), path) == receipt()


def test_a_folder_of_samples_is_read_for_the_task(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.txt").write_text("A train.", "utf-8")
    show(desk)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a, **k: str(tmp_path))
    menu = desk.page.samples_menu()
    menu.actions()[1].trigger()
    desk.qtbot.waitUntil(lambda: not desk.receipts.measuring)
    (found,) = desk.workbench.samples
    assert list(found.samples) == ["A train."]


def test_samples_for_another_task_are_refused_in_words(desk: Desk, tmp_path: Path) -> None:
    show(desk)
    desk.page.measure(tmp_path)  # an empty folder
    desk.qtbot.waitUntil(lambda: not desk.receipts.measuring)
    assert desk.page.banner.text
    assert desk.workbench.samples == []


def test_the_language_can_change_at_any_time(desk: Desk) -> None:
    desk.workbench.stored = [receipt(failed=True)]
    show(desk)
    language.set_current("zh_CN")
    QApplication.sendEvent(desk.page, QEvent(QEvent.Type.LanguageChange))
    for part in desk.page.findChildren(QWidget):
        QApplication.sendEvent(part, QEvent(QEvent.Type.LanguageChange))
    said = words(desk.page)
    assert "测量结果" in said
    assert "What was measured" not in said
    assert "与原模型在 26 个内置样本上的结果对照。" in said


def test_every_control_has_a_name_and_takes_the_keyboard(desk: Desk) -> None:
    desk.workbench.stored = [receipt(), receipt(created=OLDER)]
    desk.page.resize(480, 700)  # where buttons show their icons alone
    show(desk)
    for button in desk.page.findChildren(QPushButton):
        if button.isVisible():
            assert button.accessibleName() or button.text()
            assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
    assert desk.page.view.chart.accessibleName()
    assert "int8" in desk.page.view.chart.accessibleDescription()
    with desk.qtbot.waitSignal(desk.page.closed):
        desk.qtbot.mouseClick(desk.page.back, LEFT)
