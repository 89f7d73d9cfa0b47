"""The chat as a user has it, with a model that talks by a script."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

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
    QWidget,
)
from pytestqt.qtbot import QtBot

from tests.gui.conftest import Open
from tests.gui.talker import Talker, core_of, dies, words
from workbench.errors import InputError, Notice
from workbench.gui.chat import Chat
from workbench.gui.chat_panel import ChatPanel
from workbench.gui.chat_question import MAX_BUBBLE, Question
from workbench.gui.main_window import MainWindow
from workbench.gui.views.prose import Prose
from workbench.gui.widgets.basic import Banner, Label
from workbench.results import Text

LEFT = Qt.MouseButton.LeftButton
ENTER = Qt.Key.Key_Return


class Talk:
    """A window with the chat, and what a user does in it."""

    def __init__(self, window: MainWindow, talker: Talker, qtbot: QtBot) -> None:
        self.window = window
        self.talker = talker
        self.qtbot = qtbot
        self.panel: ChatPanel = window.run_page.ways.panel
        self.chat: Chat = self.panel.chat
        self.editor = self.panel.composer.editor

    @property
    def focused(self) -> QWidget | None:
        """What has the cursor, whether or not the window is in front."""
        return self.window.focusWidget()

    def say(self, text: str, *, wait: bool = True) -> None:
        self.editor.setPlainText(text)
        self.qtbot.keyClick(self.editor, ENTER)
        if wait:
            self.done()

    def done(self) -> None:
        self.qtbot.waitUntil(lambda: not self.chat.running, timeout=20_000)

    def turns(self) -> list[tuple[str, str]]:
        return [(turn.role, turn.content) for turn in self.chat.conversation.turns]

    def prose(self) -> list[str]:
        """Running text of answers that is in sight or near it."""
        return [part.toPlainText() for part in self.panel.thread_view.made if isinstance(part, Prose)]

    def questions(self) -> list[Question]:
        return [part for part in self.panel.thread_view.made if isinstance(part, Question)]

    def banners(self) -> list[Banner]:
        return [part for part in self.panel.thread_view.made if isinstance(part, Banner)]

    def labels(self) -> list[str]:
        return [label.text() for part in self.panel.thread_view.made for label in part.findChildren(Label)]

    def button(self, name: str) -> QAbstractButton:
        """The last button of this name in the thread."""
        found = [
            button
            for part in self.panel.thread_view.made
            for button in part.findChildren(QAbstractButton)
            if name in (button.accessibleName(), button.text()) and button.isVisible()
        ]
        return found[-1]

    def sent(self, index: int = -1) -> list[Mapping[str, str]]:
        """The messages that a model got."""
        return list(self.talker.asked[index][1]["messages"])


@pytest.fixture
def talk(open_window: Open, qtbot: QtBot) -> Talk:
    made: list[Talker] = []
    window = open_window(core_of(made))
    window.activateWindow()
    qtbot.waitUntil(lambda: window.run_page.ways.chats)
    return Talk(window, made[0], qtbot)


def test_a_message_is_sent_and_answered(talk: Talk) -> None:
    talk.say("Hi")
    assert talk.turns() == [("user", "Hi"), ("assistant", "Hello **you**.")]
    assert talk.prose() == ["Hello you."]
    assert talk.editor.toPlainText() == ""
    assert "42.0 tokens/s · first token after 0.12 s · 4 tokens" in talk.labels()
    assert "q4 on CPU" in talk.labels()
    model, said, params = talk.talker.asked[0]
    assert model == "someone/talker"
    assert said == {"messages": [{"role": "user", "content": "Hi"}]}
    assert params["max_new_tokens"] == 1024
    talk.say("And now?")
    assert [each["content"] for each in talk.sent()] == ["Hi", "Hello **you**.", "And now?"]


def test_enter_sends_shift_enter_begins_a_line_and_nothing_is_not_sent(talk: Talk) -> None:
    talk.qtbot.keyClick(talk.editor, ENTER)
    talk.say("  \n ", wait=False)
    assert not talk.chat.running
    assert talk.turns() == []
    low = talk.editor.height()
    talk.editor.clear()
    talk.qtbot.keyClicks(talk.editor, "one")
    talk.qtbot.keyClick(talk.editor, ENTER, Qt.KeyboardModifier.ShiftModifier)
    talk.qtbot.keyClicks(talk.editor, "two")
    assert talk.editor.toPlainText() == "one\ntwo"
    assert talk.editor.height() >= low
    talk.qtbot.keyClick(talk.editor, ENTER)
    talk.done()
    assert talk.turns()[0] == ("user", "one\ntwo")


def gated(talk: Talk, text: str, after: int) -> None:
    """Have the next answer wait after this many parts."""

    def script(messages: Any) -> Iterator[Text]:
        for number, part in enumerate(words(text)):
            if number == after:
                talk.talker.gate.clear()
            yield part

    talk.talker.script = script


def test_an_answer_streams_and_is_stopped_by_escape(talk: Talk) -> None:
    gated(talk, "one two three four", 3)
    talk.editor.setFocus()
    talk.say("Count", wait=False)
    talk.qtbot.waitUntil(lambda: talk.prose() == ["one two thre"])
    assert talk.panel.composer.button.accessibleName() == "Stop"
    assert any("Writing… · 3 tokens" in said for said in talk.labels())
    talk.editor.setPlainText("typed meanwhile")
    talk.qtbot.keyClick(talk.editor, ENTER)  # is not sent, and stays
    assert len(talk.talker.asked) == 1
    talk.qtbot.keyClick(talk.editor, Qt.Key.Key_Escape)
    talk.done()
    assert talk.turns() == [("user", "Count"), ("assistant", "one two thre")]
    assert any(said.endswith("stopped") for said in talk.labels())
    assert talk.editor.toPlainText() == "typed meanwhile"
    assert talk.focused is talk.editor


def test_stopping_before_the_first_word_leaves_a_question_that_can_be_answered(talk: Talk) -> None:
    talk.talker.gate.clear()
    talk.say("Hi", wait=False)
    talk.qtbot.waitUntil(lambda: talk.chat.phase == "reading")
    talk.qtbot.mouseClick(talk.panel.composer.button, LEFT)
    talk.done()
    assert talk.turns() == [("user", "Hi")]
    assert [banner.text for banner in talk.banners()] == ["This message was not answered."]
    talk.talker.gate.set()
    talk.qtbot.mouseClick(talk.button("Answer it"), LEFT)
    talk.done()
    assert talk.turns() == [("user", "Hi"), ("assistant", "Hello **you**.")]
    assert talk.banners() == []
    assert talk.focused is talk.editor


def test_the_last_answer_is_made_again(talk: Talk) -> None:
    talk.say("Hi")
    talk.talker.script = lambda messages: words("Another one.")
    talk.qtbot.mouseClick(talk.button("Answer again"), LEFT)
    talk.done()
    assert talk.turns() == [("user", "Hi"), ("assistant", "Another one.")]
    assert talk.prose() == ["Another one."]
    assert [each["content"] for each in talk.sent()] == ["Hi"]
    talk.say("More")
    again = [
        button
        for button in talk.panel.thread_view.findChildren(QAbstractButton)
        if button.accessibleName() == "Answer again" and button.isVisible()
    ]
    assert len(again) == 1  # only the last one


def test_a_message_is_changed_and_sent_again(talk: Talk) -> None:
    talk.say("First")
    talk.say("Second")
    question = talk.questions()[0]
    talk.qtbot.mouseClick(question.edit, LEFT)
    assert talk.focused is question.editor
    assert question.editor.toPlainText() == "First"
    talk.qtbot.keyClick(question.editor, Qt.Key.Key_Escape)
    assert question.draft is None
    assert len(talk.turns()) == 4
    talk.qtbot.mouseClick(question.edit, LEFT)
    question.editor.setPlainText("")
    assert not question.send.isEnabled()
    question.editor.setPlainText("Changed")
    talk.qtbot.keyClick(question.editor, ENTER)
    talk.done()
    assert talk.turns() == [("user", "Changed"), ("assistant", "Hello **you**.")]
    assert [each["content"] for each in talk.sent()] == ["Changed"]
    assert [each.text.toPlainText() for each in talk.questions()] == ["Changed"]
    assert talk.focused is talk.editor


def test_nothing_is_changed_while_an_answer_is_made(talk: Talk) -> None:
    talk.say("Hi")
    gated(talk, "one two three", 1)
    talk.say("More", wait=False)
    talk.qtbot.waitUntil(lambda: talk.chat.phase == "writing")
    assert not any(question.edit.isEnabled() for question in talk.questions())
    assert not talk.chat.regenerate()
    assert not talk.chat.resend(0, "x")
    assert not talk.chat.send("x")
    talk.talker.gate.set()
    talk.done()
    assert all(question.edit.isEnabled() for question in talk.questions())


def test_copying(talk: Talk) -> None:
    talk.say("What *is* it?")
    talk.qtbot.mouseClick(talk.button("Copy the answer"), LEFT)
    assert QGuiApplication.clipboard().text() == "Hello **you**."
    talk.qtbot.mouseClick(talk.button("Copy"), LEFT)
    assert QGuiApplication.clipboard().text() == "What *is* it?"


def test_an_engine_that_dies_is_told_and_the_conversation_goes_on(talk: Talk) -> None:
    talk.talker.script = dies
    talk.say("Hi")
    assert talk.turns() == [("user", "Hi"), ("assistant", "This far")]
    assert "it was started again" in talk.banners()[0].text
    talk.talker.script = lambda messages: words("Back again.")
    talk.qtbot.mouseClick(talk.button("Try again"), LEFT)
    talk.done()
    assert talk.turns() == [("user", "Hi"), ("assistant", "Back again.")]
    assert talk.banners() == []
    talk.say("Good")
    assert len(talk.turns()) == 4


def test_a_message_that_cannot_be_answered_says_why(talk: Talk) -> None:
    talk.talker.item_error = InputError("input-not-found", file="x")
    talk.say("Hi")
    assert talk.turns() == [("user", "Hi")]
    assert [banner.text for banner in talk.banners()] == ["There is no file x."]
    talk.talker.item_error = None
    talk.say("Once more")
    assert talk.turns()[-1] == ("assistant", "Hello **you**.")
    assert talk.banners() == []


def test_a_mistake_in_the_app_is_told_and_raised(talk: Talk) -> None:
    def broken(messages: Any) -> Iterator[Text]:
        raise ZeroDivisionError

    talk.talker.script = broken
    with talk.qtbot.captureExceptions() as caught:
        talk.say("Hi")
    assert [kind for kind, _, _ in caught] == [ZeroDivisionError]
    assert "mistake in the app" in talk.banners()[0].text


def test_warnings_of_an_answer_stand_below_it(talk: Talk) -> None:
    talk.talker.notices = (Notice.of("provider-fallback", wanted="CUDA", model="x", got="CPU"),)
    talk.say("Hi")
    assert [banner.text[:22] for banner in talk.banners()] == ["CUDA could not be had,"]
    talk.window.appearance.set_language("zh_CN")
    talk.qtbot.waitUntil(lambda: "CUDA" in talk.banners()[0].text and "无法" in talk.banners()[0].text)


def test_another_model_goes_on_with_the_conversation(talk: Talk) -> None:
    talk.say("Hi")
    gated(talk, "one two three", 2)
    talk.say("More", wait=False)
    talk.qtbot.waitUntil(lambda: talk.chat.phase == "writing")
    talk.window.sidebar.select("someone/other")
    talk.done()  # what was being written is kept as far as it came
    assert talk.turns()[2][1] == "More"
    assert talk.window.run_page.ways.chats
    talk.talker.gate.set()
    talk.talker.script = lambda messages: words("I am another.")
    talk.say("And you?")
    assert talk.talker.asked[-1][0] == "someone/other"
    assert [each["content"] for each in talk.sent()][:2] == ["Hi", "Hello **you**."]
    assert "talker" in talk.labels()
    assert "other" in talk.labels()


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


def test_a_model_that_cannot_chat_has_the_form_alone(open_window: Open, qtbot: QtBot) -> None:
    made: list[Talker] = []
    window = open_window(core_of(made, chatty=False))
    qtbot.waitUntil(lambda: window.run_page.entry is not None and window.run_page.ways.known, timeout=20_000)
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
    talk.qtbot.mouseClick(talk.panel.options, LEFT)
    assert not settings.isVisible()
    assert talk.focused is talk.editor
    talk.qtbot.keyClick(talk.panel, QKeySequence("Ctrl+N")[0].key(), Qt.KeyboardModifier.ControlModifier)
    assert talk.turns() == []
    talk.say("Again")
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
    from tests.gui.test_window import drop, files

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
    talk.talker.gate.set()
    talk.done()
    assert bar.value() == 100
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
