"""What the user said, in a bubble: copied, or changed and sent again."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QWidget

from workbench.gui.language import tr
from workbench.gui.text_editor import MAX_SHOWN, TextEditor
from workbench.gui.views.markdown import clean
from workbench.gui.views.prose import Prose
from workbench.gui.widgets.basic import Button, Label, Panel, column, row
from workbench.gui.widgets.theme import SPACE, mark

__all__ = ["MessageEditor", "Question"]

MAX_BUBBLE = 4_000  # characters shown in a bubble
SHARE = 0.85  # of the width, at most
LEAST_PX = 48
MAX_LINES = 10


class MessageEditor(TextEditor):
    """A message that is being typed: Enter sends it, Shift+Enter begins a new line. As high as its lines."""

    sent = Signal()
    given_up = Signal()

    def __init__(self, least_lines: int = 1) -> None:
        super().__init__()
        self._least = least_lines
        self.textChanged.connect(self.fit)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)

    def fit(self) -> None:
        """Take the height of the text, up to some lines."""
        # Long texts have many lines whatever the width; counting them would lay them out.
        few = self.document().characterCount() < MAX_SHOWN // 50
        lines = sum(self._lines(number) for number in range(self.blockCount())) if few else MAX_LINES
        shown = min(max(lines, self._least), MAX_LINES)
        self.setFixedHeight(shown * self.fontMetrics().lineSpacing() + 2 * (SPACE.small + SPACE.tight))

    def _lines(self, number: int) -> int:
        block = self.document().findBlockByNumber(number)
        self.document().documentLayout().blockBoundingRect(block)  # lays it out
        return max(1, block.layout().lineCount())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not shift:
            self.sent.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.insertPlainText("\n")
            self.ensureCursorVisible()
        elif event.matches(QKeySequence.StandardKey.Cancel):
            self.given_up.emit()
        else:
            super().keyPressEvent(event)


class _Editing(Panel):
    """The box and the buttons with which a message is changed."""

    def __init__(self) -> None:
        super().__init__()
        self.editor = MessageEditor()
        self.give_up = Button(role="quiet")
        self.send = Button(role="primary")
        layout = column(self.editor, space=SPACE.small)
        layout.addLayout(row(1, self.give_up, self.send))
        self.setLayout(layout)
        self.retranslate()

    def retranslate(self) -> None:
        self.editor.setAccessibleName(tr("Your message"))
        self.give_up.setText(tr("Cancel"))
        self.send.setText(tr("Send"))


class Question(Panel):
    """One message of the user."""

    changed = Signal(str)  # the text to send in its place

    def __init__(self, text: str, draft: str | None = None) -> None:
        """``draft`` is what was typed in its place before, None where it is not being edited."""
        super().__init__()
        self._full = text
        self._enabled = True
        self.text = Prose()
        self.text.show_plain(clean(text[:MAX_BUBBLE]))
        self.bubble = QWidget()
        mark(self.bubble, role="bubble")
        inside = column(self.text)
        # Lines have their distance below them, the last one as well.
        inside.setContentsMargins(SPACE.medium, SPACE.small, SPACE.medium, SPACE.small - SPACE.tight)
        self.bubble.setLayout(inside)
        self._more = Label(tone="muted", role="small")
        self._more.setVisible(len(text) > MAX_BUBBLE)
        self.copy = Button(icon="copy", role="bare", tint="muted")
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._full))
        self.edit = Button(icon="edit", role="bare", tint="muted")
        self.edit.clicked.connect(self.begin_edit)
        self._editing: _Editing | None = None
        shown = column(space=SPACE.tight)
        aside: QHBoxLayout = row(1, self.bubble, space=0)
        shown.addLayout(aside)
        shown.addLayout(row(1, self._more, self.edit, self.copy, space=SPACE.tight))
        self._shown = QWidget()
        self._shown.setLayout(shown)
        self.setLayout(column(self._shown, space=0))
        self.retranslate()
        if draft is not None:
            self.begin_edit()
            self.editor.setPlainText(draft)

    def retranslate(self) -> None:
        self.text.setAccessibleName(tr("Your message"))
        self.edit.describe(tr("Edit and send again"))
        self.copy.describe(tr("Copy"))
        rest = max(0, len(self._full) - MAX_BUBBLE)
        self._more.setText(tr("… and {count} more characters", count=f"{rest:,}"))

    @property
    def editing(self) -> _Editing:
        """What it is changed with, which few messages ever are: it is made by the first who asks."""
        if self._editing is None:
            self._editing = _Editing()
            self._editing.hide()
            self._editing.editor.sent.connect(self._send)
            self._editing.editor.given_up.connect(self.end_edit)
            self._editing.editor.textChanged.connect(self._enable)
            self._editing.give_up.clicked.connect(self.end_edit)
            self._editing.send.clicked.connect(self._send)
            layout = self.layout()
            assert layout is not None
            layout.addWidget(self._editing)
        return self._editing

    @property
    def editor(self) -> MessageEditor:
        return self.editing.editor

    @property
    def _is_edited(self) -> bool:
        return self._editing is not None and not self._editing.isHidden()

    @property
    def draft(self) -> str | None:
        """What is typed in its place, None where it is not being edited."""
        return self.editor.toPlainText() if self._is_edited else None

    def set_enabled(self, enabled: bool) -> None:
        """Whether it can be changed now: not while an answer is being written."""
        self._enabled = enabled
        self.edit.setEnabled(enabled)
        self._enable()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        if not self._is_edited:
            most = int(width * SHARE)
            around = 2 * SPACE.medium + 2
            wide = min(most, max(LEAST_PX, self.text.ideal_width() + around))
            self.text.setFixedHeight(self.text.heightForWidth(wide - around))
            self.bubble.setFixedWidth(wide)
        else:
            self.editor.resize(width, self.editor.height())
            self.editor.fit()
        layout = self.layout()
        assert layout is not None
        return max(layout.totalHeightForWidth(width), layout.totalSizeHint().height())

    def begin_edit(self) -> None:
        """Show the text in an editor."""
        self._shown.hide()
        self.editing.show()
        self.editor.setPlainText(self._full)
        self.editor.setFocus()
        self.editor.moveCursor(self.editor.textCursor().MoveOperation.End)
        self._enable()

    def end_edit(self) -> None:
        """Leave the text as it was."""
        self.editing.hide()
        self._shown.show()
        self.edit.setFocus()

    def _enable(self) -> None:
        if self._editing:
            self._editing.send.setEnabled(self._enabled and bool(self.editor.toPlainText().strip()))

    def _send(self) -> None:
        if self.editing.send.isEnabled():
            self.changed.emit(self.editor.toPlainText())
