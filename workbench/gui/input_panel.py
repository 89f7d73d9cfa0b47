"""Where the input goes: typed, dropped, opened, pasted or spoken. What it becomes depends on the task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import QStringListModel, Qt, Signal
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QCheckBox, QWidget

from workbench.gui.drop_zone import DropZone
from workbench.gui.fields_form import FieldsForm
from workbench.gui.intake import Item, Kind
from workbench.gui.language import field_title, param_title, tr
from workbench.gui.microphone import Microphone
from workbench.gui.microphone_bar import MicrophoneBar
from workbench.gui.params_form import ParamsForm
from workbench.gui.text_editor import MAX_SHOWN, TextEditor
from workbench.gui.widgets.basic import Banner, Button, Label, Panel, column, row
from workbench.gui.widgets.scrolled import ScrolledPart
from workbench.gui.widgets.tab_order import put_in_order
from workbench.gui.widgets.text_rows import TextRows
from workbench.gui.widgets.theme import SPACE, mark
from workbench.gui.widgets.turned import Turned
from workbench.tasks.catalog import TaskInfo

__all__ = ["InputPanel", "TextEditor"]

LEAST_LIST_PX = 36  # of the files: one is seen
# Below this height there is no room for input and options, one above the other.
LOW_PX = 380
# Texts that are compared with each other.
LEAST_GATHERED = 2


class InputPanel(Panel):
    """One panel for all tasks: an editor for texts, a list for files, and what fills them."""

    run_requested = Signal()
    stop_requested = Signal()
    open_requested = Signal()
    paste_requested = Signal()
    recordings_requested = Signal()
    media = Signal(object)  # QMimeData that was pasted into the editor

    def __init__(self, microphone: Microphone) -> None:
        super().__init__()
        self._task: TaskInfo | None = None
        self._kept: dict[str, list[Item]] = {}  # files by the kind of input
        self._running = False
        self.editor = TextEditor()
        self.editor.media.connect(self.media)
        self.editor.textChanged.connect(self._changed)
        self._drop = DropZone()
        self.files = TextRows(Qt.TextElideMode.ElideMiddle)
        self.files.setModel(QStringListModel())
        self.files.setMinimumHeight(LEAST_LIST_PX)
        self._summary = Label(tone="muted")
        self._clear = Button(icon="close", role="quiet", tint="muted")
        self._clear.clicked.connect(self.clear)
        listed = QWidget()
        head = row(self._summary, 1, self._clear)
        head.setContentsMargins(SPACE.small, 0, 0, 0)  # as far in as the rows' text
        inner = column(space=SPACE.tight)
        inner.addLayout(head)
        inner.addWidget(self.files)
        listed.setLayout(inner)
        mark(listed, role="card")
        inner.setContentsMargins(SPACE.tight, SPACE.small, SPACE.tight, SPACE.tight)
        self.form = FieldsForm()
        self.form.changed.connect(self._changed)
        self.form.media.connect(self.media)
        self.form.open_requested.connect(self.open_requested)
        self._holder = holder = QWidget()
        self._stack = Turned(holder, self.editor, self._drop, listed, self.form)
        self._title = Label(role="headline")
        self.open = Button(icon="open", role="quiet")
        self.open.clicked.connect(self.open_requested)
        self.paste = Button(icon="paste", role="quiet")
        self.paste.clicked.connect(self.paste_requested)
        self._recordings = Button(icon="audio", role="quiet")
        self._recordings.clicked.connect(self.recordings_requested)
        self.each_line = QCheckBox()
        self.each_line.toggled.connect(self._changed)
        self._options = Button(icon="chevron-right", role="quiet", tint="muted")
        self._options.setCheckable(True)
        self._options.toggled.connect(self._show_options)
        self.needed = ParamsForm(needed=True)
        self.params = ParamsForm(needed=False)
        self._optional = ScrolledPart(self.params)
        self._optional.hide()
        self.banner = Banner()
        self.microphone = MicrophoneBar(microphone, self.banner)
        self.run = Button(icon="play", role="primary")
        self.run.clicked.connect(self._run_or_stop)
        head = row(self._title, 1, self.each_line)
        head.setContentsMargins(0, 0, 0, 0)
        sources = row(self.open, self.paste, self._recordings, 1, self._options, space=SPACE.tight)
        foot = row(self.microphone, 1, self.run)
        layout = column(space=SPACE.small)
        layout.addLayout(head)
        layout.addWidget(holder, 1)
        layout.addWidget(self.needed)
        layout.addLayout(sources)
        layout.addWidget(self._optional)
        layout.addWidget(self.banner)
        layout.addLayout(foot)
        layout.setContentsMargins(SPACE.large, SPACE.medium, SPACE.large, SPACE.large)
        self.setLayout(layout)
        self.setMinimumWidth(280)
        for keys in (QKeySequence("Ctrl+Return"), QKeySequence("Ctrl+Enter")):
            QShortcut(keys, self, self._run_or_stop)
        self.retranslate()

    def retranslate(self) -> None:
        self.open.setText(tr("Open…"))
        self.paste.setText(tr("Paste"))
        self._recordings.setText(tr("Recordings…"))
        self._recordings.setToolTip(tr("Open an earlier recording"))
        self.each_line.setText(tr("Each line by itself"))
        self.each_line.setToolTip(tr("Every line is an input of its own and gets its own answer"))
        self._options.setText(tr("Options"))
        self._clear.describe(tr("Remove the input"))
        self.files.setAccessibleName(tr("Files to run"))
        self._show_run()
        self._show_task()
        self._show_summary()

    @property
    def takes_text(self) -> bool:
        if self._is_form:
            return self.form.takes_text
        return self._task is not None and self._task.input in ("text", "fields")

    @property
    def _is_form(self) -> bool:
        """Whether the input has fields of its own; texts that are compared with each other are typed as lines."""
        return self._task is not None and self._task.input == "fields" and not self._task.gathers

    @property
    def items(self) -> tuple[Item, ...]:
        """The files that were given for what the task takes."""
        return tuple(self._items)

    @property
    def _items(self) -> list[Item]:
        return self._kept.get(self._kind, [])

    @_items.setter
    def _items(self, items: list[Item]) -> None:
        self._kept[self._kind] = items

    @property
    def _kind(self) -> str:
        """Texts serve tasks of one text and of several alike."""
        kind = self._task.input if self._task else "text"
        return "text" if kind == "fields" else kind

    def set_task(self, task: TaskInfo) -> None:
        """Ask for what this task takes. A text stays for the next text task, files for one of their kind."""
        self._task = task
        if self._is_form:
            self.form.set_task(task)
        self.needed.set_task(task)
        self.needed.setVisible(not self.needed.is_empty)
        self.params.set_task(task)
        self._options.setVisible(not self.params.is_empty)
        self._make_room()
        self.banner.clear()
        self._show_task()
        self._show_items()
        put_in_order(self)

    def params_given(self) -> dict[str, Any]:
        """The parameters that were set, by their names."""
        return {**self.needed.values(), **self.params.values()}

    def missing(self) -> list[str]:
        """Titles of what must be given and is not yet; a field that is empty gets the cursor."""
        return [title() for title in self.titles_missing()]

    def titles_missing(self) -> list[Callable[[], str]]:
        """As :meth:`missing`, with titles that follow the language."""
        fields = self.form.missing() if self._is_form else ()
        params = self.needed.missing()
        if fields:
            self.form.focus(fields[0])
        elif params:
            self.needed.focus(params[0])
        return [*(partial(field_title, field) for field in fields), *(partial(param_title, param) for param in params)]

    def set_items(self, items: Sequence[Item], kind: Kind | None = None) -> None:
        """Files as the input: sounds, pictures, or texts; ``kind`` tells which, where the input has several fields."""
        if self._is_form:
            self.form.take(items, kind or "text")
            self._changed()
            return
        self._items = list(items)
        if self.takes_text and len(items) == 1 and len(items[0].value) <= MAX_SHOWN:
            self.set_text(items[0].value)
            return
        self._show_items()

    def set_text(self, text: str) -> None:
        """A text as the input, in the place of what was there; undo brings that back."""
        self._items = []
        self.editor.replace(text)
        self._show_items()

    def insert_text(self, text: str) -> None:
        """A text that was pasted or dropped: where the cursor is, or as a whole where it is too long to be shown."""
        if self._is_form:
            self.form.insert_text(text)
            return
        if len(text) > MAX_SHOWN:
            self.set_items([Item(tr("Pasted text"), text)])
            return
        self._items = []
        self.editor.textCursor().insertText(text)
        self._show_items()

    def clear(self) -> None:
        self._items = []
        self.editor.clear()
        self.form.clear()
        self._show_items()

    def inputs(self) -> tuple[list[Any], list[str]]:
        """Inputs as the task takes them, and a title for each. Empty where nothing was given, or not all of it."""
        if self._is_form:
            return self.form.inputs()
        if self._items:
            values: list[Any] = [item.value for item in self._items]
            titles = [item.name for item in self._items]
        elif self.takes_text:
            text = self.editor.toPlainText()
            gathers = self._task is not None and self._task.gathers
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            values = list(lines) if gathers or self.each_line.isChecked() else [text] if text.strip() else []
            titles = list(values)
        else:
            return [], []
        if self._task and self._task.gathers and len(values) < LEAST_GATHERED:
            return [], []
        if self._task and self._task.gathers:
            return [values], [tr("{count} texts", count=len(values))]
        return values, titles

    def set_running(self, running: bool) -> None:
        self._running = running
        self._show_run()

    def set_drop_active(self, active: bool) -> None:
        """Show that what is dragged over the window would land here."""
        self._drop.set_active(active)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        """In a low window the options stand in the place of the input while they are open."""
        shown = self._options.isChecked() and not self.params.is_empty
        self._optional.setVisible(shown)
        self._holder.setVisible(not shown or self.height() >= LOW_PX)

    def _show_task(self) -> None:
        if self._task is None:
            return
        kind = self._task.input
        titles = {
            "text": tr("Your text"),
            "fields": tr("Your input") if self._is_form else tr("Your sentences"),
            "image": tr("Your pictures"),
            "audio": tr("Your sounds"),
        }
        self._title.setText(titles[kind])
        self.editor.setAccessibleName(titles[kind])
        self.editor.setPlaceholderText(
            tr("Type or paste sentences, one a line, at least two. Or drop text files.")
            if self._task.gathers
            else tr("Type or paste a text here, or drop a text file.")
        )
        drops = {
            "image": (
                tr("Drop pictures here"),
                tr("or paste one, or open files. JPEG, PNG, WebP, AVIF, TIFF, GIF, BMP"),
            ),
            "audio": (tr("Drop sounds here"), tr("or hold the microphone button and speak. WAV, MP3, FLAC, Ogg")),
        }
        title, hint = drops.get(kind, ("", ""))
        self._drop.say(kind if kind in drops else "drop", title, hint)
        self.each_line.setVisible(kind == "text" and not self._task.gathers)
        self._recordings.setVisible(self._task.modality == "audio")

    def _show_items(self) -> None:
        names = self.files.model()
        assert isinstance(names, QStringListModel)
        names.setStringList([item.name for item in self._items])
        if self._is_form:
            self._stack.setCurrentIndex(3)
        elif self._items:
            self._stack.setCurrentIndex(2)
            self._show_summary()
        else:
            self._stack.setCurrentIndex(0 if self.takes_text else 1)
        self._changed()

    def _show_summary(self) -> None:
        count = len(self._items)
        self._summary.setText(tr("One file") if count == 1 else tr("{count} files", count=count))

    def _show_options(self, shown: bool) -> None:
        self._options.set_icon("chevron-down" if shown else "chevron-right")
        self._make_room()

    def _show_run(self) -> None:
        self.run.setText(tr("Stop") if self._running else tr("Run"))
        self.run.set_icon("stop" if self._running else "play")
        self.run.setToolTip(tr("Ctrl+Enter"))
        self._changed()

    def _changed(self) -> None:
        self.run.setEnabled(self._running or bool(self._items) or self._has_text())

    def _has_text(self) -> bool:
        if self._is_form:
            return not self.form.is_empty
        return self.takes_text and not self.editor.document().isEmpty()

    def _run_or_stop(self) -> None:
        if self._running:
            self.stop_requested.emit()
        elif self.run.isEnabled():
            self.run_requested.emit()
