"""Text that a model writes, while it writes it."""

from __future__ import annotations

from pathlib import PurePath

from PySide6.QtGui import QTextCursor

from workbench.gui.language import tr
from workbench.gui.views.base import Context, View
from workbench.gui.views.painting import safe
from workbench.gui.views.reading import ReadingText
from workbench.gui.widgets.basic import Label, column
from workbench.gui.widgets.picture import PictureView
from workbench.gui.widgets.theme import SPACE
from workbench.results import Text

__all__ = ["TextView"]


class TextView(View):
    """New words are added to what stands there, so that reading, selecting and scrolling go on undisturbed."""

    def __init__(self) -> None:
        super().__init__()
        self._result = Text("", 0, "")
        self._written = ""
        self._shown_path = ""
        self.picture = PictureView()
        self.edit = ReadingText(line_height_percent=150)
        self._none = Label(tone="muted", wrap=True)
        self.note = Label(tone="muted", role="small", wrap=True)
        layout = column(self.picture, self._none, self.edit, self.note, space=SPACE.small)
        layout.setStretchFactor(self.edit, 1)
        layout.addStretch(0)
        self.setLayout(layout)
        self._none.hide()
        self.picture.hide()
        self.retranslate()

    def retranslate(self) -> None:
        self.edit.setAccessibleName(tr("Text by the model"))
        self._none.setText(tr("The model added no text."))
        self._note()

    def show_result(self, result: Text, context: Context) -> None:
        grows, self._result = not self._result.finish, result
        self._show_picture(context)
        is_empty = bool(result.finish) and not result.text.strip()
        self._none.setVisible(is_empty)
        self.edit.setVisible(not is_empty)
        self._write(safe(result.text.replace("\r\n", "\n").replace("\r", "\n")), grows=grows)
        self._note()

    def text(self) -> str:
        return self._result.text

    def _show_picture(self, context: Context) -> None:
        """The picture that the text is about, where it is about one."""
        path = context.picture_path
        self.picture.setVisible(bool(path))
        if path and path != self._shown_path:
            self.picture.set_source(
                PurePath(path).name, lambda max_px, receiver: context.picture(path, max_px, receiver)
            )
        self._shown_path = path

    def _write(self, text: str, *, grows: bool) -> None:
        # What stands there already is kept as far as it agrees: the last sign of a part may be half of an emoji.
        kept = _common(self._written, text)
        if text == self._written:
            return
        if not kept or not grows:
            self.edit.put_text(text)
        else:
            self.edit.go_to_end()
            place = self.edit.place(follow=True)
            cursor = QTextCursor(self.edit.document())
            cursor.movePosition(QTextCursor.MoveOperation.End)
            cursor.setPosition(_units(kept), QTextCursor.MoveMode.KeepAnchor)
            cursor.removeSelectedText()
            cursor.insertText(text[len(kept) :])
            self.edit.return_to(place)
        self._written = text

    def _note(self) -> None:
        count = self._result.token_count
        tokens = tr("1 token") if count == 1 else tr("{count} tokens", count=f"{count:,}")
        reasons = {
            "stop": tr("The text is complete."),
            "length": tr("Stopped at the limit of new tokens."),
        }
        self.note.setText(" · ".join(part for part in (tokens, reasons.get(self._result.finish, "")) if part))


def _units(text: str) -> int:
    """The length in units of UTF-16, which Qt counts."""
    return len(text.encode("utf-16-le")) // 2


def _common(a: str, b: str) -> str:
    """What both begin with."""
    if b.startswith(a):
        return a
    return a[: next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))]
