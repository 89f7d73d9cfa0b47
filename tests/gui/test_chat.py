"""Talking with a model in the window: send, stream, stop, again, change, errors. The model talks by a script."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractButton

from tests.gui.talker import dies, words
from tests.gui.talking import ENTER, LEFT, Talk, gated
from workbench.errors import InputError, Notice
from workbench.results import Text


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
    assert not question.editing.send.isEnabled()
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
    talk.talker.notices = (Notice.of("provider-fallback", wanted="CUDA", got="CPU", reason="no driver"),)
    talk.say("Hi")
    assert [banner.text[:22] for banner in talk.banners()] == ["CUDA could not be had "]
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
