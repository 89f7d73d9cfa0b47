"""The form of a task's parameters: each kind of field gives the values that the task checks."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QComboBox
from pytestqt.qtbot import QtBot

from workbench.gui.params_form import ParamsForm
from workbench.tasks.catalog import check_params, task_info


@pytest.fixture
def form(qtbot: QtBot) -> ParamsForm:
    form = ParamsForm()
    qtbot.addWidget(form)
    return form


@pytest.mark.parametrize(("choice", "value"), [(0, True), (1, False), (2, "word"), (3, "char")])
def test_yes_no_and_further_choices_are_one_list(form: ParamsForm, choice: int, value: Any) -> None:
    task = task_info("automatic-speech-recognition")
    form.set_task(task)
    names = [param.name for param in task.params]
    combo = form.fields()[names.index("return_timestamps")]
    assert isinstance(combo, QComboBox)
    assert combo.currentData() is True  # the default
    combo.setCurrentIndex(choice)
    got = check_params(task, form.values())["return_timestamps"]
    assert got == value
    assert type(got) is type(value)
    form.retranslate()
    assert form.values()["return_timestamps"] == value


def test_numbers_that_are_left_alone_are_as_the_model_says(form: ParamsForm) -> None:
    task = task_info("text-to-speech")
    form.set_task(task)
    assert form.values() == {}
