"""A conversation with the model that is chosen: what was said, what is being answered, what went wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QObject, QTimer, Signal

from workbench.chatting import Conversation
from workbench.errors import Notice, WorkbenchError
from workbench.gui.background import Background
from workbench.gui.core import Core
from workbench.gui.language import message_of, tr
from workbench.gui.runs import Order, Runs
from workbench.results import Text

if TYPE_CHECKING:
    from workbench.api import RunTarget
    from workbench.results import Result
    from workbench.running import RunReport

__all__ = ["Chat", "Phase", "Reply"]

# A growing answer is shown so often; a model can write faster than anybody reads.
SHOWN_MS = 66

Phase = Literal["", "loading", "reading", "writing", "stopping"]


@dataclass(frozen=True)
class Reply:
    """What is known of an answer besides its words. ``asked`` and ``got`` are execution providers; ``stopped`` tells
    that it did not come to its end."""

    model: str
    precision: str = ""
    asked: str = ""
    got: tuple[str, ...] = ()
    text: Text | None = None
    notices: tuple[Notice, ...] = ()
    stopped: bool = False


class Chat(QObject):
    """Holds one conversation, whatever model answers next. ``order_of(input)`` makes the order for a run; None where
    no model that can chat is chosen."""

    changed = Signal()  # what was said, or what is going on
    answered = Signal(object)  # RunReport of an answer that came to its end
    grew = Signal()  # the answer that is being written, at most every 66 ms

    def __init__(
        self,
        core: Core,
        background: Background,
        order_of: Callable[[Any], Order | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.runs = Runs(core, background, self)
        self.conversation = Conversation()
        self.replies: dict[int, Reply] = {}  # by the place of the answer among the turns
        self.growing: Text | None = None
        self.writing_since_s = 0.0
        self.phase: Phase = ""
        self.trouble: Callable[[], str] | None = None  # why the last question was not answered
        self._order_of = order_of
        self._coming = Reply("")
        self._tell = QTimer(self)
        self._tell.setSingleShot(True)
        self._tell.setInterval(SHOWN_MS)
        self._tell.timeout.connect(self.grew)
        runs = self.runs
        runs.loaded.connect(self._loaded)
        runs.partial.connect(self._partial)
        runs.finished.connect(self._finished)
        runs.failed.connect(self._failed)
        runs.cancelled.connect(self._cancelled)

    @property
    def running(self) -> bool:
        return self.runs.running

    @property
    def is_empty(self) -> bool:
        return not self.conversation.turns

    @property
    def coming(self) -> Reply:
        """Who is answering now."""
        return self._coming

    @property
    def waits_for_answer(self) -> bool:
        """Whether the last thing said is a question of the user that nobody answers now."""
        return not self.running and self.conversation.waiting

    # --- what the user does -------------------------------------------------------------------------------------

    def send(self, text: str) -> bool:
        """Say something; False where it cannot be said now."""
        if self.running or not text.strip():
            return False
        return self._ask(self.conversation.with_user(text))

    def regenerate(self) -> bool:
        """Have the last question answered again, or for the first time where that failed."""
        if self.running or self.is_empty:
            return False
        return self._ask(self.conversation.without_last_answer())

    def resend(self, index: int, text: str) -> bool:
        """Say something else in the place of turn ``index``; what came after it is gone."""
        if self.running or not text.strip():
            return False
        return self._ask(self.conversation.edited(index, text))

    def stop(self) -> None:
        """End the answer; what was written of it stays."""
        if self.running and self.phase != "stopping":
            self.phase = "stopping"
            self.runs.cancel()
            self.changed.emit()

    def leave(self) -> None:
        """Another model is chosen: the answer that is being written ends at once, what there is of it stays."""
        if self.running:
            self.runs.drop()
            self._keep_part()
            self._end()

    def clear(self) -> None:
        """Begin a new conversation, with the same system prompt."""
        self.runs.drop()
        self.conversation = Conversation(system=self.conversation.system)
        self.replies = {}
        self.trouble = None
        self._end()

    def set_system(self, text: str) -> None:
        """What the model is told before everything else; it counts from the next question on."""
        if text != (self.conversation.system or ""):
            self.conversation = self.conversation.with_system(text)
            if not self.running:
                self.changed.emit()

    # --- what happens to a run ----------------------------------------------------------------------------------

    def _ask(self, conversation: Conversation) -> bool:
        order = self._order_of({"messages": conversation.messages()})
        if order is None:
            return False
        self.conversation = conversation
        self.replies = {place: reply for place, reply in self.replies.items() if place < len(conversation.turns)}
        self.trouble = self.growing = None
        self.phase = "loading"
        title = order.model_title or order.model
        self._coming = Reply(title.rsplit("/", 1)[-1], order.precision or "", order.provider)
        self.runs.start(order)
        self.changed.emit()
        return True

    def _loaded(self, target: RunTarget) -> None:
        self.phase = "reading"
        self._coming = Reply(self._coming.model, target.variant, self._coming.asked)
        self.changed.emit()

    def _partial(self, index: int, result: Result) -> None:
        if not isinstance(result, Text) or self.phase == "stopping":
            return
        is_first, self.growing = self.growing is None, result
        if is_first:
            self.phase = "writing"
            self.writing_since_s = time.perf_counter()
            self.changed.emit()
        elif not self._tell.isActive():
            self._tell.start()

    def _finished(self, report: RunReport) -> None:
        item = report.items[0]
        if item.error is not None or not isinstance(item.result, Text):
            self._keep_part()
            self.trouble = partial(message_of, item.error) if item.error else None
        else:
            coming = self._coming
            notices = (*report.warnings, *item.warnings)
            got = report.providers_got
            self._keep(Reply(coming.model, report.variant, report.provider_asked, got, item.result, notices))
            self.answered.emit(report)
        self._end()

    def _failed(self, error: Exception) -> None:
        self._keep_part()
        known = isinstance(error, WorkbenchError)
        self.trouble = partial(message_of, error) if known else _mistake  # type: ignore[arg-type]  # known above
        self._end()
        if not known:
            raise error

    def _cancelled(self) -> None:
        self._keep_part()
        self._end()

    def _keep_part(self) -> None:
        """What was written before the end came."""
        if self.growing is not None and self.growing.text.strip():
            coming = self._coming
            self._keep(Reply(coming.model, coming.precision, coming.asked, coming.got, self.growing, stopped=True))

    def _keep(self, reply: Reply) -> None:
        assert reply.text is not None
        self.conversation = self.conversation.with_answer(reply.text.text)
        self.replies[len(self.conversation.turns) - 1] = reply

    def _end(self) -> None:
        self._tell.stop()
        self.growing = None
        self.phase = ""
        self.changed.emit()


def _mistake() -> str:
    return tr("Something unexpected happened, which is a mistake in the app.")
