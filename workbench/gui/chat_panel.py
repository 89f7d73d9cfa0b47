"""The chat with a model: what was said, the box for the next message, settings beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QApplication, QSplitter, QWidget

from workbench.gui.background import Background
from workbench.gui.chat import Chat
from workbench.gui.chat_composer import Composer
from workbench.gui.chat_saver import ChatSaver
from workbench.gui.chat_settings import ChatSettings
from workbench.gui.chat_thread import ChatThread
from workbench.gui.chat_where import ChatWhere
from workbench.gui.core import Core
from workbench.gui.language import tr
from workbench.gui.runs import Order
from workbench.gui.widgets.basic import Button, IconLabel, Label, Panel, column
from workbench.gui.widgets.theme import SPACE
from workbench.gui.widgets.turned import Turned
from workbench.tasks.catalog import TaskInfo

__all__ = ["ChatPanel"]

# Below this width the settings stand above the conversation.
SIDE_BY_SIDE_PX = 760
SETTINGS_PX = 352


class ChatPanel(Panel):
    """One conversation for all models that can chat."""

    def __init__(
        self, core: Core, background: Background, order_of: Callable[[Any, dict[str, Any]], Order | None]
    ) -> None:
        """``order_of(input, params)`` makes an order for the model that is chosen; None where there is none."""
        super().__init__()
        self._narrow = False
        self.settings = ChatSettings()
        self.chat = Chat(core, background, lambda said: order_of(said, self.settings.values()), self)
        self.thread_view = ChatThread(self.chat)
        self.where = ChatWhere()
        self.composer = Composer()
        self.saver = ChatSaver(background, lambda words, tone: self.composer.banner.tell(words, tone=tone), self)
        self.new = Button(icon="plus", role="quiet", tint="muted")
        self.save = Button(icon="save", role="quiet", tint="muted")
        self.options = Button(icon="settings", role="quiet", tint="muted")
        self.options.setCheckable(True)
        self._greeting = self._make_greeting()
        said = QWidget()
        self._stack = Turned(said, self._greeting, self.thread_view)
        talk = QWidget()
        inner = column(space=0)
        inner.addWidget(said, 1)
        inner.addWidget(self.where)
        inner.addWidget(self.composer)
        talk.setLayout(inner)
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.addWidget(talk)
        self._splitter.addWidget(self.settings)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setHandleWidth(1)
        self._splitter.setStretchFactor(0, 1)
        self._splitter.setStretchFactor(1, 0)
        self._splitter.setSizes([800, SETTINGS_PX])
        self.settings.hide()
        self.setLayout(column(self._splitter, space=0))
        self._connect()
        self._show()
        self.retranslate()

    def _connect(self) -> None:
        self.composer.send_requested.connect(self._send)
        self.composer.stop_requested.connect(self.chat.stop)
        self.composer.editor.paged.connect(self._page)
        self.new.clicked.connect(self._begin_anew)
        self.save.clicked.connect(lambda: self.saver.ask(self.chat.conversation))
        self.options.toggled.connect(self._show_settings)
        self.settings.closed.connect(lambda: self.options.setChecked(False))
        self.settings.system_changed.connect(self.chat.set_system)
        self.chat.changed.connect(self._show)
        self.chat.answered.connect(self.where.show_report)
        self.thread_view.asked.connect(self.take_focus)
        QShortcut(QKeySequence.StandardKey.New, self, self._begin_anew)

    def retranslate(self) -> None:
        self.new.describe(tr("New chat"))
        self.save.describe(tr("Save the conversation…"))
        self.options.describe(tr("Settings: system prompt and parameters"))
        self._name_buttons()
        self._welcome.setText(tr("What would you like to talk about?"))
        self._private.setText(tr("The model runs on this machine; nothing you write leaves it. It can be wrong."))
        for button, text in zip(self._examples, _examples(), strict=True):
            button.setText(text)
        self._show()

    @property
    def parts(self) -> tuple[QWidget, ...]:
        """What wears a style sheet of its own."""
        return (self._greeting, self.thread_view, self.where, self.composer, self.settings)

    def set_task(self, task: TaskInfo) -> None:
        """Show the parameters of the task that chats."""
        self.settings.set_task(task)

    def set_narrow(self, narrow: bool) -> None:
        """Whether the buttons show their icons alone."""
        if narrow != self._narrow:
            self._narrow = narrow
            self._name_buttons()

    def _name_buttons(self) -> None:
        self.new.setText("" if self._narrow else tr("New chat"))
        self.save.setText("" if self._narrow else tr("Save…"))
        self.options.setText("" if self._narrow else tr("Settings"))

    def leave(self) -> None:
        """Another model is chosen; the conversation stays."""
        self.chat.leave()
        self.where.clear()

    def take_focus(self) -> None:
        self.composer.editor.setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wide = self.width() >= SIDE_BY_SIDE_PX
        wanted = Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical
        if self._splitter.orientation() != wanted:
            self._splitter.setOrientation(wanted)
            self._splitter.insertWidget(1 if wide else 0, self.settings)
            self._splitter.setSizes([800, SETTINGS_PX] if wide else [self.height() * 2 // 5, self.height() * 3 // 5])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        is_escape, focused = event.matches(QKeySequence.StandardKey.Cancel), QApplication.focusWidget()
        if is_escape and self.chat.running:
            self.chat.stop()
        elif is_escape and focused is not None and self.settings.isAncestorOf(focused):
            self.options.setChecked(False)
        else:
            super().keyPressEvent(event)

    def _send(self, text: str) -> None:
        self.settings.say()
        if self.chat.send(text):
            self.composer.clear()
            self.thread_view.follow()

    def _begin_anew(self) -> None:
        self.chat.clear()
        self.where.clear()
        self.composer.banner.clear()
        self.take_focus()

    def _page(self, key: int) -> None:
        press = QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(self.thread_view, press)

    def _show(self) -> None:
        chat = self.chat
        self.composer.set_running(chat.running)
        self._stack.setCurrentWidget(self._greeting if chat.is_empty else self.thread_view)
        self.new.setEnabled(not chat.is_empty)
        self.save.setEnabled(not chat.is_empty)

    def _show_settings(self, shown: bool) -> None:
        self.settings.setVisible(shown)
        if shown:
            self.settings.system.setFocus()
        else:
            self.take_focus()

    def _make_greeting(self) -> QWidget:
        made = QWidget()
        self._welcome = Label(role="title", wrap=True)
        self._private = Label(tone="muted", wrap=True)
        for label in (self._welcome, self._private):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._examples = [Button(role="chip") for _ in _examples()]
        for button in self._examples:
            button.clicked.connect(self._take_example)
        icon = IconLabel("chat", "accent", 40)
        layout = column(1, icon, self._welcome, self._private, space=SPACE.small, margins=SPACE.large)
        layout.addSpacing(SPACE.medium)
        for button in self._examples:
            layout.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(2)
        layout.setAlignment(icon, Qt.AlignmentFlag.AlignHCenter)
        made.setLayout(layout)
        return made

    def _take_example(self) -> None:
        sender: QObject = self.sender()
        assert isinstance(sender, Button)
        self.composer.editor.replace(sender.text())
        self.take_focus()


def _examples() -> tuple[str, ...]:
    return (
        tr("Explain in simple words how a vaccine works."),
        tr("Write a short, friendly reminder about an unpaid invoice."),
        tr("Make a table of three planets and their moons."),
    )
