"""What the next answers are made with: the system prompt and the parameters."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from workbench.chatting import ANSWER_TOKENS
from workbench.gui.language import tr
from workbench.gui.params_form import ParamsForm
from workbench.gui.widgets.basic import Button, Label, Panel, column, row
from workbench.gui.widgets.scrolled import Scrolled
from workbench.gui.widgets.theme import SPACE, mark
from workbench.tasks.catalog import TaskInfo

__all__ = ["ChatSettings"]

SYSTEM_PX = 96
SAID_MS = 300
PRESETS = {"max_new_tokens": ANSWER_TOKENS}


class ChatSettings(Panel):
    """Scrolls by itself; ``closed`` asks that it be put away."""

    system_changed = Signal(str)
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        mark(self, role="drawer")
        self._title = Label(role="heading")
        self._close = Button(icon="close", role="bare", tint="muted")
        self._close.clicked.connect(self.closed)
        self._system_title = Label()
        self.system = QPlainTextEdit()
        self.system.setTabChangesFocus(True)
        self.system.setFixedHeight(SYSTEM_PX)
        self._system_title.setBuddy(self.system)
        self._system_hint = Label(tone="muted", role="small", wrap=True)
        self.params = ParamsForm(needed=False, presets=PRESETS)
        self._said = QTimer(self)
        self._said.setSingleShot(True)
        self._said.setInterval(SAID_MS)
        self._said.timeout.connect(self.say)
        self.system.textChanged.connect(self._said.start)
        inner = QWidget()
        mark(inner, role="plain")
        layout = column(self._system_title, self.system, self._system_hint, self.params, 1, space=SPACE.small)
        layout.setContentsMargins(SPACE.large, SPACE.tight, SPACE.large, SPACE.large)
        inner.setLayout(layout)
        head = row(self._title, 1, self._close)
        head.setContentsMargins(SPACE.large, SPACE.small, SPACE.small, 0)
        whole = column(space=0)
        whole.addLayout(head)
        whole.addWidget(Scrolled(inner), 1)
        self.setLayout(whole)
        self.setMinimumWidth(280)
        self.retranslate()

    def retranslate(self) -> None:
        self._title.setText(tr("Settings of the chat"))
        self._close.describe(tr("Close the settings"))
        self._system_title.setText(tr("System prompt"))
        self.system.setAccessibleName(tr("System prompt"))
        self.system.setPlaceholderText(tr("How the model is to answer, e.g. “Answer briefly, in plain words.”"))
        self._system_hint.setText(tr("The model reads it before the conversation, from your next message on."))

    def set_task(self, task: TaskInfo) -> None:
        """Show the parameters of a task; what was set for it stays."""
        self.params.set_task(task)
        self.params.setVisible(not self.params.is_empty)

    def values(self) -> dict[str, Any]:
        """The parameters that were set, by their names."""
        return self.params.values()

    def say(self) -> None:
        """Tell the system prompt now, without waiting for the end of typing."""
        self._said.stop()
        self.system_changed.emit(self.system.toPlainText().strip())
