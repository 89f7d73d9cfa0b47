"""The parts of a conversation as they stand one below the other: questions, answers, notices."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QRect, QUrl, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from workbench.gui.chat_question import Question
from workbench.gui.language import tr
from workbench.gui.provider_names import PROVIDER_NAMES
from workbench.gui.views.code_block import CodeBlock
from workbench.gui.views.markdown import Piece
from workbench.gui.views.prose import Prose
from workbench.gui.widgets.basic import Banner, Button, ElidedLabel, Label, Panel, column, plain_tip, row
from workbench.gui.widgets.theme import SPACE
from workbench.gui.widgets.thread import Row

if TYPE_CHECKING:
    from workbench.gui.chat import Phase, Reply
    from workbench.results import Text

__all__ = ["FootRow", "HeadRow", "NoticeRow", "PieceRow", "QuestionRow", "SystemRow"]

LINE_PX = 22  # about, of a line of text
SIGN_PX = 7  # about, of a letter


class QuestionRow(Row):
    """What the user said at a place of the conversation."""

    space_px = SPACE.wide

    def __init__(self, text: str, resend: Callable[[str], None]) -> None:
        super().__init__()
        self._text = text
        self._resend = resend
        self._enabled = True

    def make(self) -> QWidget:
        made = Question(self._text)
        made.set_enabled(self._enabled)
        made.changed.connect(self._resend)
        return made

    def estimate(self, width: int) -> int:
        return _lines(self._text[:4000], int(width * 0.8)) * LINE_PX + 60

    @property
    def is_held(self) -> bool:
        return isinstance(self.widget, Question) and self.widget.draft is not None

    def set_enabled(self, enabled: bool) -> None:
        self._enabled = enabled
        if isinstance(self.widget, Question):
            self.widget.set_enabled(enabled)


class HeadRow(Row):
    """Who answers, and where that runs."""

    space_px = SPACE.large

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self._reply = reply

    def make(self) -> QWidget:
        return _Head(self._reply)

    def estimate(self, width: int) -> int:
        return LINE_PX

    def show_reply(self, reply: Reply) -> None:
        self._reply = reply
        if isinstance(self.widget, _Head):
            self.widget.show_reply(reply)


class SystemRow(Row):
    """What the model is told before the conversation."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def make(self) -> QWidget:
        return _System(self.text)

    def estimate(self, width: int) -> int:
        return LINE_PX


class PieceRow(Row):
    """A stretch of an answer."""

    space_px = SPACE.medium

    def __init__(
        self,
        piece: Piece,
        name: Callable[[], str],
        open_link: Callable[[QUrl], None],
        show_place: Callable[[QWidget, QRect], None],
    ) -> None:
        """``name`` says whose answer it is, ``open_link`` takes an address that was clicked, and ``show_place`` a
        place that is to come into sight."""
        super().__init__()
        self._show_place = show_place
        self.piece = piece
        self._name = name
        self._open_link = open_link

    def make(self) -> QWidget:
        if self.piece.kind == "code":
            code = CodeBlock()
            code.show_code(self.piece.text, self.piece.info)
            code.caret_moved.connect(self._show_place)
            return code
        prose = _NamedProse(self._name)
        prose.scrolls_sideways(self.piece.kind == "table")
        prose.anchorClicked.connect(self._open_link)
        prose.caret_moved.connect(self._show_place)
        prose.show_markdown(self.piece.text)
        return prose

    def estimate(self, width: int) -> int:
        if self.piece.kind == "code":
            return min(400, self.piece.text.count("\n") + 1) * LINE_PX + 50
        return _lines(self.piece.text, width) * LINE_PX

    def show_piece(self, piece: Piece) -> bool:
        """Show more of the same stretch; False where another kind of widget is needed for it."""
        if piece.kind != self.piece.kind:
            return False
        self.piece = piece
        if isinstance(self.widget, CodeBlock):
            self.widget.show_code(piece.text, piece.info)
        elif isinstance(self.widget, Prose):
            self.widget.show_markdown(piece.text)
        return True


class FootRow(Row):
    """What can be done with an answer, and how fast it was made."""

    space_px = SPACE.tight

    def __init__(self, regenerate: Callable[[], object]) -> None:
        super().__init__()
        self._regenerate = regenerate
        self._reply: Reply | None = None
        self._doing: tuple[Phase, Text | None, float] = ("", None, 0.0)
        self._last = False

    def make(self) -> QWidget:
        made = _Foot()
        made.again.connect(self._regenerate)
        self._show(made)
        return made

    def estimate(self, width: int) -> int:
        return LINE_PX + SPACE.small

    def show_doing(self, phase: Phase, growing: Text | None, since_s: float) -> None:
        """An answer is being made; ``since_s`` is when its first words came, by ``time.perf_counter``."""
        self._reply, self._doing = None, (phase, growing, since_s)
        self._update()

    def show_reply(self, reply: Reply, *, last: bool) -> None:
        """An answer is there; the ``last`` one can be made again."""
        if (reply, last) != (self._reply, self._last):
            self._reply, self._last = reply, last
            self._update()

    def _update(self) -> None:
        if isinstance(self.widget, _Foot):
            self._show(self.widget)

    def _show(self, foot: _Foot) -> None:
        if self._reply is not None:
            foot.show_reply(self._reply, last=self._last)
        else:
            foot.show_doing(*self._doing)


