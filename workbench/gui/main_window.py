"""The window: puts its parts together, and takes what is dropped or pasted anywhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
)
from PySide6.QtWidgets import QFileDialog, QMainWindow, QMessageBox, QStackedWidget, QWidget

from workbench.errors import WorkbenchError
from workbench.gui.appearance import Appearance
from workbench.gui.background import Background
from workbench.gui.controllers import Controllers
from workbench.gui.core import Core
from workbench.gui.exports import Exports
from workbench.gui.input_router import InputRouter
from workbench.gui.intake import SUFFIXES, Item, Kind
from workbench.gui.language import message_of, tr
from workbench.gui.later_pages import LaterPages
from workbench.gui.library import Library
from workbench.gui.microphone import Microphone
from workbench.gui.readying import Readying
from workbench.gui.receipts import Receipts
from workbench.gui.sidebar import Sidebar
from workbench.gui.simple_pages import UnusablePage, WelcomePage
from workbench.gui.widgets.basic import Banner, column
from workbench.gui.widgets.divided import Divided
from workbench.gui.widgets.icons import app_icon
from workbench.gui.widgets.theme import SPACE, style_sheet
from workbench.settings import Settings, data_dir

if TYPE_CHECKING:
    from workbench.gui.export_page import ExportPage
    from workbench.gui.run_page import RunPage
    from workbench.gui.side_pages import SidePages
    from workbench.library.entries import Entry

__all__ = ["MainWindow"]

SIDEBAR_PX = 280
LOOK_AGAIN_S = 10.0


class MainWindow(QMainWindow):
    """Owns the controllers and the pages. ``begin`` starts the work beside it, once the window is shown."""

    closed = Signal()

    def __init__(self, core: Core, background: Background, appearance: Appearance, settings: Settings) -> None:
        super().__init__()
        self.appearance = appearance
        self._core, self._background = core, background
        self._to_open: str | None = None
        self.library = Library(core, background, self)
        self.exports = Exports(core, background, self)
        self.receipts = Receipts(core, background, self)
        self.microphone = Microphone(core, background, settings.microphone, self)
        self.sidebar = Sidebar(self.library, appearance)
        self.unusable, self.welcome = UnusablePage(), WelcomePage()
        self.banner = Banner()
        self.pages = QStackedWidget()
        self.pages.addWidget(self.welcome)
        self.pages.addWidget(self.unusable)
        controllers = Controllers(
            core, background, appearance, self.library, self.exports, self.receipts, self.microphone
        )
        self._later = LaterPages(self.pages, controllers, settings.provider)
        self._readying = Readying(controllers, self._later, self, self._tell_error)
        main = QWidget()
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
        self.splitter = Divided()
        self.splitter.addWidget(self.sidebar)
        self.splitter.addWidget(main)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([SIDEBAR_PX, 900])
        self.setCentralWidget(self.splitter)
        self.setWindowIcon(app_icon())
        self.setAcceptDrops(True)
        self.resize(QSize(1200, 760))
        self.banner.closed.connect(notices.hide)
        appearance.dress(self.sidebar, notices, self.welcome, self.unusable)
        self.router = InputRouter(background, self.library, self.microphone, self, self)
        self._connect(appearance)
        self.retranslate()

    def _connect(self, appearance: Appearance) -> None:
        self.welcome.add.clicked.connect(self.sidebar.add_folder)
        self.sidebar.machine_requested.connect(lambda: self.beside.show_machine())
        self.exports.changed.connect(lambda name: self._show_busy())
        self.exports.finished.connect(self._export_ended)
        self._later.made.connect(self._connect_pages)
        appearance.changed.connect(self._keep_setting)

    def _connect_pages(self) -> None:
        """The pages are made: connect them, and show what was chosen before."""
        self.sidebar.chosen.connect(self._show_entry)
        self.sidebar.began.connect(self._begin_with)
        self.sidebar.updated.connect(self._show_update)
        self.sidebar.pointed.connect(self._show_pointed)
        self.library.changed.connect(self._library_changed)
        self.run_page.export_requested.connect(self._show_export)
        self.run_page.receipt_requested.connect(self.beside.show_receipt)
        self.export_page.open_requested.connect(self._open)
        self.export_page.receipt_requested.connect(self.beside.show_receipt)
        panel = self.run_page.input
        panel.open_requested.connect(self.open_files)
        panel.paste_requested.connect(self.paste)
        panel.recordings_requested.connect(self.open_recordings)
        panel.media.connect(self.router.take)
        self.run_page.ways.panel.composer.media.connect(self.router.take)
        if self.library.listing is not None:
            self._library_changed()
        if self.sidebar.selected and (entry := self.library.entry(self.sidebar.selected)):
            self._show_entry(entry)

    @property
    def has_pages(self) -> bool:
        """Whether the pages for models are made; who asks for one of them before has them made at once."""
        return self._later.are_made

    @property
    def run_page(self) -> RunPage:
        return self._later.run

    @property
    def export_page(self) -> ExportPage:
        return self._later.export

    @property
    def beside(self) -> SidePages:
        """The pages that are read beside the models."""
        return self._later.beside

    def engine_pid(self) -> int | None:
        """The process id of the engine; None while it does not run."""
        return self._core.engine_pid

    def begin(self) -> None:
        """List the models; the pages for them, and what else will be needed, are made ready after that."""
        self.library.changed.connect(self._later.prepare)
        self.library.failed.connect(self._later.prepare)
        self.library.refresh()

    def retranslate(self) -> None:
        self.setWindowTitle(tr("Offline AI Workbench"))
        self.banner.setAccessibleName(tr("Message"))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        elif event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self._look_again()

    def tell(
        self,
        words: Callable[[], str],
        *,
        tone: str = "info",
        action: Callable[[], str] | str = "",
        receiver: Callable[[], None] | None = None,
    ) -> None:
        """Say something that concerns no page in particular. ``words`` is called again when the language changes."""
        self.banner.tell(words, tone=tone, action=action, receiver=receiver)
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
            self.router.give_waiting()
        elif entry.standing == "export":
            self._show_export(entry)
        else:
            self.unusable.show_entry(entry)
            self.pages.setCurrentWidget(self.unusable)

    def _begin_with(self, entry: Entry) -> None:
        """Who went to another page before the models were listed stays there."""
        front = self.pages.currentWidget() if self.beside.shown else None
        self._show_entry(entry)
        if front is not None:
            self.beside.stay_on(front)

    def _show_pointed(self, entry: Entry) -> None:
        """The way from a page beside a model back to it."""
        if self.beside.shown or self.pages.currentWidget() is self.export_page:
            self._show_entry(entry)

    def _show_update(self, entry: Entry) -> None:
        """Who reads another page stays there, unless something waits to be run with the model."""
        waits = self.router.waits and entry.standing == "ready"
        if self.beside.shown and not waits:
            if entry.standing == "ready":
                self.run_page.show_entry(entry)
        elif self.pages.currentWidget() is self.export_page and not waits:
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
            self._to_open = None
            self.sidebar.select(name)
            self._show_entry(entry)
        else:
            self._to_open = name  # the listing that knows of the export is on its way

    def _library_changed(self) -> None:
        self._readying.begin()
        if not self.library.entries:
            self.pages.setCurrentWidget(self.welcome)
        self.run_page.input.microphone.set_speech_model(self.library.first_ready("audio") is not None)
        if self._to_open and (entry := self.library.entry(self._to_open)) and entry.standing == "ready":
            self._open(entry.name)
        self.welcome.show_listing(self.library.listing)
        self._readying.make_views()

    def _look_again(self) -> None:
        """Models may have come while another program was in front, a download for instance."""
        if self.library.listing is not None and time.monotonic() - self.library.read_at_s > LOOK_AGAIN_S:
            self.library.refresh()

    def _show_busy(self) -> None:
        from workbench.gui.export_progress import stage_text

        busy = {}
        for name in self.exports.running():
            state = self.exports.state(name)
            busy[name] = stage_text(state.stage) if state and state.stage else tr("Waits for its export")
        self.sidebar.rows.set_busy(busy)

    def _export_ended(self, name: str) -> None:
        self._show_busy()
        self.receipts.forget(name)
        self.library.refresh()

    # --- where input lands, for the router ----------------------------------------------------------------------

    @property
    def _runs(self) -> bool:
        """Whether a model that can run is shown."""
        return self.has_pages and self.pages.currentWidget() is self.run_page

    def takes_text(self) -> bool:
        """Whether a text typed now would be the input."""
        return self._runs and self.run_page.takes_text

    def take_text(self, text: str) -> None:
        self.run_page.insert_text(text)

    def give(self, items: list[Item], kind: Kind) -> bool:
        """Run files with the model that is shown; False where it takes none of this kind."""
        return self._runs and self.run_page.give(items, kind)

    def offer(self, kind: Kind, name: str | None) -> None:
        """Show models for this kind of input, and go to the one of this name."""
        self.sidebar.want(kind)
        if name:
            self.sidebar.select_again(name)

    def untell(self) -> None:
        """Take the message back."""
        self.banner.clear()
        self._notices.hide()

    # --- taking input -------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        mime = event.mimeData()
        if mime.hasUrls() or mime.hasText() or mime.hasImage():
            event.acceptProposedAction()
            self._show_drop(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._show_drop(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._show_drop(False)
        event.acceptProposedAction()
        self.router.take(event.mimeData())

    def _show_drop(self, comes: bool) -> None:
        if self.has_pages:
            self.run_page.input.set_drop_active(comes)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Paste):
            self.paste()
        elif event.matches(QKeySequence.StandardKey.Open):
            self.open_files()
        else:
            super().keyPressEvent(event)

    def paste(self) -> None:
        self.router.take(QGuiApplication.clipboard().mimeData())

    def open_files(self) -> None:
        kinds: dict[str | None, str] = {"image": tr("Pictures"), "audio": tr("Sounds"), "text": tr("Texts")}
        ordered = sorted(kinds, key=lambda name: name != self.run_page.kind)
        filters = [f"{kinds[name]} ({_patterns(name)})" for name in ordered] + [tr("All files (*)")]
        paths, _ = QFileDialog.getOpenFileNames(self, tr("Open files"), "", ";;".join(filters))
        if paths:
            self.router.take_files(paths)

    @staticmethod
    def recordings_folder() -> str:
        """Where the core keeps recordings; asked for without opening it."""
        return str(data_dir() / "recordings")

    def open_recordings(self) -> None:
        filters = tr("Sounds (*.wav)")
        paths, _ = QFileDialog.getOpenFileNames(self, tr("Open recordings"), self.recordings_folder(), filters)
        if paths:
            self.router.take_files(paths)

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
        if self.receipts.measuring:
            return tr("A receipt is being measured. Nothing of it is kept if you close the window now.")
        if self.has_pages and self.run_page.running:
            return tr("A model is running. Its answer is lost if you close the window now.")
        return ""

    def _confirm_close(self, doing: str) -> bool:
        box = QMessageBox(QMessageBox.Icon.NoIcon, tr("Offline AI Workbench"), doing, parent=self)
        stop = box.addButton(tr("Stop and close"), QMessageBox.ButtonRole.DestructiveRole)
        stay = box.addButton(tr("Go on"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        box.setStyleSheet(style_sheet())
        box.exec()
        return box.clickedButton() is stop

    def _keep_setting(self, name: str, value: str) -> None:
        self._background.start(
            lambda job: self._core.workbench.change_setting(name, value), failed=self._tell_error, lane="settings"
        )

    def _tell_error(self, error: Exception) -> None:
        if not isinstance(error, WorkbenchError):
            raise error
        self.tell(partial(message_of, error), tone="danger")


def _patterns(kind: str | None) -> str:
    return " ".join(f"*{suffix}" for suffix, found in SUFFIXES.items() if found == kind)
