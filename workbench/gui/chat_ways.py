"""Two ways to use a model that writes text: to talk with it, where it can chat, or to have it go on from a text."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QStackedLayout, QWidget

from workbench.errors import WorkbenchError
from workbench.gui.background import Background, Job
from workbench.gui.chat_panel import ChatPanel
from workbench.gui.core import Core
from workbench.gui.language import tr
from workbench.gui.widgets.basic import Button, Panel, column, line, row
from workbench.gui.widgets.theme import SPACE
from workbench.tasks.catalog import TASKS

__all__ = ["CHAT_TASK", "ChatWays"]

CHAT_TASK = "text-generation"
# Below this width the buttons of the bar show only their icons.
NARROW_PX = 520


class ChatWays(Panel):
    """Shows the chat in ``panel`` or, for every other model and task, ``form``."""

    def __init__(
        self,
        core: Core,
        background: Background,
        form: QWidget,
        panel: ChatPanel,
    ) -> None:
        super().__init__()
        self._core = core
        self._background = background
        self._known: dict[tuple[str, str | None], bool] = {}  # whether it can chat, by model and precision
        self._shown: tuple[str, str | None] | None = None
        self._wants_chat = True
        self.panel = panel
        self.panel.set_task(TASKS[CHAT_TASK])
        self.chat = Button(icon="chat", role="segment")
        self.form = Button(icon="text", role="segment")
        group = QButtonGroup(self)
        for button in (self.chat, self.form):
            button.setCheckable(True)
            group.addButton(button)
        self.chat.setChecked(True)
        self.chat.clicked.connect(partial(self._choose, True))
        self.form.clicked.connect(partial(self._choose, False))
        self._tools = (self.panel.new, self.panel.save, self.panel.options)
        bar = row(self.chat, self.form, 1, *self._tools, space=SPACE.tight)
        bar.setContentsMargins(SPACE.large, SPACE.tight, SPACE.large, SPACE.tight)
        inner = column(space=0)
        inner.addLayout(bar)
        inner.addWidget(line())
        self.bar = QWidget()
        self.bar.setLayout(inner)
        self.bar.hide()
        below = QWidget()
        self._stack = QStackedLayout(below)  # without a widget it would show its first page as a window
        self._stack.addWidget(form)
        self._stack.addWidget(self.panel)
        layout = column(self.bar, space=0)
        layout.addWidget(below, 1)
        self.setLayout(layout)
        self.retranslate()

    def retranslate(self) -> None:
        self.chat.setText(tr("Chat"))
        self.chat.setToolTip(tr("Talk with the model"))
        self.form.setText(tr("Completion"))
        self.form.setToolTip(tr("Have the model go on from a text"))

    @property
    def parts(self) -> tuple[QWidget, ...]:
        """What wears a style sheet of its own, beside the form."""
        return (self.bar, *self.panel.parts)

    @property
    def chats(self) -> bool:
        """Whether the chat is shown."""
        return self._stack.currentWidget() is self.panel

    def minimumSizeHint(self) -> QSize:
        return QSize(300, 200)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.panel.set_narrow(self.width() < NARROW_PX)

    def show_model(self, name: str, task: str | None, precision: str | None, provider: str | None) -> None:
        """Offer the chat where the task is to write text and the model can chat."""
        shown = (name, precision) if task == CHAT_TASK else None
        if shown is not None and shown == self._shown:
            return
        same_model = shown is not None and self._shown is not None and shown[0] == self._shown[0]
        self._shown = shown
        if not same_model:
            self.panel.leave()
        if shown is None:
            self._offer(False)
        elif shown in self._known:
            self._offer(self._known[shown])
        else:
            self._ask(shown, provider)

    def _ask(self, shown: tuple[str, str | None], provider: str | None) -> None:
        name, precision = shown

        def work(job: Job) -> bool:
            workbench = self._core.workbench
            target = workbench.target(name, task=CHAT_TASK, precision=precision, provider=provider)
            return workbench.can_chat(target)

        def done(can: bool) -> None:
            self._known[shown] = can
            if self._shown == shown:
                self._offer(can)

        def failed(error: Exception) -> None:
            if not isinstance(error, WorkbenchError):
                raise error
            if self._shown == shown:  # why it cannot run is said by its run
                self._offer(False)

        self._background.start(work, done=done, failed=failed)

    def _offer(self, can: bool) -> None:
        self.bar.setVisible(can)
        self._show(can and self._wants_chat)

    def _choose(self, chat: bool) -> None:
        self._wants_chat = chat
        self._show(chat)
        if chat:
            self.panel.take_focus()

    def _show(self, chat: bool) -> None:
        self._stack.setCurrentIndex(1 if chat else 0)
        for button in self._tools:
            button.setVisible(chat)
