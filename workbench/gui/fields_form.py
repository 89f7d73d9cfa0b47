"""The form of a structured input: a question and a text, a query and texts, a picture and a question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QWidget

from workbench.gui.intake import Item, Kind
from workbench.gui.language import field_title, tr
from workbench.gui.text_editor import MAX_SHOWN, TextEditor
from workbench.gui.widgets.basic import Button, ElidedLabel, IconLabel, Label, Panel, column, row
from workbench.gui.widgets.theme import SPACE, mark
from workbench.tasks.info import Field, TaskInfo

__all__ = ["FieldsForm"]

# Fields that hold a sentence; the others get what room there is.
SHORT = frozenset({"question", "query", "source_sentence"})
SHORT_LINES = 2
MAX_TITLE = 120


class _FieldBox(Panel):
    """One field: its title above, an editor or a file below."""

    changed = Signal()
    media = Signal(object)  # QMimeData that was pasted into it
    open_requested = Signal()

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.field = field
        self.is_file = field.kind in ("image", "audio")
        self.is_short = self.is_file or field.name in SHORT
        self._items: list[Item] = []
        self._title = Label(role="heading")
        self.editor = TextEditor()
        self.editor.textChanged.connect(self.changed)
        self.editor.media.connect(self.media)
        self._title.setBuddy(self.editor)
        self._name = ElidedLabel()
        self.choose = Button(icon="open")
        self.choose.clicked.connect(self.open_requested)
        self._clear = Button(icon="close", role="quiet", tint="muted")
        self._clear.clicked.connect(self.clear)
        self._file = QWidget()
        mark(self._file, role="card")
        inner = row(IconLabel(field.kind if self.is_file else "text"), self._name, self.choose, self._clear)
        inner.setStretch(1, 1)
        inner.setContentsMargins(SPACE.medium, SPACE.small, SPACE.small, SPACE.small)
        self._file.setLayout(inner)
        layout = column(self._title, self.editor, self._file, space=SPACE.tight)
        self.setLayout(layout)
        if self.is_short and not self.is_file:
            lines = SHORT_LINES * QFontMetrics(self.editor.font()).lineSpacing()
            self.editor.setFixedHeight(lines + 2 * SPACE.small + 2 * SPACE.tight)
        self.retranslate()

    def retranslate(self) -> None:
        title = field_title(self.field.name)
        self._title.setText(title)
        self.editor.setAccessibleName(title)
        self.editor.setPlaceholderText(tr("One text a line") if self.field.kind == "texts" else "")
        self.choose.setText(tr("Choose…"))
        self.choose.setAccessibleName(tr("Choose a file: {field}", field=title))
        self._clear.describe(tr("Remove the input"))
        self._show()

    # --- what it holds ------------------------------------------------------------------------------------------

    def values(self) -> list[tuple[Any, str]]:
        """Each value with a name for it: one of a text, one for each file. Empty where nothing was given."""
        if self.field.kind == "texts":
            text = self._items[0].value if self._items else self.editor.toPlainText()
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            return [(lines, tr("{count} texts", count=len(lines)))] if lines else []
        if self._items:
            return [(item.value, item.name) for item in self._items]
        text = "" if self.is_file else self.editor.toPlainText()
        return [(text, " ".join(text[:MAX_TITLE].split()))] if text.strip() else []

    def takes(self, kind: Kind) -> bool:
        return self.field.kind == kind or (kind == "text" and self.field.kind == "texts")

    def put(self, items: Sequence[Item]) -> None:
        """Files in the place of what was there."""
        if self.is_file:
            self._items = list(items)
        else:
            # A line of its own for each of several files, where texts are lines; else one below the other.
            several = self.field.kind == "texts" and len(items) > 1
            parts = [" ".join(item.value.split()) if several else item.value for item in items]
            text = ("\n" if several else "\n\n").join(parts)
            name = items[0].name if len(items) == 1 else tr("{count} files", count=len(items))
            self._items = [Item(name, text)] if len(text) > MAX_SHOWN else []
            self.editor.replace("" if self._items else text)
        self._show()
        self.changed.emit()

    def insert(self, text: str) -> None:
        """A text that was pasted: where the cursor is, or as a whole where it is too long to be shown."""
        if len(text) > MAX_SHOWN:
            self.put([Item(tr("Pasted text"), text)])
        else:
            self._items = []
            self._show()
            self.editor.textCursor().insertText(text)

    def clear(self) -> None:
        self._items = []
        self.editor.clear()
        self._show()
        self.changed.emit()

    def focus(self) -> None:
        (self.choose if self.is_file else self.editor).setFocus()

    def _show(self) -> None:
        count = len(self._items)
        self.editor.setVisible(not self.is_file and not count)
        self._file.setVisible(self.is_file or bool(count))
        self.choose.setVisible(self.is_file)
        self._clear.setVisible(bool(count))
        if count:
            self._name.setText(self._items[0].name if count == 1 else tr("{count} files", count=count))
        else:
            self._name.setText(tr("Drop a file here, or choose one"))
        mark(self._name, tone="" if count else "muted")


class FieldsForm(Panel):
    """Keeps what was given until another task with other fields is shown."""

    changed = Signal()
    media = Signal(object)  # QMimeData that was pasted into a field
    open_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._boxes: dict[str, _FieldBox] = {}
        self._fields: tuple[Field, ...] = ()
        self._inside = column(space=SPACE.medium)
        self.setLayout(self._inside)

    def set_task(self, task: TaskInfo) -> None:
        """Ask for the fields of this task; those of the same fields keep what they hold."""
        if task.fields == self._fields:
            return
        self._fields = task.fields
        for box in self._boxes.values():
            self._inside.removeWidget(box)
            box.deleteLater()
        while self._inside.takeAt(0):
            pass
        self._boxes = {}
        for field in task.fields:
            box = self._boxes[field.name] = _FieldBox(field)
            box.changed.connect(self.changed)
            box.media.connect(self.media)
            box.open_requested.connect(self.open_requested)
            self._inside.addWidget(box, 0 if box.is_short else 1)
        if all(box.is_short for box in self._boxes.values()):
            self._inside.addStretch(1)

    def editor(self, name: str) -> TextEditor:
        """Where the text of a field is typed."""
        return self._boxes[name].editor

    @property
    def is_empty(self) -> bool:
        return not any(box.values() for box in self._boxes.values())

    @property
    def takes_text(self) -> bool:
        return any(box.takes("text") for box in self._boxes.values())

    def missing(self) -> tuple[str, ...]:
        """Names of the fields that hold nothing yet."""
        return tuple(name for name, box in self._boxes.items() if not box.values())

    def inputs(self) -> tuple[list[Any], list[str]]:
        """Inputs as the task takes them, one for each file of a field that has several, and a title for each."""
        if self.missing():
            return [], []
        inputs: list[dict[str, Any]] = [{}]
        titles: list[list[str]] = [[]]
        for name, box in self._boxes.items():
            values = box.values()
            inputs = [{**before, name: value} for before in inputs for value, _ in values]
            titles = [[*before, title] for before in titles for _, title in values]
        return list(inputs), [" · ".join(parts[:2]) for parts in titles]

    def take(self, items: Sequence[Item], kind: Kind) -> bool:
        """Put files where they belong: texts where there is room for them, an empty field before a full one."""
        fitting = [box for box in self._boxes.values() if box.takes(kind)]
        if not fitting:
            return False
        min(fitting, key=lambda box: (box.is_short and not box.is_file, bool(box.values()))).put(items)
        return True

    def insert_text(self, text: str) -> None:
        """A text that was pasted beside the fields: into the one with the cursor, else the first that is empty."""
        boxes = [box for box in self._boxes.values() if box.takes("text")]
        focused = next((box for box in boxes if box.editor.hasFocus()), None)
        empty = next((box for box in boxes if not box.values()), None)
        if boxes:
            (focused or empty or boxes[-1]).insert(text)

    def clear(self) -> None:
        for box in self._boxes.values():
            box.clear()

    def focus(self, name: str) -> None:
        """Go to a field."""
        self._boxes[name].focus()
