"""The window: puts its parts together, and takes what is dropped or pasted anywhere."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QMimeData, QSize, Qt, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
)
from PySide6.QtWidgets import QFileDialog, QMainWindow, QMessageBox, QSplitter, QStackedWidget, QWidget

from workbench.errors import WorkbenchError
from workbench.gui import pasting
from workbench.gui.appearance import Appearance
from workbench.gui.background import Background
from workbench.gui.core import Core
from workbench.gui.export_page import ExportPage
from workbench.gui.export_progress import stage_text
from workbench.gui.exports import Exports
from workbench.gui.intake import SUFFIXES, Intake, Item, Kind, gather, text_items
from workbench.gui.language import message_of, tr
from workbench.gui.library import Library
from workbench.gui.microphone import Microphone
from workbench.gui.run_page import RunPage
from workbench.gui.sidebar import Sidebar
from workbench.gui.simple_pages import UnusablePage, WelcomePage
from workbench.gui.widgets.basic import Banner, column
from workbench.gui.widgets.icons import app_icon
from workbench.gui.widgets.theme import SPACE, mark
from workbench.library.entries import Entry
from workbench.settings import Settings, data_dir

if TYPE_CHECKING:
    from workbench.audio.host import Recording

__all__ = ["MainWindow"]

SIDEBAR_PX = 280
# A shorter recording is a slip of the finger.
MIN_SPEECH_S = 0.3


class MainWindow(QMainWindow):
    """Owns the controllers and the pages. ``begin`` starts the work beside it, once the window is shown."""

    closed = Signal()

    def __init__(self, core: Core, background: Background, appearance: Appearance, settings: Settings) -> None:
        super().__init__()
        self.appearance = appearance
        self._core = core
        self._background = background
        self._readied = False
        self._preface = ""  # what the next message begins with
        self._waiting: tuple[list[Item], Kind] | None = None  # files for which no model was ready
        self.library = Library(core, background, self)
        self.exports = Exports(core, background, self)
        self.microphone = Microphone(core, background, settings.microphone, self)
        self.sidebar = Sidebar(self.library, appearance)
        self.run_page = RunPage(core, background, self.microphone, settings.provider)
        self.export_page = ExportPage(self.exports)
        self.unusable = UnusablePage()
        self.welcome = WelcomePage()
        self.banner = Banner()
        self.pages = QStackedWidget()
        for page in (self.welcome, self.run_page, self.export_page, self.unusable):
            self.pages.addWidget(page)
        main = QWidget()
        mark(main, role="page")
        inner = column(space=0)
        notices = QWidget()
        around = column(self.banner)
        around.setContentsMargins(SPACE.large, SPACE.medium, SPACE.large, 0)
        notices.setLayout(around)
        notices.hide()
        self._notices = notices
        inner.addWidget(notices)
        inner.addWidget(self.pages, 1)
        main.setLayout(inner)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.addWidget(self.sidebar)
        self.splitter.addWidget(main)
        self.splitter.setHandleWidth(1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([SIDEBAR_PX, 900])
        self.setCentralWidget(self.splitter)
        self.setWindowIcon(app_icon())
        self.setAcceptDrops(True)
        self.resize(QSize(1200, 760))
        self.banner.closed.connect(notices.hide)
        self._connect(appearance)
        self.retranslate()

    def _connect(self, appearance: Appearance) -> None:
        self.sidebar.chosen.connect(self._show_entry)
        self.sidebar.updated.connect(self._show_update)
        self.library.changed.connect(self._library_changed)
        self.run_page.export_requested.connect(self._show_export)
        self.export_page.open_requested.connect(self._open)
        self.exports.changed.connect(lambda name: self._show_busy())
        self.exports.finished.connect(self._export_ended)
        self.microphone.recorded.connect(self._recorded)
        panel = self.run_page.input
        panel.open_requested.connect(self.open_files)
        panel.paste_requested.connect(self.paste)
        panel.recordings_requested.connect(self.open_recordings)
        panel.media.connect(self.take)
        appearance.changed.connect(self._keep_setting)

    def engine_pid(self) -> int | None:
        """The process id of the engine; None while it does not run."""
        return self._core.engine_pid

    def begin(self) -> None:
        """List the models, and have the engine and the audio process ready before they are needed."""
        self.library.refresh()

    def retranslate(self) -> None:
        self.setWindowTitle(tr("Offline AI Workbench"))
        self.banner.setAccessibleName(tr("Message"))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()

    def tell(
        self, text: str, *, tone: str = "info", action: str = "", receiver: Callable[[], None] | None = None
    ) -> None:
        """Say something that concerns no page in particular."""
        if self._preface:
            text, tone, self._preface = f"{self._preface} {text}", "warning", ""
        self.banner.tell(text, tone=tone, action=action, receiver=receiver)
        self._notices.show()

    def come_forward(self) -> None:
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    # --- pages --------------------------------------------------------------------------------------------------

    def _show_entry(self, entry: Entry) -> None:
        if entry.standing == "ready":
            self.run_page.show_entry(entry)
            self.pages.setCurrentWidget(self.run_page)
            self._give_waiting()
        elif entry.standing == "export":
            self._show_export(entry)
        else:
            self.unusable.show_entry(entry)
            self.pages.setCurrentWidget(self.unusable)

    def _show_update(self, entry: Entry) -> None:
        """What came of an export stays to be read, unless something waits to be run with it."""
        state = self.exports.state(entry.name)
        reading = self.pages.currentWidget() is self.export_page and state is not None
        if reading and not (self._waiting and entry.standing == "ready"):
            self._show_export(entry)
        else:
            self._show_entry(entry)

    def _show_export(self, entry: Entry) -> None:
        self.export_page.show_entry(entry)
        self.pages.setCurrentWidget(self.export_page)

    def _open(self, name: str) -> None:
        """Go to a model that was exported just now."""
        entry = self.library.entry(name)
        if entry and entry.standing == "ready":
            self.sidebar.select(name)
            self._show_entry(entry)

    def _library_changed(self) -> None:
        if not self._readied:  # not sooner: they would take the processor from the listing
            self._readied = True
            self._background.start(lambda job: self._core.workbench.engine.start(), failed=self._tell_error)
            self.microphone.look()
            # The views bring numpy along, which is long to import: no answer waits for that later.
            self._background.start(lambda job: importlib.import_module("workbench.gui.views.table"))
        if not self.library.entries:
            self.pages.setCurrentWidget(self.welcome)
        ready = self.library.first_ready("audio")
        why = None if ready else tr("No speech model is ready. Export one first, for instance whisper-tiny.en.")
        self.run_page.input.microphone.set_no_model(why)
        self.welcome.show_listing(self.library.listing)

    def _show_busy(self) -> None:
        busy = {}
        for name in self.exports.running():
            state = self.exports.state(name)
            busy[name] = stage_text(state.stage) if state and state.stage else tr("Waits for its export")
        self.sidebar.rows.set_busy(busy)

    def _export_ended(self, name: str) -> None:
        self._show_busy()
        self.library.refresh()

    # --- taking input -------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        mime = event.mimeData()
        if mime.hasUrls() or mime.hasText() or mime.hasImage():
            event.acceptProposedAction()
            self.run_page.input.set_drop_active(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.run_page.input.set_drop_active(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self.run_page.input.set_drop_active(False)
        event.acceptProposedAction()
        self.take(event.mimeData())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Paste):
            self.paste()
        elif event.matches(QKeySequence.StandardKey.Open):
            self.open_files()
        else:
            super().keyPressEvent(event)

    def paste(self) -> None:
        self.take(QGuiApplication.clipboard().mimeData())

    def open_files(self) -> None:
        kinds: dict[str | None, str] = {"image": tr("Pictures"), "audio": tr("Sounds"), "text": tr("Texts")}
        kind = "text" if self.run_page.kind == "fields" else self.run_page.kind
        ordered = sorted(kinds, key=lambda name: name != kind)
        filters = [f"{kinds[name]} ({_patterns(name)})" for name in ordered] + [tr("All files (*)")]
        paths, _ = QFileDialog.getOpenFileNames(self, tr("Open files"), "", ";;".join(filters))
        if paths:
            self.take_files(paths)

    def recordings_folder(self) -> str:
        return str(data_dir() / "recordings")

    def open_recordings(self) -> None:
        filters = tr("Sounds (*.wav)")
        paths, _ = QFileDialog.getOpenFileNames(self, tr("Open recordings"), self.recordings_folder(), filters)
        if paths:
            self.take_files(paths)

    def take(self, mime: QMimeData) -> None:
        """What was dropped or pasted: files, a picture, or a text."""
        if mime.hasUrls():
            urls = mime.urls()
            paths = [url.toLocalFile() for url in urls if url.isLocalFile()]
            if paths:
                self.take_files(paths)
            elif urls:
                self.tell(tr("Only files of this machine can be used; nothing is downloaded."), tone="warning")
        elif pasting.holds_picture(mime):
            self._background.start(
                partial(pasting.save_picture, pasting.picture_of(mime), data_dir() / "pasted"),
                done=lambda path: self.take_files([path]),
                failed=self._tell_error,
            )
        elif mime.hasText():
            self._take_text(mime.text())

    def take_files(self, paths: list[str]) -> None:
        """Look in the background what the files are for; the model that can take them gets them."""
        self._background.start(
            lambda job: gather(paths, job.cancellation.check), done=self._gathered, failed=self._tell_error
        )

    def _gathered(self, found: Intake) -> None:
        kind = found.kind
        if kind is None:
            self.tell(tr("No text, picture or sound was found in what you gave."), tone="warning")
            return
        paths = found.files[kind]
        if found.cut_off:
            self.tell(
                tr("There are more files than can be taken at once; the first {count} are used.", count=len(paths))
            )
        if kind == "text":
            self._background.start(
                lambda job: text_items(paths, job.cancellation.check),
                done=lambda items: self.give(items, "text"),
                failed=self._tell_error,
            )
        else:
            self.give([Item(Path(path).name, path, path) for path in paths], kind)

    def give(self, items: list[Item], kind: Kind) -> None:
        """Run files with the model that is shown, else with the first that takes them and is ready."""
        self._waiting = None
        shown = self.pages.currentWidget() is self.run_page
        if shown and self.run_page.give(items, kind):
            return
        self.sidebar.want(kind)
        self._waiting = (items, kind)
        ready = self.library.first_ready(kind)
        if ready:
            self.sidebar.select_again(ready.name)
            return
        names = {"text": tr("texts"), "image": tr("pictures"), "audio": tr("sounds")}
        first = next(
            (entry for entry in self.library.entries if entry.modality == kind and entry.export.possible), None
        )
        if first:
            self.sidebar.select_again(first.name)
            said = tr("No model for {kind} is ready. Export one; what you gave is kept for it.", kind=names[kind])
        else:
            said = tr("There is no model for {kind} yet. Download one; what you gave is kept for it.", kind=names[kind])
        self.tell(said, tone="warning")

    def _give_waiting(self) -> None:
        if self._waiting:
            (items, kind), self._waiting = self._waiting, None
            if self.run_page.give(items, kind):
                self.banner.clear()
                self._notices.hide()
            else:
                self._waiting = (items, kind)

    def _take_text(self, text: str) -> None:
        if self.run_page.input.takes_text and self.pages.currentWidget() is self.run_page:
            self.run_page.input.set_text(text)
        else:
            self.give([Item(tr("Pasted text"), text)], "text")

    def _recorded(self, recording: Recording) -> None:
        if recording.interrupted:
            said = message_of(recording.interrupted)
            self._preface = tr("{why} What was recorded before is kept.", why=said)
        if recording.duration_s < MIN_SPEECH_S or recording.path is None:
            self.tell(tr("That was too short. Hold the button while you speak, or tap it and tap it again at the end."))
            return
        self.give([Item(recording.path.name, str(recording.path), str(recording.path))], "audio")
        if self._preface:
            self.tell("", tone="warning")

    # --- the rest -----------------------------------------------------------------------------------------------

    def closeEvent(self, event: QCloseEvent) -> None:
        doing = self._goes_on()
        if doing and not self._confirm_close(doing):
            event.ignore()
            return
        self.microphone.stop()
        event.accept()
        self.closed.emit()

    def _goes_on(self) -> str:
        """What closing would stop, in words; empty where nothing goes on."""
        if self.exports.running():
            return tr("An export is running. Nothing of it is kept if you close the window now.")
        if self.exports.install_state and self.exports.install_state.running:
            return tr("The export toolchain is being installed. Installing it later goes on where it stops now.")
        if self.microphone.recording:
            return tr("A recording is running. What was recorded is kept.")
        if self.run_page.runs.running:
            return tr("A model is running. Its answer is lost if you close the window now.")
        return ""

    def _confirm_close(self, doing: str) -> bool:
        box = QMessageBox(QMessageBox.Icon.NoIcon, tr("Offline AI Workbench"), doing, parent=self)
        stop = box.addButton(tr("Stop and close"), QMessageBox.ButtonRole.DestructiveRole)
        stay = box.addButton(tr("Go on"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        box.exec()
        return box.clickedButton() is stop

    def _keep_setting(self, name: str, value: str) -> None:
        self._background.start(
            lambda job: self._core.workbench.change_setting(name, value), failed=self._tell_error, lane="settings"
        )

    def _tell_error(self, error: Exception) -> None:
        if not isinstance(error, WorkbenchError):
            raise error
        self.tell(message_of(error), tone="danger")


def _patterns(kind: str | None) -> str:
    return " ".join(f"*{suffix}" for suffix, found in SUFFIXES.items() if found == kind)
