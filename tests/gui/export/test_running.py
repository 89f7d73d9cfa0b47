"""An export from Export to its end, as its page shows it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QApplication, QLabel

from tests.gui.export.conftest import Desk
from tests.gui.export.fakes import MISSING, NAME, Script, entry, report
from tests.gui.looks import put_theme
from tests.gui.receipts.fakes import receipt
from workbench.errors import Cancelled, ExportError, ToolchainError
from workbench.exporting.spec import LogLine, Progress, StageStarted
from workbench.gui import language
from workbench.gui.export_state import LOG_LINES, Log
from workbench.gui.receipt_words import agreement_number, agreement_words
from workbench.receipts.closeness import closeness
from workbench.units import clock

OTHER = "openai/whisper-tiny.en"
STAGES = (StageStarted("stage", 0.0), StageStarted("load", 0.25), StageStarted("reference", 3.25))


def texts(desk: Desk) -> list[str]:
    return [label.text() for label in desk.page.findChildren(QLabel) if label.isVisibleTo(desk.page)]


def test_the_stages_their_times_and_the_progress_are_shown(desk: Desk) -> None:
    gate = threading.Event()
    desk.export(*STAGES, StageStarted("verify", 9.0), Progress("verify", 13, 26, "samples"), gate)
    desk.qtbot.waitUntil(lambda: desk.state().progress[0] == 13)
    rows = desk.page.run.rows
    desk.qtbot.waitUntil(lambda: rows["verify"].detail.text() == "13 of 26 samples")
    assert desk.page.run.isVisible()
    assert not desk.page.form.isVisible()
    assert rows["stage"].detail.text() == "0.2 s"
    assert rows["load"].detail.text() == "3.0 s"
    assert rows["verify"].text.text() == "Comparing with the original"
    assert rows["verify"].text.accessibleName() == "Comparing with the original, in progress, 13 of 26 samples"
    assert rows["verify"].bar.value() * 2 == rows["verify"].bar.maximum()
    # What was passed over is not needed, what is to come has nothing to say yet.
    assert rows["export"].detail.text() == "not needed"
    assert rows["publish"].detail.text() == ""
    assert not rows["publish"].bar.isVisible()
    gate.set()
    desk.until_ended()


def test_a_stage_of_unknown_length_has_a_bar_without_an_end(desk: Desk) -> None:
    gate = threading.Event()
    desk.export(*STAGES, gate)
    bar = desk.page.run.rows["reference"].bar
    desk.qtbot.waitUntil(bar.isVisible)
    assert (bar.minimum(), bar.maximum()) == (0, 0)
    desk.page.run.cancel.click()
    desk.until_ended()
    assert bar.maximum() > 0


def test_the_time_goes_on_while_nothing_is_told(desk: Desk) -> None:
    gate = threading.Event()
    desk.export(StageStarted("stage", 0.0), gate)
    desk.until(stage="stage")
    state = desk.state()
    assert state.started_at is not None
    state.started_at -= 75
    desk.qtbot.waitUntil(lambda: desk.page.run.elapsed.text().startswith("1:1"))
    gate.set()
    desk.until_ended()
    elapsed_s = state.elapsed_s
    assert elapsed_s >= 75
    assert state.elapsed_s == elapsed_s


@pytest.mark.parametrize(("seconds", "text"), [(0.9, "0:00"), (75, "1:15"), (3725, "1:02:05")])
def test_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_a_long_log_keeps_its_end_and_stalls_nothing(desk: Desk) -> None:
    changes = []
    desk.exports.changed.connect(changes.append)
    count = 20_000
    began = time.monotonic()
    desk.export(StageStarted("load", 0.0), *(LogLine(f"line {number}") for number in range(count)))
    desk.until_ended()
    ticks = (time.monotonic() - began) * 10
    assert desk.state().log.count == count
    assert list(desk.state().log.lines) == [f"line {number}" for number in range(count - LOG_LINES, count)]
    assert len(changes) <= ticks + 3  # the start and the end besides


def test_the_log_opens_follows_its_end_and_is_bounded(desk: Desk) -> None:
    gates = [threading.Event(), threading.Event()]
    lines = [LogLine(f"line {number}") for number in range(LOG_LINES + 500)]
    desk.export(*STAGES, *lines[:100], gates[0], *lines[100:], gates[1])
    log = desk.page.run.log
    desk.qtbot.waitUntil(lambda: desk.state().log.count == 100)
    assert not log.isVisible()
    assert log.toggle.text() == "Show log"
    log.toggle.click()
    assert log.isVisible()
    assert log.toggle.text() == "Hide log"
    assert log.text.toPlainText().splitlines() == [f"line {number}" for number in range(100)]
    bar = log.text.verticalScrollBar()
    assert bar.value() == bar.maximum()
    bar.setValue(0)  # who reads further up is left alone
    gates[0].set()
    desk.qtbot.waitUntil(lambda: log.text.toPlainText().endswith(f"line {len(lines) - 1}"))
    assert log.text.document().blockCount() == LOG_LINES
    assert bar.value() < bar.maximum()
    assert log.text.isReadOnly()
    gates[1].set()
    desk.until_ended()


def test_a_log_knows_what_was_missed() -> None:
    log = Log()
    for number in range(LOG_LINES + 2):
        log.add(str(number))
    assert log.since(LOG_LINES) == [str(LOG_LINES), str(LOG_LINES + 1)]
    assert len(log.since(0)) == LOG_LINES
    assert log.since(log.count) == []


def test_cancel_goes_back_to_the_form_with_a_note(desk: Desk) -> None:
    gate = threading.Event()
    desk.export(*STAGES, gate)
    desk.until(stage="reference")
    with desk.qtbot.waitSignal(desk.exports.finished) as finished:
        desk.page.run.cancel.click()
        assert desk.page.run.cancel.text() == "Stopping…"
        assert not desk.page.run.cancel.isEnabled()
        desk.page.run.cancel.click()
    assert finished.args == [NAME]
    assert isinstance(desk.state().outcome, Cancelled)
    assert desk.exports.running() == ()
    assert desk.page.form.isVisible()
    assert desk.page.note.text == "The export was stopped. Nothing of it was kept."
    desk.qtbot.waitUntil(desk.page.form.export.isEnabled)


def test_a_failure_is_told_and_can_be_tried_again_as_it_was(desk: Desk) -> None:
    error = ExportError("export-out-of-memory", stage="export")
    desk.export(*STAGES, LogLine("the last words"), error)
    desk.until_ended()
    failure = desk.page.failure
    assert failure.isVisible()
    assert failure.banner.text.startswith("There was not enough memory during the stage")
    failure.log.toggle.click()
    assert failure.log.text.toPlainText() == "the last words"
    assert any(text.startswith("The whole log: ") for text in texts(desk))
    failure.retry.click()
    desk.until_ended()
    assert desk.page.result.isVisible()
    first, second = desk.workbench.said("export")
    assert first == second


def test_after_a_failure_other_choices_can_be_made(desk: Desk) -> None:
    desk.export(ExportError("export-quantize-convolutions", precision="int8", percent=93))
    desk.until_ended()
    desk.page.failure.back.click()
    assert desk.page.form.isVisible()
    assert desk.page.form.precisions == ("fp32", "int8")
    assert desk.exports.state(NAME) is None


def test_a_bug_ends_the_export_and_is_told_as_one(desk: Desk) -> None:
    with desk.qtbot.captureExceptions() as caught:
        desk.export(*STAGES, ZeroDivisionError("by zero"))
        desk.until_ended()
        desk.qtbot.waitUntil(lambda: len(caught) == 1)
    assert caught[0][0] is ZeroDivisionError
    assert desk.page.failure.banner.text == "Something unexpected happened: ZeroDivisionError: by zero"


def test_a_second_export_waits_in_line(desk: Desk) -> None:
    gates = [threading.Event(), threading.Event()]
    desk.workbench.scripts[OTHER] = Script([StageStarted("load", 0.0), gates[0]])
    desk.exports.start(OTHER, "automatic-speech-recognition", ("fp32",), False)
    desk.until(OTHER, stage="load")
    desk.export(StageStarted("load", 0.0), gates[1])
    assert desk.exports.running() == (OTHER, NAME)
    assert desk.page.run.heading.text() == "Waiting in line"
    assert desk.page.run.what.text().endswith("Begins when the export of openai/whisper-tiny.en is done.")
    assert desk.page.run.elapsed.text() == ""
    gates[0].set()
    desk.until(stage="load")
    desk.qtbot.waitUntil(lambda: desk.page.run.heading.text() == "Exporting")
    assert desk.exports.running() == (NAME,)
    gates[1].set()
    desk.until_ended()
    assert [call[1] for call in desk.workbench.said("export")] == [OTHER, NAME]


def test_what_waits_can_be_taken_out_of_the_line_and_put_in_again(desk: Desk) -> None:
    gate = threading.Event()
    desk.workbench.scripts[OTHER] = Script([StageStarted("load", 0.0), gate])
    desk.exports.start(OTHER, "automatic-speech-recognition", ("fp32",), False)
    desk.until(OTHER, stage="load")
    desk.export()
    desk.page.run.cancel.click()
    assert isinstance(desk.state().outcome, Cancelled)  # at once: there is nothing to wait for
    assert desk.page.form.isVisible()
    desk.exports.start(NAME, "feature-extraction", ("fp32",), False)
    assert desk.exports.running() == (OTHER, NAME)
    gate.set()
    desk.until_ended()
    assert desk.workbench.said("export")[1:] == [("export", NAME, "feature-extraction", ("fp32",))]


def test_the_same_model_is_not_exported_twice_at_a_time(desk: Desk) -> None:
    gate = threading.Event()
    state = desk.export(gate)
    desk.exports.start(NAME, "feature-extraction", ("fp16",), False)
    assert desk.state() is state
    gate.set()
    desk.until_ended()


def test_the_page_can_be_left_and_come_back_to(desk: Desk) -> None:
    gate = threading.Event()
    desk.export(*STAGES, gate)
    desk.until(stage="reference")
    desk.page.show_entry(entry(OTHER, ("automatic-speech-recognition",)))
    assert desk.page.form.isVisible()
    desk.page.hide()
    gate.set()
    desk.until_ended()
    desk.page.show_entry(entry())
    desk.page.show()
    assert desk.page.result.isVisible()
    desk.page.show_entry(entry(OTHER, ("automatic-speech-recognition",)))
    assert desk.page.form.isVisible()


def test_what_came_of_it_is_shown_and_can_be_used(desk: Desk) -> None:
    made = report(desk.workbench.folder / "made", ("fp32", "fp16", "int8"))
    shown = entry()
    desk.workbench.scripts[shown.name] = Script([*STAGES], made)
    desk.show(shown)
    desk.qtbot.waitUntil(desk.page.form.export.isEnabled)
    desk.page.form.export.click()
    desk.until_ended()
    said = texts(desk)
    for text in ("fp32", "90.9 MB", "Practically the same", "int8", "23.1 MB", "Very close", "cosine 0.9921"):
        assert text in said
    assert said.count("Recommended") == 1
    with desk.qtbot.waitSignal(desk.page.open_requested) as asked:
        desk.page.result.open.click()
    assert asked.args == [NAME]
    desk.page.result.again.click()
    assert desk.page.form.isVisible()


@pytest.mark.parametrize(
    ("metric", "mean", "words", "number"),
    [
        ("cosine", 1.0, "Practically the same", "cosine 1.0000"),
        ("cosine", 0.9921, "Very close", "cosine 0.9921"),
        ("same label", 0.9615, "Noticeable differences", "same label in 96.2% of the samples"),
        ("word accuracy", 0.975, "Close", "97.5% of the words"),
        ("same text", 0.5, "Large differences", "same text in 50.0% of the samples"),
        ("span F1", 0.9996, "Practically the same", "F1 of the spans 0.9996"),
    ],
)
def test_agreement_in_words_and_as_a_number(metric: str, mean: float, words: str, number: str) -> None:
    assert agreement_words(closeness(mean, {})) == words
    assert agreement_number(metric, mean) == number


def test_language_and_theme_change_in_the_middle(desk: Desk, qapp: QApplication) -> None:
    gate = threading.Event()
    desk.export(*STAGES, Progress("reference", 1, 26, "samples"), gate)
    desk.qtbot.waitUntil(lambda: desk.page.run.rows["reference"].detail.text() == "1 of 26 samples")
    language.set_current("zh_CN")
    QApplication.sendEvent(desk.page, QEvent(QEvent.Type.LanguageChange))
    put_theme(qapp, dark=True)
    run = desk.page.run
    assert run.heading.text() == "正在导出"
    assert run.rows["reference"].text.text() == "记录原模型的结果"
    assert run.rows["reference"].detail.text() == "样本 1 / 26"
    assert run.cancel.text() == "取消"
    assert not desk.page.grab().isNull()
    gate.set()
    desk.until_ended()
    assert "推荐" in texts(desk)
    language.set_current("en")
    QApplication.sendEvent(desk.page, QEvent(QEvent.Type.LanguageChange))
    assert "Recommended" in texts(desk)
    assert "推荐" not in texts(desk)


def test_who_works_by_keyboard_stays_on_the_page(desk: Desk) -> None:
    gate = threading.Event()
    desk.workbench.scripts[NAME] = Script([*STAGES, gate])
    desk.show()
    desk.page.activateWindow()
    desk.qtbot.waitUntil(desk.page.form.export.isEnabled)
    desk.page.form.export.setFocus()
    desk.qtbot.keyClick(desk.page.form.export, Qt.Key.Key_Space)
    assert desk.page.run.log.toggle.hasFocus()  # and not the button that would end it
    gate.set()
    desk.until_ended()
    assert desk.page.result.open.hasFocus()


def test_an_export_without_its_toolchain_leads_to_the_installation(desk: Desk) -> None:
    desk.workbench.scripts[NAME] = Script([ToolchainError("toolchain-missing", name="optimum")])
    desk.show()
    desk.qtbot.waitUntil(desk.page.form.export.isEnabled)
    desk.workbench.status = MISSING  # somebody removed it meanwhile
    desk.page.form.export.click()
    desk.until_ended()
    desk.qtbot.waitUntil(lambda: desk.exports.installable)
    desk.page.failure.retry.click()
    assert desk.page.toolchain.isVisible()


def test_what_a_probe_does_not_see_is_a_broken_toolchain(desk: Desk) -> None:
    desk.export(ExportError("export-toolchain-unfit", reason="no module named optimum"))
    desk.until_ended()
    desk.page.failure.retry.click()
    assert desk.page.toolchain.install.text() == "Install again"


def test_the_page_brings_nothing_heavy_with_it() -> None:
    code = (
        "import sys, workbench.gui.export_page\n"
        "heavy = ('workbench.api', 'workbench.exporting', 'filelock', 'numpy', 'huggingface_hub', 'PIL')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_receipt_takes_the_place_of_what_verification_found(desk: Desk) -> None:
    desk.workbench.measured = (receipt(),)
    desk.export()
    desk.until_ended()
    result = desk.page.result
    desk.qtbot.waitUntil(lambda: result.receipt.isVisible())
    assert result.receipt.chart.count == 2
    assert not result.table.isVisible()
    with desk.qtbot.waitSignal(desk.page.receipt_requested) as asked:
        desk.qtbot.mouseClick(result.details, Qt.MouseButton.LeftButton)
    assert asked.args[1] == desk.state().task


def test_without_a_receipt_what_verification_found_is_shown(desk: Desk) -> None:
    desk.export()
    desk.until_ended()
    assert desk.page.result.table.isVisible()
    assert not desk.page.result.details.isVisible()
