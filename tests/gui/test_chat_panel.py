"""What is around the conversation: settings, saving, links, files, languages, the keyboard."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QFileDialog,
    QLineEdit,
    QMessageBox,
    QPlainTextEdit,
    QTextEdit,
)
from pytestqt.qtbot import QtBot

from tests.gui.conftest import Open
from tests.gui.receipts.fakes import receipt
from tests.gui.talker import Talker, core_of, words
from tests.gui.talking import LEFT, Talk, gated
from tests.gui.test_window import drop, files
from workbench.gui.chat_question import MAX_BUBBLE
from workbench.gui.receipts import Judged, ReceiptState
from workbench.gui.views.prose import Prose


def test_the_form_for_plain_completion_stays_possible(talk: Talk) -> None:
    ways = talk.window.run_page.ways
    talk.say("Hi")
    talk.qtbot.mouseClick(ways.form, LEFT)
    page = talk.window.run_page
    assert page.splitter.isVisible()
    page.input.set_text("Once upon")
    talk.qtbot.mouseClick(page.input.run, LEFT)
    talk.qtbot.waitUntil(lambda: not page.runs.running)
    assert talk.talker.asked[-1][1] == "Once upon"
    talk.window.sidebar.select("someone/other")
    talk.qtbot.waitUntil(lambda: page.splitter.isVisible())  # the choice holds for other models
    talk.qtbot.mouseClick(ways.chat, LEFT)
    assert ways.chats
    assert talk.prose() == ["Hello you."]
    assert talk.focused is talk.editor


def test_below_the_conversation_stands_where_the_latest_answer_was_made(talk: Talk) -> None:
    page, line = talk.window.run_page, talk.panel.where
    assert not line.isVisible()
    talk.say("Hi")
    assert line.isVisible()
    assert "Ran on CPU in q4" in line.accessibleName()
    assert not line.verdict.isVisible()
    assert not line.details.isVisible()  # nothing to warn of, and no record of nodes
    assert page.entry
    key = (page.entry.name, "text-generation")
    measured = replace(receipt().rows[0], precision="q4", provider="cpu")
    judged = (Judged(receipt(rows=(measured,))),)
    talk.window.receipts._of(key).state = ReceiptState(measurable=True, judged=judged)
    talk.window.receipts.changed.emit(*key)
    assert line.verdict.isVisible()
    talk.qtbot.mouseClick(talk.panel.new, LEFT)
    assert not line.isVisible()
    talk.say("Again")
    assert line.isVisible()
    assert line.verdict.isVisible()
    talk.qtbot.mouseClick(line.verdict.receipt, LEFT)
    talk.qtbot.waitUntil(lambda: talk.window.pages.currentWidget() is talk.window.beside.receipt)
    talk.window.beside.close()
    talk.window.sidebar.select("someone/other")
    talk.qtbot.waitUntil(lambda: page.entry is not None and page.entry.name == "someone/other")
    assert not line.isVisible()  # the line is about the model that is chosen


def test_a_model_that_cannot_chat_has_the_form_alone(open_window: Open, qtbot: QtBot) -> None:
    made: list[Talker] = []
    window = open_window(core_of(made, chatty=False))
    qtbot.waitUntil(lambda: window.run_page.entry is not None and made[0].looked, timeout=20_000)
    qtbot.waitUntil(lambda: not window._background.jobs, timeout=20_000)
    assert not window.run_page.ways.chats
    assert not window.run_page.ways.bar.isVisible()
    assert window.run_page.splitter.isVisible()


def test_the_system_prompt_and_parameters_count_from_the_next_message_on(talk: Talk) -> None:
    talk.qtbot.mouseClick(talk.panel.options, LEFT)
    settings = talk.panel.settings
    assert settings.isVisible()
    assert talk.focused is settings.system
    settings.system.setPlainText("Be brief.")
    spin = next(field for field in settings.params.fields() if field.accessibleName() == "New tokens at most")
    spin.setValue(7)  # type: ignore[attr-defined]
    talk.say("Hi")
    assert talk.sent()[0] == {"role": "system", "content": "Be brief."}
    assert talk.talker.asked[-1][2]["max_new_tokens"] == 7
    talk.qtbot.keyClick(spin, Qt.Key.Key_Escape)
    assert not settings.isVisible()
    assert not talk.panel.options.isChecked()
    assert talk.focused is talk.editor
    talk.window.activateWindow()
    talk.qtbot.waitUntil(talk.window.isActiveWindow)
    talk.qtbot.keyClick(talk.panel, QKeySequence("Ctrl+N")[0].key(), Qt.KeyboardModifier.ControlModifier)
    talk.qtbot.waitUntil(lambda: talk.turns() == [])
    talk.say("Again")
    assert "System prompt: Be brief." in talk.labels()
    assert talk.sent()[0] == {"role": "system", "content": "Be brief."}  # a new chat keeps it


@pytest.mark.parametrize(("typed", "chosen", "name"), [("a", "JSON (*.json)", "a.json"), ("a.md", "", "a.md")])
def test_the_conversation_is_saved(
    talk: Talk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, chosen: str, name: str
) -> None:
    assert not talk.panel.save.isEnabled()
    talk.say("Hi")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(tmp_path / typed), chosen))
    with talk.qtbot.waitSignal(talk.panel.saver.saved):
        talk.qtbot.mouseClick(talk.panel.save, LEFT)
    said = (tmp_path / name).read_text("utf-8")
    if name.endswith(".json"):
        assert json.loads(said) == talk.chat.conversation.to_json()
    else:
        assert said == talk.chat.conversation.to_markdown()
        assert "Hello **you**." in said
    assert talk.panel.composer.banner.text == f"Saved to {tmp_path / name}"
    talk.panel.saver.save(tmp_path / "there is no folder" / "a.md", talk.chat.conversation)
    talk.qtbot.waitUntil(lambda: "cannot be written" in talk.panel.composer.banner.text)


def test_a_new_chat_begins_empty_even_while_an_answer_is_made(talk: Talk) -> None:
    gated(talk, "one two three", 2)
    talk.say("Hi", wait=False)
    talk.qtbot.waitUntil(lambda: talk.chat.phase == "writing")
    talk.qtbot.mouseClick(talk.panel.new, LEFT)
    assert not talk.chat.running
    assert talk.turns() == []
    talk.talker.gate.set()
    talk.talker.script = lambda messages: words("Fresh.")
    talk.say("Hello")
    assert talk.turns() == [("user", "Hello"), ("assistant", "Fresh.")]


def test_an_example_is_put_into_the_box(talk: Talk) -> None:
    example = talk.panel._examples[0]
    talk.qtbot.mouseClick(example, LEFT)
    assert talk.editor.toPlainText() == example.text()
    assert talk.focused is talk.editor


def test_language_and_theme_change_while_it_is_open(talk: Talk) -> None:
    talk.say("Hi")
    question = talk.questions()[0]
    question.begin_edit()
    talk.window.appearance.set_language("zh_CN")
    talk.qtbot.waitUntil(lambda: talk.panel.composer.button.accessibleName() == "发送")
    assert any("词元/秒" in said for said in talk.labels())
    assert question.draft == "Hi"
    talk.window.appearance.set_theme("dark")
    talk.qtbot.waitUntil(lambda: talk.window.palette().window().color().lightness() < 60)
    assert talk.prose() == ["Hello you."]
    talk.window.appearance.set_theme("light")
    talk.window.appearance.set_language("en")
    talk.qtbot.waitUntil(lambda: talk.panel.composer.button.accessibleName() == "Send")


def choose(name: str, seen: list[str]) -> None:
    box = QApplication.activeModalWidget()
    assert isinstance(box, QMessageBox)
    seen.append(box.text() + "\n" + box.informativeText().replace("\u200b", ""))
    seen.append(",".join(button.text() for button in box.buttons()))
    next(button for button in box.buttons() if button.text() == name).click()


@pytest.mark.parametrize(
    ("address", "answer", "opened"),
    [
        ("https://example.org/a?b=c", "Open", True),
        ("https://example.org/a?b=c", "Cancel", False),
        ("https://example.org/a?b=c", "Copy the address", False),
        ("javascript:alert(1)", "Cancel", False),
        ("file:///etc/passwd", "Cancel", False),
        ("smb://host/share", "Cancel", False),
        ("x-app:run", "Copy the address", False),
    ],
)
def test_a_link_is_opened_only_after_asking(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, address: str, answer: str, opened: bool
) -> None:
    followed: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: followed.append(url.toString()))
    talk.talker.script = lambda messages: words(f"See [this]({address}).")
    talk.say("Where?")
    seen: list[str] = []
    QTimer.singleShot(50, lambda: choose(answer, seen))
    prose = next(part for part in talk.panel.thread_view.made if isinstance(part, Prose))
    prose.anchorClicked.emit(QUrl(address))
    assert address in seen[0]
    assert ("Open" in seen[1].split(",")) == address.startswith("https")
    assert followed == ([address] if opened else [])
    if answer.startswith("Copy"):
        assert QGuiApplication.clipboard().text() == address


def test_a_text_that_is_dropped_becomes_part_of_the_message(talk: Talk, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("from a file", "utf-8")
    talk.editor.setPlainText("Sum up: ")
    talk.editor.moveCursor(talk.editor.textCursor().MoveOperation.End)
    drop(talk.window, files(tmp_path / "a.txt"))
    talk.qtbot.waitUntil(lambda: talk.editor.toPlainText() == "Sum up: from a file")
    talk.panel.composer.insert("x" * 300_000)
    assert "300,000 characters" in talk.panel.composer.banner.text


def test_a_long_message_is_shown_in_part_and_sent_whole(talk: Talk) -> None:
    text = "word " * 20_000
    talk.say(text)
    assert talk.sent()[0]["content"] == text
    question = talk.questions()[0]
    assert len(question.text.toPlainText()) <= MAX_BUBBLE
    assert f"… and {len(text) - MAX_BUBBLE:,} more characters" in talk.labels()


def test_what_changes_in_one_turn_is_shown_together(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    talk.say("Hi")
    view = talk.panel.thread_view
    placed: list[int] = []
    set_rows = view.set_rows
    monkeypatch.setattr(view, "set_rows", lambda rows: placed.append(1) or set_rows(rows))
    talk.chat.set_system("Be brief.")
    talk.chat.set_system("Be kind.")
    view.follow()
    assert view.is_behind
    assert placed == []
    talk.done()
    assert len(placed) == 1
    assert any("Be kind." in label for label in talk.labels())


def test_the_view_stays_where_the_reader_is(talk: Talk) -> None:
    talk.talker.script = lambda messages: words("line of text\n\n" * 60, 40)
    talk.say("Hi")
    bar = talk.panel.thread_view.verticalScrollBar()
    assert bar.maximum() > 0
    assert bar.value() == bar.maximum()
    gated(talk, "line of text\n\n" * 60, 10)
    talk.say("More", wait=False)
    talk.qtbot.waitUntil(lambda: talk.chat.phase == "writing")
    bar.setValue(100)
    view = talk.panel.thread_view
    talk.qtbot.waitUntil(lambda: not view._later.isActive())  # what comes into sight is measured, in turns
    stays = bar.value()
    assert abs(stays - 100) < 10
    talk.talker.gate.set()
    talk.done()
    assert bar.value() == stays
    assert talk.panel.thread_view.to_end.isVisible()


def test_closing_while_an_answer_is_made_asks(talk: Talk) -> None:
    gated(talk, "one two three", 1)
    talk.say("Hi", wait=False)
    talk.qtbot.waitUntil(lambda: talk.chat.phase == "writing")
    assert "A model is running" in type(talk.window)._goes_on(talk.window)
    talk.talker.gate.set()
    talk.done()
    assert type(talk.window)._goes_on(talk.window) == ""


def test_everything_has_a_name_and_can_be_reached(talk: Talk) -> None:
    talk.talker.script = lambda messages: words("Text [link](https://example.org).\n\n```py\nx\n```\n")
    talk.say("Hi")
    talk.questions()[0].begin_edit()
    talk.qtbot.mouseClick(talk.panel.options, LEFT)
    unnamed, unreachable = [], []
    for kind in (QAbstractButton, QPlainTextEdit, QTextEdit, QLineEdit):
        for widget in talk.panel.findChildren(kind):
            if not widget.isVisibleTo(talk.window) or widget.objectName().startswith("qt_"):
                continue
            if not (widget.accessibleName() or (isinstance(widget, QAbstractButton) and widget.text())):
                unnamed.append(repr(widget))
            if not widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
                unreachable.append(repr(widget))
    assert unnamed == []
    assert unreachable == []


def test_the_keyboard_reads_all_of_a_long_answer(talk: Talk) -> None:
    talk.talker.script = lambda messages: words("word " * 400, 100)
    talk.window.resize(1200, 400)
    talk.say("Hi")
    view = talk.panel.thread_view
    prose = next(part for part in view.made if isinstance(part, Prose))
    prose.setFocus()
    talk.qtbot.keyClick(prose, Qt.Key.Key_Home, Qt.KeyboardModifier.ControlModifier)
    top = prose.mapTo(view, prose.cursorRect().topLeft()).y()
    assert 0 <= top < view.height()
    talk.qtbot.keyClick(prose, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    bottom = prose.mapTo(view, prose.cursorRect().bottomLeft()).y()
    assert top < bottom <= view.height()
    talk.qtbot.keyClick(talk.editor, Qt.Key.Key_PageUp)
    assert not view.follows
    talk.qtbot.keyClick(talk.editor, Qt.Key.Key_PageDown)
    talk.qtbot.keyClick(talk.editor, Qt.Key.Key_PageDown)
    assert view.follows
