"""The conversation as a thread: what is settled is left alone, what grows is shown as it comes."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, QUrl, Signal

from workbench.gui.chat import Chat, Reply
from workbench.gui.chat_rows import FootRow, HeadRow, NoticeRow, PieceRow, QuestionRow, SystemRow
from workbench.gui.language import message_of, tr
from workbench.gui.links import ask_to_open
from workbench.gui.views.markdown import Pieces, clean
from workbench.gui.widgets.theme import SPACE
from workbench.gui.widgets.thread import Row, ThreadView

if TYPE_CHECKING:
    from workbench.errors import Notice

__all__ = ["ChatThread"]


class _Answer:
    """The rows of one answer, which may still grow."""

    def __init__(self, thread: ChatThread, reply: Reply) -> None:
        self._thread = thread
        self._pieces = Pieces()
        self._model = reply.model
        self.text = ""
        self.head = HeadRow(reply)
        self.body: list[PieceRow] = []
        self.notices: list[NoticeRow] = []
        self.foot = FootRow(thread.regenerate)

    @property
    def rows(self) -> list[Row]:
        return [self.head, *self.body, *self.notices, self.foot]

    def write(self, text: str) -> bool:
        """Show the text as it is now; whether there are other rows than before."""
        if text == self.text:
            return False
        self.text = text
        kept = self._pieces.update(clean(text))
        fresh, changed = self._pieces.all[kept:], False
        old, rows = self.body[kept:], []
        for number, piece in enumerate(fresh):
            if number < len(old) and old[number].piece.start == piece.start and old[number].show_piece(piece):
                rows.append(old[number])
                old[number].changed()
            else:
                row = PieceRow(piece, self._name, self._thread.open_link, self._thread.show_place)
                if kept + number == 0:
                    row.space_px = SPACE.tight  # close to the name above
                rows.append(row)
                changed = True
        changed = changed or len(rows) != len(old)
        self.body[kept:] = rows
        return changed

    def finish(self, reply: Reply, *, last: bool) -> None:
        """The answer is as it will stay."""
        if not self.notices and reply.notices:
            self.notices = [NoticeRow(partial(_words, notice), "warning") for notice in reply.notices]
        if reply.text and not reply.text.text.strip() and not self.notices:
            self.notices = [NoticeRow(lambda: tr("The model added no text."), "info")]
        self.head.show_reply(reply)
        self.foot.show_reply(reply, last=last)

    def _name(self) -> str:
        return tr("Answer by {model}", model=self._model)


class ChatThread(ThreadView):
    """Follows one :class:`~workbench.gui.chat.Chat`."""

    asked = Signal()  # something was asked again, from a place in the thread

    def __init__(self, chat: Chat) -> None:
        super().__init__()
        self._chat = chat
        self._questions: dict[int, tuple[str, QuestionRow]] = {}
        self._answers: dict[int, _Answer] = {}  # by their place among the turns
        self._trouble: tuple[object, NoticeRow] | None = None
        self._system: SystemRow | None = None
        self._waiting = NoticeRow(_unanswered, "info", lambda: tr("Answer it"), self.regenerate)
        # In the next turn of Qt's loop, once for all that changed in this one.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.show_all)
        chat.changed.connect(self._soon.start)
        chat.grew.connect(self._grow)
        self.retranslate()

    def retranslate(self) -> None:
        self.setAccessibleName(tr("Conversation"))
        self.to_end.describe(tr("To the end"))

    def show_all(self) -> None:
        """Bring the rows in line with what was said, as it is done by itself after each change."""
        self._soon.stop()
        turns = self._chat.conversation.turns
        count = len(turns)
        for places in (self._questions, self._answers):
            for place in [place for place in places if place > count]:
                del places[place]
        said = chain.from_iterable(self._rows_of(place) for place in range(count + 1))
        self.set_rows(chain(self._system_rows(), said))

    @property
    def is_behind(self) -> bool:
        """Whether something was said that is not shown yet, or rows in sight or near it are not there yet."""
        return self._soon.isActive() or self._later.isActive()

    def follow(self) -> None:
        """Go to the end, and stay there."""
        self._follows = True
        self._soon.start()

    def regenerate(self) -> None:
        """Have the last question answered again."""
        if self._chat.regenerate():
            self._go_on()

    def open_link(self, url: QUrl) -> None:
        """Ask before an address of an answer is opened."""
        ask_to_open(url, self)

    def _system_rows(self) -> list[Row]:
        text = self._chat.conversation.system or ""
        if self._system is None or self._system.text != text:
            self._system = SystemRow(text)
        return [self._system] if text else []

    def _rows_of(self, place: int) -> list[Row]:
        chat = self._chat
        turns = chat.conversation.turns
        if place == len(turns):
            return self._rows_at_end(place)
        turn = turns[place]
        if turn.role == "user":
            self._answers.pop(place, None)
            known = self._questions.get(place)
            if known is None or known[0] != turn.text:
                known = (turn.text, QuestionRow(turn.text, partial(self._resend, place)))
                self._questions[place] = known
            known[1].set_enabled(not chat.running)
            return [known[1]]
        reply = chat.replies.get(place, Reply(""))
        answer = self._answers.get(place)
        if answer is None or not turn.text.startswith(answer.text[:100]):
            answer = self._answers[place] = _Answer(self, reply)
        answer.write(turn.text)
        answer.finish(reply, last=place == len(turns) - 1 and not chat.running)
        return answer.rows

    def _rows_at_end(self, place: int) -> list[Row]:
        """The answer that is being written, why there is none, or nothing."""
        chat = self._chat
        self._questions.pop(place, None)
        rows: list[Row] = []
        if chat.running:
            answer = self._answers.get(place)
            if answer is None or (chat.growing is None and answer.text):
                answer = self._answers[place] = _Answer(self, chat.coming)
            answer.head.show_reply(chat.coming)
            if chat.growing is not None:
                answer.write(chat.growing.text)
            answer.foot.show_doing(chat.phase, chat.growing, chat.writing_since_s)
            return answer.rows
        self._answers.pop(place, None)
        if chat.trouble is not None:
            if self._trouble is None or self._trouble[0] is not chat.trouble:
                row = NoticeRow(chat.trouble, "danger", lambda: tr("Try again"), self.regenerate)
                self._trouble = (chat.trouble, row)
            rows.append(self._trouble[1])
        elif chat.waits_for_answer:
            rows.append(self._waiting)
        return rows

    def _grow(self) -> None:
        chat = self._chat
        answer = self._answers.get(len(chat.conversation.turns))
        if answer is None or chat.growing is None:
            return
        answer.foot.show_doing(chat.phase, chat.growing, chat.writing_since_s)
        if answer.write(chat.growing.text):
            self.show_all()
        else:
            self.refresh()

    def _resend(self, place: int, text: str) -> None:
        if self._chat.resend(place, text):
            self._go_on()

    def _go_on(self) -> None:
        self.follow()
        self.asked.emit()


def _words(notice: Notice) -> str:
    return message_of(notice)


def _unanswered() -> str:
    return tr("This message was not answered.")