class NoticeRow(Row):
    """Something to know about an answer, or why there is none."""

    def __init__(
        self,
        words: Callable[[], str],
        tone: str,
        action: Callable[[], str] | str = "",
        receiver: Callable[[], object] | None = None,
    ) -> None:
        super().__init__()
        self._words, self._tone = words, tone
        self._action, self._receiver = action, receiver

    def make(self) -> QWidget:
        made = Banner(closable=False)
        made.tell(self._words, tone=self._tone, action=self._action, receiver=self._act)
        return made

    def estimate(self, width: int) -> int:
        return 2 * LINE_PX

    def _act(self) -> None:
        if self._receiver:
            self._receiver()


class _NamedProse(Prose):
    def __init__(self, name: Callable[[], str]) -> None:
        super().__init__()
        self._name = name
        self.setAccessibleName(name())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self.setAccessibleName(self._name())


class _System(Panel):
    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self._said = ElidedLabel(tone="muted", role="small")
        self.setLayout(column(self._said))
        self.retranslate()

    def retranslate(self) -> None:
        self._said.setText(tr("System prompt: {prompt}", prompt=" ".join(self._text[:400].split())))


class _Head(Panel):
    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self._reply = reply
        self._model = Label(role="heading")
        self._where = ElidedLabel(tone="muted", role="small")
        layout = row(self._model, self._where, space=SPACE.small)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self.retranslate()

    def retranslate(self) -> None:
        self._model.setText(self._reply.model)
        self._where.setText(where(self._reply))
        self.setAccessibleName(f"{self._reply.model} {where(self._reply)}")

    def show_reply(self, reply: Reply) -> None:
        if reply != self._reply:
            self._reply = reply
            self.retranslate()


class _Foot(Panel):
    again = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._reply: Reply | None = None
        self._doing: tuple[Phase, Text | None, float] = ("", None, 0.0)
        self.copy = Button(icon="copy", role="bare", tint="muted")
        self.copy.clicked.connect(self._copy)
        self.regenerate = Button(icon="refresh", role="bare", tint="muted")
        self.regenerate.clicked.connect(self.again)
        self._said = ElidedLabel(tone="muted", role="small")
        layout = row(self.copy, self.regenerate, self._said, space=SPACE.tight)
        layout.setStretch(2, 1)
        self.setLayout(layout)
        self.retranslate()

    def retranslate(self) -> None:
        self.copy.describe(tr("Copy the answer"))
        self.regenerate.describe(tr("Answer again"))
        if self._reply is not None:
            self._said.setText(speed(self._reply))
            self.setToolTip(plain_tip(prompt(self._reply)))
        else:
            self._said.setText(doing(*self._doing))

    def show_doing(self, phase: Phase, growing: Text | None, since_s: float) -> None:
        self._reply, self._doing = None, (phase, growing, since_s)
        for button in (self.copy, self.regenerate):
            button.hide()
        self.retranslate()

    def show_reply(self, reply: Reply, *, last: bool) -> None:
        self._reply = reply
        self.copy.show()
        self.regenerate.setVisible(last)
        self.retranslate()

    def _copy(self) -> None:
        if self._reply and self._reply.text:
            QGuiApplication.clipboard().setText(self._reply.text.text)


def where(reply: Reply) -> str:
    """Where an answer was made, as far as that is known."""
    got = " + ".join(PROVIDER_NAMES.get(name, name) for name in reply.got)
    if not got:
        return reply.precision
    asked = reply.asked
    if asked in ("auto", *reply.got[:1]):
        return tr("{precision} on {got}", precision=reply.precision, got=got)
    asked = PROVIDER_NAMES.get(asked, asked)
    return tr("{precision} on {got}; {asked} was asked for", precision=reply.precision, got=got, asked=asked)


def speed(reply: Reply) -> str:
    """How fast an answer was made, and how it ended where that was not by itself."""
    parts = []
    text = reply.text
    made = text.speed if text else None
    if made and made.tokens_per_s is not None:
        parts.append(tr("{rate} tokens/s", rate=f"{made.tokens_per_s:.1f}"))
    if made:
        parts.append(tr("first token after {time}", time=f"{made.first_token_s:.2f} s"))
    if text:
        count = text.token_count
        parts.append(tr("1 token") if count == 1 else tr("{count} tokens", count=f"{count:,}"))
    if reply.stopped:
        parts.append(tr("stopped"))
    elif text and text.finish == "length":
        parts.append(tr("cut off at the limit of new tokens"))
    return " · ".join(parts)


def prompt(reply: Reply) -> str:
    """How much the model read for an answer; empty where that is not known."""
    made = reply.text.speed if reply.text else None
    if made is None:
        return ""
    read, known = f"{made.prompt_tokens:,}", f"{made.cached_tokens:,}"
    return tr("{read} tokens of conversation, {known} of them known from before", read=read, known=known)


def doing(phase: Phase, growing: Text | None, since_s: float) -> str:
    """What is going on until an answer is there."""
    said = {
        "loading": tr("Loading the model…"),
        "reading": tr("Reading the conversation…"),
        "writing": tr("Writing…"),
        "stopping": tr("Stopping…"),
    }.get(phase, "")
    if growing is None or phase != "writing":
        return said
    count, took_s = growing.token_count, time.perf_counter() - since_s
    parts = [said, tr("1 token") if count == 1 else tr("{count} tokens", count=f"{count:,}")]
    if count > 1 and took_s > 0.5:
        parts.append(tr("{rate} tokens/s", rate=f"{(count - 1) / took_s:.1f}"))
    return " · ".join(parts)


def _lines(text: str, width: int) -> int:
    signs = max(10, width // SIGN_PX)
    return text.count("\n") + len(text) // signs + 1
