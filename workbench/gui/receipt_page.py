"""The page with a model's receipt: what each precision does to the answers and the speed, measured on this machine."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from workbench.errors import Notice, WorkbenchError
from workbench.gui.background import Background, Job
from workbench.gui.language import message_of, task_title, tr
from workbench.gui.receipt_offer import MeasureView, Offer
from workbench.gui.receipt_view import ReceiptView, date_text, receipt_text
from workbench.gui.receipts import Judged, Receipts, ReceiptState
from workbench.gui.side_page import SidePage
from workbench.gui.widgets.basic import Banner, Button, Choice, ElidedLabel, row
from workbench.gui.widgets.theme import SPACE
from workbench.library.entries import Entry
from workbench.receipts.receipt import receipt_json

__all__ = ["ReceiptPage"]

COLUMN_PX = 880
# Below this width the buttons show their icons alone.
WORDS_PX = 620
SECOND_MS = 1000


class ReceiptPage(SidePage):
    """Shows one model's task at a time; what is measured goes on in :class:`Receipts` when another is shown."""

    def __init__(self, receipts: Receipts, background: Background) -> None:
        super().__init__()
        self._receipts = receipts
        self._background = background
        self._entry: Entry | None = None
        self._task = ""
        self._shown: Judged | None = None
        self._told: tuple[WorkbenchError | None, tuple[Notice, ...]] = (None, ())
        self._title = ElidedLabel(role="title", mode=Qt.TextElideMode.ElideMiddle)
        self._subtitle = ElidedLabel(tone="muted")
        self.earlier = Choice()
        self.again = Button(icon="refresh")
        self.own = Button(icon="open", role="quiet")
        self.copy = Button(icon="copy", role="quiet")
        self.save = Button(icon="save", role="quiet")
        self.banner = Banner()
        self.offer = Offer()
        self.progress = MeasureView()
        self.view = ReceiptView()
        self._timer = QTimer(self)
        self._timer.setInterval(SECOND_MS)
        self._timer.timeout.connect(self._tick)
        self._actions = QWidget()
        self._actions.setLayout(row(self.again, self.own, 1, self.earlier, self.copy, self.save, space=SPACE.tight))
        below = (self.banner, self.progress, self._actions, self.offer, self.view)
        self._build(self._title, self._subtitle, (), below, COLUMN_PX)
        self._connect()
        self.retranslate()

    def _connect(self) -> None:
        self.again.clicked.connect(lambda: self.measure())
        self.offer.measure.clicked.connect(lambda: self.measure())
        self.own.clicked.connect(lambda: self._ask_samples(self.own))
        self.offer.own.clicked.connect(lambda: self._ask_samples(self.offer.own))
        self.copy.clicked.connect(self._copy)
        self.save.clicked.connect(self._ask_file)
        self.progress.cancel.clicked.connect(self._cancel)
        self.earlier.activated.connect(self._choose)
        self._receipts.changed.connect(self._changed)

    def retranslate(self) -> None:
        self.back.describe(tr("Back to the model"))
        self.earlier.setAccessibleName(tr("Earlier receipts"))
        self.earlier.setToolTip(tr("Earlier receipts"))
        self._name_buttons()
        self.earlier.clear()  # dates are written in another way
        if self._entry:
            self._tell_names(self._entry)
            self._refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._name_buttons()

    def _name_buttons(self) -> None:
        words = {
            self.again: tr("Measure again"),
            self.own: tr("Own samples…"),
            self.copy: tr("Copy"),
            self.save: tr("Save…"),
        }
        wide = self.width() >= WORDS_PX
        for button, text in words.items():
            button.setText(text if wide or button is self.again else "")
            button.describe(text)

    def show_model(self, entry: Entry, task: str) -> None:
        """Show the newest receipt of a model for a task, or offer to measure one."""
        if self._entry is None or (entry.name, task) != (self._entry.name, self._task):
            self._shown = None
            self._told = (None, ())
            self.banner.clear()
            self._sheet.verticalScrollBar().setValue(0)
        self._entry, self._task = entry, task
        self._tell_names(entry)
        self._receipts.look(entry.name, task, again=True)
        self._refresh()

    def _tell_names(self, entry: Entry) -> None:
        self._title.setText(entry.short_name)
        said = tr("Receipt for {task}", task=task_title(self._task))
        self._subtitle.setText(f"{said} · {entry.owner}" if entry.owner else said)

    # --- what is shown ------------------------------------------------------------------------------------------

    @property
    def _state(self) -> ReceiptState:
        assert self._entry
        return self._receipts.state(self._entry.name, self._task)

    def _changed(self, name: str, task: str) -> None:
        if self._entry and (name, task) == (self._entry.name, self._task):
            self._refresh()

    def _refresh(self) -> None:
        state = self._state
        newest = state.newest
        if newest is not None and (self._shown is None or self._shown not in state.judged):
            self._shown = newest
        fresh = newest is not None and self.earlier.count() != 0 and self.earlier.itemData(0) != newest.receipt.created
        if fresh:  # what was measured just now is what is of interest
            self._shown = newest
        self._show_trouble(state)
        self._fill_earlier(state)
        self._actions.setVisible(newest is not None and not state.measuring)
        self.view.setVisible(newest is not None)
        if self._shown is not None and newest is not None:
            self.view.show_judged(self._shown)
        self.offer.setVisible(newest is None and not state.measuring and state.measurable is not None)
        self.offer.set_possible(bool(state.measurable))
        self.progress.setVisible(state.measuring)
        self.progress.show_state(state)
        if state.measuring and not self._timer.isActive():
            self._timer.start()
        elif not state.measuring:
            self._timer.stop()

    def _show_trouble(self, state: ReceiptState) -> None:
        """Why nothing came of a measurement, or what there is to know of the receipts; each is told once."""
        trouble = (state.problem, state.warnings)
        if trouble == self._told:
            return
        self._told = trouble
        if state.problem:
            self.banner.tell(partial(message_of, state.problem), tone="danger")
        elif state.warnings:
            warnings = state.warnings
            self.banner.tell(lambda: "\n".join(message_of(item) for item in warnings), tone="warning")
        else:
            self.banner.clear()

    def _tick(self) -> None:
        self.progress.show_state(self._state)

    def _fill_earlier(self, state: ReceiptState) -> None:
        dates = [item.receipt.created for item in state.judged]
        if dates != [self.earlier.itemData(number) for number in range(self.earlier.count())]:
            self.earlier.clear()
            for item in state.judged:
                self.earlier.addItem(date_text(item.receipt), item.receipt.created)
        self.earlier.setVisible(len(dates) > 1)
        if self._shown is not None:
            self.earlier.setCurrentIndex(max(0, self.earlier.findData(self._shown.receipt.created)))

    def _choose(self, number: int) -> None:
        self._shown = self._state.judged[number]
        self._refresh()

    # --- what the user does -------------------------------------------------------------------------------------

    def measure(self, source: Path | None = None) -> None:
        """Measure on the built-in samples, or on those in a file or folder of the user's."""
        if self._entry:
            self.banner.clear()
            self._receipts.measure(self._entry.name, self._task, source)
            self.progress.cancel.setFocus(Qt.FocusReason.OtherFocusReason)

    def _cancel(self) -> None:
        if self._entry:
            self._receipts.cancel(self._entry.name, self._task)

    def escape(self) -> None:
        if self._entry and self._state.measuring:
            self._cancel()
        else:
            self.closed.emit()

    def samples_menu(self) -> QMenu:
        """A file, or a folder with files."""
        menu = QMenu(self)
        menu.addAction(tr("A file…"), self._ask_samples_file)
        menu.addAction(tr("A folder…"), self._ask_folder)
        return menu

    def _ask_samples(self, place: QWidget) -> None:
        menu = self.samples_menu()
        menu.exec(place.mapToGlobal(place.rect().bottomLeft()))
        menu.deleteLater()

    def _ask_samples_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, tr("Samples to measure on"))
        if path:
            self.measure(Path(path))

    def _ask_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, tr("Samples to measure on"))
        if folder:
            self.measure(Path(folder))

    def _copy(self) -> None:
        if self._shown:
            QGuiApplication.clipboard().setText(receipt_text(self._shown))
            self.banner.tell(lambda: tr("The receipt was copied as text."))

    def _ask_file(self) -> None:
        if self._shown is None or self._entry is None:
            return
        name = f"{self._entry.short_name}-{tr('receipt')}.json"
        path, _ = QFileDialog.getSaveFileName(self, tr("Save the receipt"), name, "JSON (*.json)")
        if path:
            self.save_to(Path(path if path.endswith(".json") else path + ".json"))

    def save_to(self, path: Path) -> None:
        """Write the receipt that is shown into a file, in the background."""
        judged = self._shown
        if judged is None:
            return

        def work(job: Job) -> None:
            from workbench.saving.files import put
            from workbench.saving.formats import json_text

            put(path, json_text(receipt_json(judged.receipt)).encode("utf-8", "replace"))

        self._background.start(
            work, done=lambda _: self.banner.tell(lambda: tr("Saved to {file}", file=path)), failed=self._not_saved
        )

    def _not_saved(self, error: Exception) -> None:
        if not isinstance(error, WorkbenchError):
            raise error
        self.banner.tell(partial(message_of, error), tone="danger")
