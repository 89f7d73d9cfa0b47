"""A text with what was found in it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QTextCursor
from PySide6.QtWidgets import QToolTip
from pytestqt.qtbot import QtBot

from tests.gui.views.fakes import ODD, context
from workbench.gui.views.marked_text import MarkedText, kind_of
from workbench.gui.views.spans import SpansView
from workbench.results import Span, Spans

TEXT = "Ana met Béla in New York."
ANA = Span("PER", 0.99, "Ana", 0, 3)
BELA = Span("PER", 0.5, "Béla", 8, 12)
CITY = Span("LOC", 0.9, "New York", 16, 24)
FOUND = Spans((ANA, BELA, CITY), grouped=True)


@pytest.fixture
def view(shown) -> SpansView:
    made = shown(SpansView())
    made.show_result(FOUND, context(TEXT))
    return made


def written(view: SpansView) -> str:
    return view.edit.toPlainText()


def point_of(view: SpansView, word: str) -> QPoint:
    """The middle of a word, in the viewport."""
    cursor = view.edit.document().find(word)
    end = view.edit.cursorRect(cursor)
    cursor.setPosition(cursor.selectionStart())
    return (view.edit.cursorRect(cursor).center() + end.center()) / 2


def test_names_stand_behind_what_they_name(view: SpansView) -> None:
    assert written(view) == "Ana PER met Béla PER in New York LOC."
    assert view.text().splitlines()[0] == "PER\tAna\t0.9900\t0–3"


def test_the_ground_holds_the_words_and_the_name(view: SpansView) -> None:
    marked = MarkedText(TEXT, FOUND.spans, lambda label: 0)
    stretches = [
        written(view)[ground.start : ground.end].replace("\N{NO-BREAK SPACE}", " ") for ground in marked.grounds
    ]
    assert stretches == ["Ana PER", "Béla PER", "New York LOC"]


def test_many_kinds_leave_room_for_the_text(view: SpansView, qtbot: QtBot) -> None:
    view.resize(460, 500)
    spans = tuple(Span(f"KIND_NUMBER_{number}", 0.9, "Ana", 0, 3) for number in range(60))
    view.show_result(Spans(spans, grouped=True), context(TEXT))
    qtbot.waitUntil(lambda: len(view.legend.chips) == 60 and view.legend.height() > 300)
    assert view.edit.height() > 300


def test_the_legend_counts_and_switches(view: SpansView, qtbot: QtBot) -> None:
    chips = view.legend.chips
    assert {label: chip.accessibleName() for label, chip in chips.items()} == {
        "PER": "PER: 2 found",
        "LOC": "LOC: 1 found",
    }
    qtbot.mouseClick(chips["PER"], Qt.MouseButton.LeftButton)
    assert written(view) == "Ana met Béla in New York LOC."
    chips["PER"].setFocus()
    qtbot.keyClick(chips["PER"], Qt.Key.Key_Space)
    assert written(view) == "Ana PER met Béla PER in New York LOC."


def test_what_is_switched_off_stays_off_in_the_next_text(view: SpansView, qtbot: QtBot) -> None:
    qtbot.mouseClick(view.legend.chips["PER"], Qt.MouseButton.LeftButton)
    view.show_result(Spans((ANA, CITY, CITY), grouped=True), context(TEXT.replace("met", "saw")))
    assert not view.legend.chips["PER"].isChecked()
    assert "PER" not in written(view)


def test_the_keyboard_reaches_a_span(view: SpansView, qtbot: QtBot) -> None:
    view.edit.setFocus()
    qtbot.keyClick(view.edit, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    assert "caret" in view.detail.text()
    for _ in range(4):
        qtbot.keyClick(view.edit, Qt.Key.Key_Left)
    assert view.detail.text() == "LOC · 90.0% · characters 16–24 · New York"


def test_tab_goes_from_the_legend_through_the_text_and_out(view: SpansView, qtbot: QtBot) -> None:
    view.legend.chips["LOC"].setFocus()
    qtbot.keyClick(view.legend.chips["LOC"], Qt.Key.Key_Tab)
    assert view.edit.hasFocus()
    qtbot.keyClick(view.edit, Qt.Key.Key_Tab)
    assert not view.edit.hasFocus()


def test_the_mouse_tells_of_a_span(view: SpansView, qtbot: QtBot) -> None:
    qtbot.mouseMove(view.edit.viewport(), point_of(view, "York"))
    assert view.detail.text() == "LOC · 90.0% · characters 16–24 · New York"
    assert view.span_at(point_of(view, "met")) is None
    assert view.span_at(QPoint(5, view.edit.viewport().height() - 5)) is None


def test_a_tooltip_shows_markup_as_it_is(shown, qtbot: QtBot) -> None:
    from PySide6.QtCore import QCoreApplication, QEvent
    from PySide6.QtGui import QHelpEvent

    view = shown(SpansView())
    view.show_result(Spans((Span("<i>", 0.5, "", 0, 10),), grouped=True), context("<b>Ana</b> is in."))
    point = point_of(view, "Ana")
    event = QHelpEvent(QEvent.Type.ToolTip, point, view.edit.viewport().mapToGlobal(point))
    QCoreApplication.sendEvent(view.edit.viewport(), event)
    assert "&lt;i&gt; · 50.0% · characters 0–10 · &lt;b&gt;Ana&lt;/b&gt;" in QToolTip.text()
    QToolTip.hideText()


def test_what_is_copied_has_no_names(view: SpansView, qtbot: QtBot) -> None:
    view.edit.setFocus()
    qtbot.keyClick(view.edit, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(view.edit, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == TEXT


def test_positions_count_characters_not_units(shown) -> None:
    text = ODD.replace("\ud800", "?")
    start = text.index("Béla")
    marked = MarkedText(ODD, [Span("PER", 1.0, "Béla", start, start + 4)], lambda label: 0)
    view = shown(SpansView())
    assert list(marked.fill(view.edit.begin(), view.edit.font())) == []
    ground = marked.grounds[0]
    cursor = QTextCursor(view.edit.document())
    cursor.setPosition(ground.start)
    cursor.setPosition(ground.end, QTextCursor.MoveMode.KeepAnchor)
    assert cursor.selectedText() == "Béla\N{NO-BREAK SPACE}PER"
    assert marked.copied(ground.start, ground.end) == "Béla"
    assert marked.copied(0, view.edit.document().characterCount() - 1) == ODD.replace("\ud800", "\ufffd")


def test_every_place_of_the_document_is_one_of_the_text() -> None:
    text = "a\r\n👩 b c"
    marked = MarkedText(text, [Span("X", 1.0, "", 3, 4), Span("Y", 1.0, "", 5, 8)], lambda label: 0)
    # a, line end, the two units of the woman, " X", space, "b c", " Y", end
    assert [marked.source_of(place) for place in range(13)] == [0, 1, 3, 4, 4, 4, 4, 5, 6, 7, 8, 8, 8]


def test_the_inner_of_nested_spans_is_on_top_and_told(shown) -> None:
    outer, inner = Span("ORG", 0.8, "", 16, 30), Span("LOC", 0.7, "", 16, 24)
    marked = MarkedText("Ana reads the … New York Times.", [outer, inner], lambda label: 0)
    assert [ground.depth for ground in marked.grounds] == [0, 1]
    place = marked.grounds[1].start + 2
    assert marked.span_at(place) == inner
    assert marked.span_at(marked.grounds[0].end - 1) == outer
    assert marked.span_at(marked.grounds[1].end) == outer


def test_spans_that_cross_are_both_shown(shown) -> None:
    view = shown(SpansView())
    view.show_result(Spans((Span("A", 1.0, "", 0, 7), Span("B", 1.0, "", 4, 12)), grouped=True), context(TEXT))
    assert written(view) == "Ana met A Béla B in New York."
    view.grab()


def test_tokens_of_one_kind_have_one_colour(shown) -> None:
    view = shown(SpansView())
    tokens = (
        Span("B-PER", 0.9, "An", 0, 2, 1),
        Span("I-PER", 0.8, "##a", 2, 3, 2),
        Span("B-LOC", 0.9, "New", 16, 19, 6),
    )
    view.show_result(Spans(tokens, grouped=False), context(TEXT))
    assert written(view).startswith("An B-PERa I-PER met")
    marked = MarkedText(TEXT, tokens, view._hue_of)
    first, second, third = (ground.color for ground in marked.grounds)
    assert first == second != third
    assert [kind_of(label) for label in ("B-PER", "X-RAY", "B-", "O")] == ["PER", "X-RAY", "B-", "O"]


def test_nothing_found_is_said_above_the_text(view: SpansView) -> None:
    view.show_result(Spans((), grouped=True), context("Nobody."))
    assert view.none.isVisible()
    assert not view.legend.isVisible()
    assert written(view) == "Nobody."
    assert view.text() == "Nothing was found in this text."


def test_markup_is_text(shown) -> None:
    view = shown(SpansView())
    view.show_result(Spans((Span("<u>", 0.5, "x", 0, 3),), grouped=True), context("<b>Ana</b> <img src='x'>"))
    assert written(view) == "<b> <u>Ana</b> <img src='x'>"


def test_a_huge_text_is_all_there_and_its_end_is_reached(shown, qtbot: QtBot) -> None:
    text = ("Ana went to see 👩 in Paris again. " * 3000)[:100_000]
    spans = tuple(Span("PER", 0.9, "Ana", at, at + 3) for at in range(0, 99_900, 34))
    view = shown(SpansView())
    view.show_result(Spans(spans, grouped=True), context(text))
    assert view.edit.is_filling
    view.edit.setFocus()
    qtbot.keyClick(view.edit, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: not view.edit.is_filling)
    assert view.edit.textCursor().atEnd()
    qtbot.keyClick(view.edit, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert view.edit.createMimeDataFromSelection().text() == text
    view.grab()


def test_switching_a_label_keeps_the_place(shown, qtbot: QtBot) -> None:
    text = "Ana is here.\n" * 400
    view = shown(SpansView())
    view.show_result(Spans((ANA, Span("LOC", 1.0, "", 4, 6)), grouped=True), context(text))
    bar = view.edit.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    before = bar.value()
    qtbot.mouseClick(view.legend.chips["PER"], Qt.MouseButton.LeftButton)
    assert abs(bar.value() - before) < 60
    view.show_result(FOUND, context(TEXT))
    assert bar.value() == 0
