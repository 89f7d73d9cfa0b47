"""What is chosen before an export, and what is said of it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QComboBox, QFileDialog, QLabel, QPlainTextEdit, QWidget

from tests.gui.export.conftest import Desk
from tests.gui.export.fakes import NAME, PICKLE, Script, entry
from workbench.errors import ModelError, Notice
from workbench.gui import export_form
from workbench.offers import Offer


def last_plan(desk: Desk) -> tuple[object, ...]:
    return desk.workbench.said("plan")[-1]


def texts(part: QWidget) -> str:
    return "\n".join(label.text() for label in part.findChildren(QLabel) if label.isVisible())


def needs(desk: Desk) -> str:
    return desk.page.form._needs.text()


def test_the_form_of_a_new_model(desk: Desk) -> None:
    desk.show()
    form = desk.page.form
    desk.qtbot.waitUntil(form.export.isEnabled)
    assert form.combo.isVisible()
    assert [form.combo.itemText(index) for index in range(2)] == ["Sentence similarity", "Text embeddings"]
    assert form.precisions == ("fp32", "int8")
    assert needs(desk).startswith("Needs up to 160.0 MB of disk while it works, of which 120.0 MB stay")
    assert form.problem_banner.isHidden()
    assert form.pickle_banner.isHidden()
    assert form.trust.isHidden()


def test_one_possible_task_is_no_choice(desk: Desk) -> None:
    desk.show(entry(tasks=("text-classification",)))
    assert desk.page.form.combo.isHidden()
    assert desk.page.form.task == "text-classification"


def test_what_is_chosen_is_what_is_exported(desk: Desk) -> None:
    gate = threading.Event()
    desk.workbench.scripts[NAME] = Script([gate])
    desk.show()
    form = desk.page.form
    form.combo.setFocus()
    desk.qtbot.keyClick(form.combo, Qt.Key.Key_Down)
    desk.qtbot.waitUntil(lambda: last_plan(desk) == ("plan", NAME, "feature-extraction", ("fp32", "int8"), False))
    form.rows["fp16"].box.click()
    form.rows["fp32"].box.click()
    desk.qtbot.waitUntil(lambda: last_plan(desk) == ("plan", NAME, "feature-extraction", ("fp16", "int8"), False))
    desk.qtbot.waitUntil(form.export.isEnabled)
    form.export.click()
    gate.set()
    desk.until_ended()
    assert desk.workbench.said("export") == [("export", NAME, "feature-extraction", ("fp16", "int8"))]


def test_what_is_there_is_marked_and_not_proposed_again(desk: Desk) -> None:
    desk.show(entry(there=("fp32",)))
    form = desk.page.form
    assert form.rows["fp32"].there.text() == "Already there"
    assert form.rows["int8"].there.text() == ""
    assert form.precisions == ("int8",)
    assert "Already there" in form.rows["fp32"].box.accessibleDescription()


def test_four_bits_are_offered_for_language_models_only(desk: Desk) -> None:
    desk.show()
    assert not desk.page.form.rows["q4"].isVisible()
    desk.show(entry("org/writer", ("text-generation",)))
    assert desk.page.form.rows["q4"].isVisible()
    assert not desk.page.form.rows["q4"].box.isChecked()


def test_nothing_chosen_is_nothing_to_export(desk: Desk) -> None:
    desk.show()
    form = desk.page.form
    desk.qtbot.waitUntil(form.export.isEnabled)
    for name in ("fp32", "int8"):
        form.rows[name].box.click()
    assert needs(desk) == "Choose at least one precision."
    assert not form.export.isEnabled()
    form.rows["fp16"].box.click()
    desk.qtbot.waitUntil(form.export.isEnabled)


def test_a_full_disk_is_told_before_the_start(desk: Desk) -> None:
    desk.workbench.disk_bytes = 10**18
    desk.show()
    form = desk.page.form
    desk.qtbot.waitUntil(form.problem_banner.isVisible)
    assert form.problem_banner.text.startswith("The export needs about 1000000000000 MB")
    assert not form.export.isEnabled()
    desk.workbench.disk_bytes = 10**6
    form.replan()
    desk.qtbot.waitUntil(form.export.isEnabled)
    assert form.problem_banner.isHidden()


def test_more_precisions_of_what_is_published_are_left_to_the_export_to_judge(desk: Desk) -> None:
    folder = desk.workbench.settings.artifacts_folder / NAME.replace("/", "--") / "e8f90b98-sentence-similarity"
    folder.mkdir(parents=True)
    desk.workbench.disk_bytes = 10**18
    desk.show(entry(there=("fp32",)))
    desk.qtbot.waitUntil(desk.page.form.export.isEnabled)


def test_a_model_that_cannot_be_planned_says_why(desk: Desk) -> None:
    desk.workbench.plan_error = ModelError("export-onnx-only", folder="/models/x")
    desk.show()
    desk.qtbot.waitUntil(desk.page.form.problem_banner.isVisible)
    assert "there is nothing to export" in desk.page.form.problem_banner.text
    assert not desk.page.form.export.isEnabled()


def test_short_memory_is_a_warning(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_form, "_memory_is_short", lambda needed_bytes: True)
    desk.show()
    desk.qtbot.waitUntil(desk.page.form.export.isEnabled)
    assert needs(desk).endswith("Less memory than that is free now.")


def test_a_pickle_is_exported_only_when_it_is_trusted(desk: Desk) -> None:
    gate = threading.Event()
    desk.workbench.scripts[NAME] = Script([gate])
    desk.show(entry(confirm=PICKLE))
    form = desk.page.form
    assert form.pickle_banner.isVisible()
    assert "can run code when they are loaded" in form.pickle_banner.text
    assert not form.export.isEnabled()
    assert desk.workbench.said("plan") == []
    form.trust.click()
    desk.qtbot.waitUntil(form.export.isEnabled)
    assert last_plan(desk)[-1] is True
    form.trust.click()
    assert not form.export.isEnabled()
    form.trust.click()
    desk.qtbot.waitUntil(form.export.isEnabled)
    form.export.click()
    assert desk.state().allow_pickle
    gate.set()
    desk.until_ended()


def test_trust_in_one_model_is_none_in_the_next(desk: Desk) -> None:
    desk.show(entry(confirm=PICKLE))
    desk.page.form.trust.click()
    desk.page.show_entry(entry("someone/else", confirm=PICKLE))
    assert not desk.page.form.trust.isChecked()
    assert not desk.page.form.export.isEnabled()
    desk.page.show_entry(entry())
    assert not desk.page.form.allow_pickle


def test_choices_stay_when_the_library_was_listed_again(desk: Desk) -> None:
    desk.show()
    desk.page.form.rows["fp16"].box.click()
    desk.page.show_entry(entry())
    assert desk.page.form.precisions == ("fp32", "fp16", "int8")
    desk.page.show_entry(entry(there=("fp32", "fp16")))
    assert desk.page.form.precisions == ("int8",)


def test_only_the_last_plan_is_answered(desk: Desk) -> None:
    got: list[Any] = []
    for precision in ("fp32", "fp16", "int8"):
        desk.exports.plan(NAME, "feature-extraction", (precision,), False, got.append, got.append)
    desk.qtbot.waitUntil(lambda: len(got) > 0)
    assert [plan.spec.precisions for plan in got] == [("int8",)]


def test_every_control_is_reached_by_tab_and_has_a_name(desk: Desk) -> None:
    desk.show(entry(confirm=PICKLE))
    desk.page.form.trust.click()
    desk.qtbot.waitUntil(desk.page.form.export.isEnabled)
    controls = [
        widget
        for widget in desk.page.findChildren(QWidget)
        if isinstance(widget, QAbstractButton | QComboBox | QPlainTextEdit)
        and widget.isVisible()
        and widget.isEnabled()
    ]
    assert len(controls) == 8
    desk.page.activateWindow()
    controls[0].setFocus()
    reached = set()
    for _ in range(20):
        focused = desk.page.focusWidget()
        assert focused is not None
        reached.add(focused)
        desk.qtbot.keyClick(focused, Qt.Key.Key_Tab)
    assert set(controls) <= reached
    assert all(control.accessibleName() or getattr(control, "text", str)() for control in controls)


def test_a_precision_that_makes_no_sense_for_the_model_gives_way_to_the_one_that_does(desk: Desk) -> None:
    reason = Notice.of("export-quantize-convolutions", precision="int8", percent=93)
    desk.workbench.offers = (
        Offer("fp32", suggested=True),
        Offer("fp16"),
        Offer("int8", reason),
        Offer("int8-static", suggested=True),
    )
    desk.show(entry(tasks=("image-classification",)))
    form = desk.page.form
    task = "image-classification"
    desk.qtbot.waitUntil(lambda: last_plan(desk) == ("plan", NAME, task, ("fp32", "int8-static"), False))
    desk.qtbot.waitUntil(form.export.isEnabled)
    assert not form.rows["int8"].box.isEnabled()
    assert "93 %" in form.rows["int8"].help.text()
    assert form.rows["int8-static"].box.isVisible()
    assert form.rows["q4"].isHidden()


def test_static_int8_is_not_shown_for_what_writes_text(desk: Desk) -> None:
    desk.show(entry(tasks=("text-generation",)))
    assert desk.page.form.rows["int8-static"].isHidden()
    assert not desk.page.form.rows["q4"].isHidden()
    assert "int8-static" not in desk.page.form.samples.said
    desk.show(entry())
    assert "int8-static" in desk.page.form.samples.said


def test_of_texts_of_ones_own_it_is_said_that_4_bits_are_rounded_by_them(desk: Desk) -> None:
    desk.show(entry(tasks=("text-generation",)))
    samples = desk.page.form.samples
    assert "rounded" not in samples.said  # the built-in ones are others than those that 4 bits are rounded by
    samples.choose(Path("/own.txt"))
    assert "4 bits are rounded by them too" in samples.said
    samples.choose(None)
    assert "rounded" not in samples.said


def test_own_samples_are_chosen_used_and_given_back(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "sentences.txt"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (str(source), ""))
    desk.show()
    samples = desk.page.form.samples
    assert not samples.builtin.isVisible()
    samples.menu().actions()[0].trigger()
    desk.qtbot.waitUntil(lambda: bool(desk.workbench.own) and desk.workbench.own[-1] is not None)
    assert desk.workbench.own[-1].path == source
    desk.qtbot.waitUntil(desk.page.form.export.isEnabled)
    desk.page.form.export.click()
    assert desk.state().source == source
    desk.until_ended()
    assert desk.workbench.own[-1].path == source
    desk.page.result.again.click()
    desk.qtbot.mouseClick(samples.builtin, Qt.MouseButton.LeftButton)
    desk.qtbot.waitUntil(lambda: desk.workbench.own[-1] is None)


def test_what_of_them_cannot_be_used_is_listed(desk: Desk) -> None:
    desk.show()
    desk.workbench.skipped = tuple((f"{number}.txt", "it is empty") for number in range(5))
    desk.page.form.samples.choose(Path("/samples"))
    desk.qtbot.waitUntil(lambda: "5 samples cannot be used" in texts(desk.page.form))
    assert "0.txt: it is empty" in texts(desk.page.form)
    desk.page.show_entry(entry("another/model"))  # samples are those of one model's task
    assert desk.page.form.samples.source is None
