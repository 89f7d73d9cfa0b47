"""Text that a model writes, while it grows."""

from __future__ import annotations

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.gui.views.fakes import ODD, context
from workbench.gui.views.text import TextView
from workbench.results import Text

LINES = "One more line of this text.\n" * 60


def show(view: TextView, text: str, finish: str = "") -> None:
    view.show_result(Text(text, len(text.split()), finish), context("Write"))


def test_new_words_are_added_and_a_choice_stays(shown) -> None:
    view = shown(TextView())
    show(view, "Once upon")
    cursor = view.edit.textCursor()
    cursor.setPosition(4, cursor.MoveMode.KeepAnchor)
    view.edit.setTextCursor(cursor)
    changes: list[tuple[int, int, int]] = []
    view.edit.document().contentsChange.connect(lambda *change: changes.append(change))
    show(view, "Once upon a time")
    assert view.edit.toPlainText() == "Once upon a time"
    assert changes == [(9, 0, 7)]
    assert view.edit.textCursor().selectedText() == "Once"


def test_the_end_of_a_part_may_change(shown) -> None:
    view = shown(TextView())
    show(view, "Fly 👩\ufffd")
    show(view, "Fly 👩‍🚀 on")
    assert view.edit.toPlainText() == "Fly 👩‍🚀 on"
    show(view, "Fly")
    assert view.edit.toPlainText() == "Fly"
    show(view, "Another")
    assert view.edit.toPlainText() == "Another"
    show(view, "")
    assert view.edit.toPlainText() == ""


def test_the_end_stays_in_sight_where_it_was(shown, qtbot: QtBot) -> None:
    view = shown(TextView())
    show(view, LINES)
    bar = view.edit.verticalScrollBar()
    view.edit.setFocus()
    qtbot.keyClick(view.edit, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    show(view, LINES + LINES)
    assert bar.value() == bar.maximum()


def test_who_reads_further_up_is_not_disturbed(shown) -> None:
    view = shown(TextView())
    show(view, LINES)
    bar = view.edit.verticalScrollBar()
    bar.setValue(100)
    show(view, LINES + LINES)
    assert bar.value() == 100


def test_it_is_followed_from_the_beginning_on(shown) -> None:
    view = shown(TextView())
    for count in range(1, 80):
        show(view, "A line.\n" * count)
    bar = view.edit.verticalScrollBar()
    assert bar.maximum() > 0
    assert bar.value() == bar.maximum()


def test_why_it_ended(shown) -> None:
    view = shown(TextView())
    show(view, "One two")
    assert view.note.text() == "2 tokens"
    show(view, "One two", "length")
    assert view.note.text() == "2 tokens · Stopped at the limit of new tokens."
    show(view, "One", "stop")
    assert view.note.text() == "1 token · The text is complete."


def test_no_text_is_said_only_at_the_end(shown) -> None:
    view = shown(TextView())
    show(view, "")
    assert view.edit.isVisible()
    show(view, " \n", "stop")
    assert not view.edit.isVisible()
    show(view, "Now", "stop")
    assert view.edit.isVisible()


def test_odd_text_is_shown_as_it_is(shown) -> None:
    view = shown(TextView())
    show(view, ODD)
    assert view.edit.toPlainText() == ODD.replace("\r\n", "\n").replace("\ud800", "\ufffd")
    assert view.text() == ODD
    show(view, ODD + " 🚀")
    assert view.edit.toPlainText().endswith("\ufffd! 🚀")


def test_a_hundred_thousand_characters_grow(shown) -> None:
    view = shown(TextView())
    text = "word 👩 " * 14_000
    show(view, text)
    show(view, text + "end")
    assert view.edit.toPlainText() == text + "end"


def test_a_text_about_a_picture_has_it_above(shown) -> None:
    view = shown(TextView())
    view.show_result(Text("A cup.", 3, "stop"), context("/a.png", "image"))
    assert view.picture.isVisible()
    assert view.picture.is_loaded
    view.show_result(Text("Once.", 3, "stop"), context("Once"))
    assert not view.picture.isVisible()
