"""Inputs with several fields, and parameters that must be given."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from tests.gui.views.fakes import speak, texts_of
from workbench.gui import language
from workbench.gui.background import Background
from workbench.gui.core import Core
from workbench.gui.input_panel import InputPanel
from workbench.gui.intake import Item
from workbench.gui.language import param_title
from workbench.gui.languages import chinese_messages, english_messages
from workbench.gui.microphone import Microphone
from workbench.gui.params_form import ParamsForm
from workbench.gui.text_editor import MAX_SHOWN
from workbench.settings import Settings
from workbench.tasks.catalog import TASKS
from workbench.tasks.info import Field, Layout, Param, TaskInfo, check_params

LAYOUT = (Layout("x"),)
QUESTION = TaskInfo(
    "question-answering", "Q", "fields", "Answers", LAYOUT, fields=(Field("question"), Field("context"))
)
RANKING = TaskInfo("text-ranking", "R", "fields", "Ranking", LAYOUT, fields=(Field("query"), Field("texts", "texts")))
DOCUMENT = TaskInfo(
    "document-question-answering", "D", "fields", "Answers", LAYOUT, fields=(Field("image", "image"), Field("question"))
)
LABELS = Param("candidate_labels", list, (), "The labels to choose from")
ZERO_SHOT = TaskInfo(
    "zero-shot-image-classification",
    "Z",
    "image",
    "Labels",
    LAYOUT,
    params=(LABELS, Param("top_k", int, 3, "How many")),
)
Open = Callable[[TaskInfo], InputPanel]


@pytest.fixture
def panel_for(qtbot: QtBot, background: Background) -> Iterator[Open]:
    core = Core(Settings.load())
    microphone = Microphone(core, background, None)

    def open_(task: TaskInfo) -> InputPanel:
        panel = InputPanel(microphone)
        qtbot.addWidget(panel)
        panel.resize(440, 560)
        panel.set_task(task)
        with qtbot.waitExposed(panel):
            panel.show()
        return panel

    yield open_
    core.close()


def test_a_question_and_its_text_make_one_input(panel_for: Open, qtbot: QtBot) -> None:
    panel = panel_for(QUESTION)
    assert not panel.run.isEnabled()
    qtbot.keyClicks(panel.form.editor("question"), "Who?")
    assert panel.run.isEnabled()
    assert panel.missing() == ["Text to find the answer in"]
    assert panel.inputs() == ([], [])
    qtbot.keyClicks(panel.form.editor("context"), "It was Ana.")
    assert panel.missing() == []
    assert panel.inputs() == ([{"question": "Who?", "context": "It was Ana."}], ["Who? · It was Ana."])


def test_the_keyboard_goes_from_field_to_field(panel_for: Open, qtbot: QtBot) -> None:
    panel = panel_for(QUESTION)
    panel.activateWindow()
    qtbot.waitUntil(panel.isActiveWindow)
    question, context = panel.form.editor("question"), panel.form.editor("context")
    question.setFocus()
    qtbot.keyClick(question, Qt.Key.Key_Tab)
    qtbot.waitUntil(context.hasFocus)


def test_texts_are_lines(panel_for: Open) -> None:
    panel = panel_for(RANKING)
    panel.form.editor("query").setPlainText("Where?")
    panel.form.editor("texts").setPlainText(" Here. \n\nThere.\n")
    assert panel.inputs()[0] == [{"query": "Where?", "texts": ["Here.", "There."]}]


@pytest.mark.parametrize(
    ("task", "field", "files", "expected"),
    [
        (QUESTION, "context", ["One.\nTwo."], "One.\nTwo."),
        (QUESTION, "context", ["One.", "Two."], "One.\n\nTwo."),
        (RANKING, "texts", ["One.\nTwo."], "One.\nTwo."),
        (RANKING, "texts", ["One.\nTwo.", "Three."], "One. Two.\nThree."),
    ],
)
def test_dropped_texts_go_where_there_is_room(
    panel_for: Open, task: TaskInfo, field: str, files: list[str], expected: str
) -> None:
    panel = panel_for(task)
    panel.set_items([Item(f"{n}.txt", text, f"/{n}.txt") for n, text in enumerate(files)], "text")
    assert panel.form.editor(field).toPlainText() == expected


def test_a_dropped_picture_goes_into_its_field_and_several_make_several_inputs(panel_for: Open) -> None:
    panel = panel_for(DOCUMENT)
    panel.set_items([Item("a.png", "/a.png", "/a.png"), Item("b.png", "/b.png", "/b.png")], "image")
    assert "2 files" in texts_of(panel.form)
    panel.insert_text("How much?")
    inputs, titles = panel.inputs()
    assert inputs == [{"image": "/a.png", "question": "How much?"}, {"image": "/b.png", "question": "How much?"}]
    assert titles == ["a.png · How much?", "b.png · How much?"]
    panel.clear()
    assert panel.missing() == ["Picture", "Question"]


def test_a_text_pasted_beside_the_fields_goes_into_the_first_empty_one(panel_for: Open) -> None:
    panel = panel_for(QUESTION)
    panel.setFocus()
    panel.insert_text("Who?")
    panel.insert_text("It was Ana.")
    assert panel.inputs()[0] == [{"question": "Who?", "context": "It was Ana."}]


def test_a_long_text_is_kept_without_being_laid_out(panel_for: Open) -> None:
    panel = panel_for(QUESTION)
    panel.form.editor("question").setPlainText("Who?")
    text = "x" * (MAX_SHOWN + 1)
    panel.set_items([Item("long.txt", text, "/long.txt")], "text")
    assert panel.form.editor("context").toPlainText() == ""
    assert "long.txt" in texts_of(panel.form)
    assert panel.inputs()[0] == [{"question": "Who?", "context": text}]


def test_another_task_asks_for_its_own_fields(panel_for: Open) -> None:
    panel = panel_for(QUESTION)
    panel.form.editor("question").setPlainText("Who?")
    panel.set_task(DOCUMENT)
    assert panel.missing() == ["Picture", "Question"]
    panel.set_task(ZERO_SHOT)
    assert panel.inputs() == ([], [])


def test_the_form_speaks_both_languages(panel_for: Open) -> None:
    panel = panel_for(QUESTION)
    assert "Question" in texts_of(panel.form)
    speak("zh_CN")
    assert "问题" in texts_of(panel.form)
    speak("en")


def test_labels_that_must_be_given_stand_in_sight_and_are_asked_for(panel_for: Open, qtbot: QtBot) -> None:
    panel = panel_for(ZERO_SHOT)
    panel.set_items([Item("a.png", "/a.png", "/a.png")], "image")
    (edit,) = panel.needed.fields()
    assert isinstance(edit, QLineEdit)
    assert edit.isVisible()
    assert not panel.params.isVisible()
    assert panel.missing() == [param_title(LABELS)]
    edit.setText("cat, hot dog\N{FULLWIDTH COMMA} , bird")
    assert panel.missing() == []
    assert panel.params_given() == {"candidate_labels": ("cat", "hot dog", "bird"), "top_k": 3}
    assert check_params(ZERO_SHOT, panel.params_given())["candidate_labels"] == ("cat", "hot dog", "bird")


def test_titles_of_what_is_missing_follow_the_language(panel_for: Open) -> None:
    panel = panel_for(ZERO_SHOT)
    (title,) = panel.titles_missing()
    english = title()
    language.set_current("zh_CN")
    assert title() == param_title(LABELS) != english


def test_a_list_keeps_its_texts_when_the_language_changes(qtbot: QtBot) -> None:
    form = ParamsForm()
    qtbot.addWidget(form)
    form.set_task(ZERO_SHOT)
    form.fields()[0].setText("cat, dog")  # type: ignore[attr-defined]
    form.retranslate()
    assert form.values()["candidate_labels"] == ("cat", "dog")


def test_every_field_has_a_label_in_both_languages() -> None:
    names = {field.name for task in TASKS.values() for field in task.fields}
    assert names <= set(chinese_messages.FIELDS)
    assert set(chinese_messages.FIELDS) == set(english_messages.FIELDS)


def test_what_must_be_given_cannot_be_known_before() -> None:
    """A list whose default is empty stops a run until it is filled in; one that may stay empty has None as its
    default."""
    needed = {param.name for task in TASKS.values() for param in task.params if param.is_needed}
    assert needed <= {"candidate_labels"}
