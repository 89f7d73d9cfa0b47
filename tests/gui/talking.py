"""A window with the chat, and what a user does in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QWidget
from pytestqt.qtbot import QtBot

from tests.gui.talker import Talker, words
from workbench.gui.chat import Chat
from workbench.gui.chat_panel import ChatPanel
from workbench.gui.chat_question import Question
from workbench.gui.main_window import MainWindow
from workbench.gui.views.prose import Prose
from workbench.gui.widgets.basic import Banner, Label
from workbench.results import Text

__all__ = ["ENTER", "LEFT", "Talk", "gated"]

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
        self.qtbot.waitUntil(lambda: not self.chat.running and not self.panel.thread_view.is_behind, timeout=20_000)

    def turns(self) -> list[tuple[str, str]]:
        return [(turn.role, turn.text) for turn in self.chat.conversation.turns]

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


def gated(talk: Talk, text: str, after: int) -> None:
    """Have the next answer wait after this many parts."""

    def script(messages: Any) -> Iterator[Text]:
        for number, part in enumerate(words(text)):
            if number == after:
                talk.talker.gate.clear()
            yield part

    talk.talker.script = script
