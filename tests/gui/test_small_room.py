"""What the parts of a page do where there is less room than they would like."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QStringListModel, Qt
from PySide6.QtWidgets import QFormLayout, QStyleOptionComboBox, QStyleOptionViewItem, QWidget
from pytestqt.qtbot import QtBot

from workbench.gui.answer_rows import AnswerRows
from workbench.gui.background import Background
from workbench.gui.core import Core
from workbench.gui.drop_zone import DropZone
from workbench.gui.entry_list import second_lines
from workbench.gui.input_panel import InputPanel
from workbench.gui.microphone import Microphone
from workbench.gui.params_form import ParamsForm
from workbench.gui.views.base import View
from workbench.gui.views.similarity import SimilarityView
from workbench.gui.widgets.basic import Banner, Button, Choice, ElidedLabel, Label, column
from workbench.gui.widgets.fitted import Fitted
from workbench.gui.widgets.scrolled import ScrolledPart
from workbench.gui.widgets.text_rows import TextRows
from workbench.gui.widgets.theme import style_sheet
from workbench.gui.widgets.turned import Turned
from workbench.gui.widgets.wrapped_text import WrappedText
from workbench.library.entries import Entry
from workbench.results import Similarity
from workbench.settings import Settings
from workbench.tasks.catalog import task_info

SENTENCES = tuple(f"Sentence {n} of some" for n in range(6))


@pytest.fixture
def fitted(qtbot: QtBot) -> Fitted:
    room = Fitted()
    qtbot.addWidget(room)
    room.resize(440, 700)
    room.show()
    return room


def similarity() -> SimilarityView:
    view = SimilarityView()
    scores = np.eye(len(SENTENCES), dtype=np.float32)
    view.show_result(Similarity(SENTENCES, SENTENCES, scores), None)  # type: ignore[arg-type]  # it needs no file
    return view


def overlapping(view: View) -> list[str]:
    parts = [part for part in (view.map, view.detail, view.pairs) if part.isVisible()]  # type: ignore[attr-defined]
    return [
        f"{type(first).__name__} and {type(second).__name__}"
        for n, first in enumerate(parts)
        for second in parts[n + 1 :]
        if first.geometry().intersects(second.geometry())
    ]


def test_a_view_that_needs_more_height_than_there_is_is_scrolled(fitted: Fitted, qtbot: QtBot) -> None:
    view = similarity()
    fitted.put(view)
    qtbot.waitUntil(view.isVisible)
    assert view.size() == fitted.size()
    assert not fitted.verticalScrollBar().maximum()
    fitted.resize(440, 100)
    qtbot.waitUntil(lambda: fitted.verticalScrollBar().maximum() > 0)
    assert view.height() > 250
    assert overlapping(view) == []
    fitted.resize(440, 700)
    assert view.size() == fitted.size()


def test_it_hears_of_a_need_that_grows(fitted: Fitted, qtbot: QtBot) -> None:
    view, label = QWidget(), Label("one line")
    view.setLayout(column(label))
    fitted.resize(300, 100)
    fitted.put(view)
    assert not fitted.verticalScrollBar().maximum()
    label.setMinimumHeight(400)
    qtbot.waitUntil(lambda: fitted.verticalScrollBar().maximum() > 0)
    assert label.height() == 400


def test_a_place_is_as_high_as_the_page_that_is_seen(qtbot: QtBot) -> None:
    low, high = QWidget(), QWidget()
    low.setMinimumHeight(40)
    high.setMinimumHeight(300)
    place = QWidget()
    qtbot.addWidget(place)
    pages = Turned(place, low, high)
    assert place.minimumSizeHint().height() == 40
    pages.setCurrentWidget(high)
    assert place.minimumSizeHint().height() == 300
    pages.setCurrentWidget(low)
    assert place.minimumSizeHint().height() == 40


@pytest.mark.parametrize("styled", [False, True])
def test_a_choice_keeps_both_ends_of_its_text(qtbot: QtBot, styled: bool) -> None:
    choice = Choice()
    qtbot.addWidget(choice)
    choice.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToContents)
    if styled:
        choice.setStyleSheet(style_sheet())
    choice.addItem("Recommended (int8-static)")
    choice.resize(choice.sizeHint())
    assert drawn(choice) == "Recommended (int8-static)"
    choice.resize(choice.sizeHint().width() - 30, choice.height())
    assert drawn(choice).startswith("Rec")
    assert drawn(choice).endswith("ic)")
    assert "…" in drawn(choice)


def drawn(choice: Choice) -> str:
    option = QStyleOptionComboBox()
    choice.initStyleOption(option)
    return option.currentText


def test_an_icon_stands_apart_from_the_text_of_its_button(qtbot: QtBot) -> None:
    alone, beside = Button(icon="open"), Button("Open another file", icon="open")
    for button in (alone, beside):
        qtbot.addWidget(button)
    plain = Button("Open another file")
    qtbot.addWidget(plain)
    assert beside.sizeHint().width() - plain.sizeHint().width() == alone.iconSize().width() + 4 + 2


def test_a_row_of_the_list_leaves_out_whole_parts() -> None:
    task = "sentence-similarity"
    ready = Entry("a/one", "text", "ready", None, task, (task,), {task: ("fp32", "int8")}, 1_500_000)
    assert second_lines(ready) == (
        "Sentence similarity · fp32, int8 · 1.5 MB",
        "Sentence similarity · 1.5 MB",
        "Sentence similarity",
    )


def test_of_facts_in_one_line_whole_ones_are_left_out(qtbot: QtBot) -> None:
    label = ElidedLabel("Together 3 s · Prepare 1 s · Finish 2 s")
    qtbot.addWidget(label)
    label.resize(label.fontMetrics().horizontalAdvance("Together 3 s · Prepare 1 s · Fin"), 30)
    label.grab()
    assert label.shown == "Together 3 s · Prepare 1 s · …"
    assert "Finish 2 s" in label.toolTip()
    label.resize(label.fontMetrics().horizontalAdvance(label.text()), 30)
    label.grab()
    assert (label.shown, label.toolTip()) == (label.text(), "")
    label.resize(label.fontMetrics().horizontalAdvance("Toget…"), 30)
    assert label.shown.startswith("To")


def test_of_a_long_row_the_middle_is_left_out(qtbot: QtBot) -> None:
    """Qt would make all rows as wide as the longest, and scroll them sideways."""
    rows = TextRows(Qt.TextElideMode.ElideMiddle)
    qtbot.addWidget(rows)
    rows.setModel(QStringListModel(["short.png", "a long name " * 40 + ".png"]))
    rows.resize(300, 200)
    rows.show()
    widths = {rows.visualRect(rows.model().index(number, 0)).width() for number in range(2)}
    assert widths == {rows.viewport().width()}
    assert rows.horizontalScrollBar().maximum() == 0
    option = QStyleOptionViewItem()
    rows.initViewItemOption(option)
    assert option.textElideMode == Qt.TextElideMode.ElideMiddle


def test_a_part_with_more_than_there_is_room_for_is_scrolled(qtbot: QtBot) -> None:
    inside, place, above = QWidget(), QWidget(), QWidget()
    lines = [Label("one line") for _ in range(12)]
    inside.setLayout(column(*lines))
    above.setMinimumHeight(60)
    part = ScrolledPart(inside)
    place.setLayout(column(above, part))
    qtbot.addWidget(place)
    place.resize(300, 600)
    place.show()
    qtbot.waitUntil(lambda: part.height() >= inside.sizeHint().height())
    assert part.verticalScrollBar().maximum() == 0
    place.resize(300, 220)
    qtbot.waitUntil(lambda: part.verticalScrollBar().maximum() > 0)
    assert all(first.geometry().bottom() < second.geometry().top() for first, second in pairwise(lines))
    for label in lines[4:]:
        label.hide()
    qtbot.waitUntil(lambda: part.verticalScrollBar().maximum() == 0)


def test_titles_stand_all_beside_their_fields_or_all_above(qtbot: QtBot) -> None:
    place = QWidget()  # a window of its own would not become so narrow
    qtbot.addWidget(place)
    form = ParamsForm(needed=False)
    form.setParent(place)
    form.set_task(task_info("text-generation"))
    form.resize(600, 900)
    place.show()

    def beside() -> set[bool]:
        layout = form.layout()
        assert isinstance(layout, QFormLayout)
        titles = {field: layout.labelForField(field) for field in form.fields()}
        return {title.geometry().right() < field.geometry().left() for field, title in titles.items()}

    qtbot.waitUntil(lambda: beside() == {True})
    form.resize(form.minimumSizeHint().width(), 900)
    qtbot.waitUntil(lambda: beside() == {False})
    form.resize(600, 900)
    qtbot.waitUntil(lambda: beside() == {True})


@pytest.mark.parametrize("height", [40, 84, 100, 150, 300])
def test_words_for_a_drop_never_lie_upon_each_other(qtbot: QtBot, height: int) -> None:
    place = QWidget()  # a window of its own would not become so low
    qtbot.addWidget(place)
    zone = DropZone()
    zone.setParent(place)
    zone.say("audio", "Drop sounds here", "or hold the microphone button and speak. WAV, MP3, FLAC, Ogg")
    zone.resize(300, height)
    place.resize(300, height)
    place.show()
    qtbot.waitUntil(zone.isVisible)
    shown = [part for part in (zone.icon, zone.title, zone.hint) if part.isVisible()]
    assert zone.title in shown
    assert len(shown) == {40: 1, 84: 2, 100: 2, 150: 3, 300: 3}[height]
    assert all(first.geometry().bottom() < second.geometry().top() for first, second in pairwise(shown))
    assert all(zone.rect().contains(part.geometry()) for part in shown)


def test_in_a_low_window_options_take_the_place_of_the_input(qtbot: QtBot, background: Background) -> None:
    core = Core(Settings())
    panel = InputPanel(Microphone(core, background, None))
    qtbot.addWidget(panel)
    panel.set_task(task_info("text-generation"))
    panel.resize(460, 300)
    panel.show()
    assert panel.editor.isVisible()
    panel._options.setChecked(True)
    qtbot.waitUntil(lambda: panel.params.isVisible() and not panel.editor.isVisible())
    fields = panel.params.fields()
    places = [field.mapTo(panel.params, QPoint()).y() for field in fields]
    assert all(high + field.height() <= low for field, (high, low) in zip(fields, pairwise(places), strict=False))
    panel.resize(460, 700)
    qtbot.waitUntil(panel.editor.isVisible)
    panel._options.setChecked(False)
    panel.resize(460, 300)
    assert panel.editor.isVisible()
    assert not panel.params.isVisible()
    core.close()


def test_a_message_shows_all_of_a_long_word(qtbot: QtBot) -> None:
    place, banner = QWidget(), Banner()
    place.setLayout(column(banner, 1))
    qtbot.addWidget(place)
    place.resize(300, 400)
    place.show()
    short = "The file is broken."
    banner.tell(short, tone="danger")
    qtbot.waitUntil(lambda: banner.height() > 0)
    one_line = banner.height()
    text = f"The file {'0123456789abcdef' * 8} is broken."
    banner.tell(text, tone="danger")
    qtbot.waitUntil(lambda: banner.height() > one_line)
    said = banner.findChild(WrappedText)
    assert isinstance(said, WrappedText)
    assert banner.text == said.text() == text
    assert said.document().size().height() <= said.height()
    assert said.document().idealWidth() <= said.viewport().width()
    assert said.verticalScrollBar().maximum() == 0
    banner.tell("Two lines.\n" * 60)
    qtbot.waitUntil(lambda: said.verticalScrollBar().maximum() > 0)  # more than the window has room for
    banner.tell("<b>short</b>")
    assert banner.text == "<b>short</b>"
    qtbot.waitUntil(lambda: banner.height() == one_line)


def test_a_row_of_answers_tells_how_a_long_name_ends() -> None:
    rows = AnswerRows()
    rows.begin(["a long name of a file " * 30 + "no. 17.png", "short.png"])
    told = [rows.data(rows.index(number, 0)) for number in range(2)]
    assert told[0].startswith("a long name")
    assert told[0].endswith("no. 17.png")
    assert len(told[0]) <= 121
    assert told[1] == "short.png"
