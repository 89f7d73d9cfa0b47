"""The page that exports a model."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QApplication, QWidget

from workbench.errors import Cancelled
from workbench.gui.export_form import ExportForm
from workbench.gui.export_outcome import FailureView, ResultView
from workbench.gui.export_progress import RunView, stage_text
from workbench.gui.export_state import ExportState
from workbench.gui.exports import Exports
from workbench.gui.language import message_of, tr
from workbench.gui.receipts import Receipts
from workbench.gui.toolchain_card import ToolchainCard
from workbench.gui.widgets.basic import Banner, ElidedLabel, Label, Panel, column
from workbench.gui.widgets.sheet import Sheet
from workbench.gui.widgets.theme import SPACE, mark
from workbench.library.entries import Entry

__all__ = ["ExportPage", "stage_text"]

COLUMN_PX = 640


class ExportPage(Panel):
    """Shows one model at a time; all that lasts longer than a look is kept by :class:`Exports`."""

    open_requested = Signal(str)  # the model's name: use it now
    receipt_requested = Signal(object, str)  # Entry, task

    def __init__(self, exports: Exports, receipts: Receipts) -> None:
        super().__init__()
        mark(self, role="page")
        self._exports = exports
        self._receipts = receipts
        self._entry: Entry | None = None
        self._part: QWidget | None = None
        self._title = ElidedLabel(role="title", mode=Qt.TextElideMode.ElideMiddle)
        self._owner = ElidedLabel(tone="muted", mode=Qt.TextElideMode.ElideMiddle)
        self._intro = Label(tone="muted", wrap=True)
        self.note = Banner()
        self._gap = QWidget()
        self._gap.setFixedHeight(SPACE.large)
        self.form = ExportForm(exports)
        self.toolchain = ToolchainCard(exports)
        self.run = RunView()
        self.result = ResultView()
        self.failure = FailureView()
        self._parts = (self.form, self.toolchain, self.run, self.result, self.failure)
        self._build()

        self.form.chosen.connect(self._start)
        self.run.cancel_requested.connect(self._cancel)
        self.result.open_requested.connect(self._open)
        self.result.again_requested.connect(self._forget)
        self.result.receipt_requested.connect(self._ask_receipt)
        self.failure.retry_requested.connect(self._retry)
        self.failure.back_requested.connect(self._forget)
        self.note.closed.connect(self._forget)
        exports.changed.connect(self._changed)
        exports.toolchain_changed.connect(self._refresh)
        receipts.changed.connect(self._receipt_changed)
        self.retranslate()

    def _build(self) -> None:
        head = column(self._title, self._owner, space=0)
        head.addSpacing(SPACE.medium)
        head.addWidget(self._intro)
        head.addSpacing(SPACE.wide)
        head.addWidget(self.note)
        head.addWidget(self._gap)
        self._head = QWidget()
        self._head.setLayout(head)
        inside = column(self._head, space=0)
        inside.setContentsMargins(SPACE.wide, SPACE.wide, SPACE.wide, SPACE.wide)
        for part in self._parts:
            part.hide()
            inside.addWidget(part)
        inside.addStretch(1)
        self._scroll = Sheet(inside, COLUMN_PX)
        self.setLayout(column(self._scroll))

    @property
    def parts(self) -> tuple[QWidget, ...]:
        """What wears a style sheet of its own, so that a change of theme is made in short steps."""
        return (self._scroll.verticalScrollBar(), self._head, *self._parts)

    def retranslate(self) -> None:
        self._intro.setText(
            tr(
                "Makes an ONNX version of this model that runs here, in the precisions you choose, "
                "and compares each with the original."
            )
        )
        if self._entry:
            self._show_note()

    def show_entry(self, entry: Entry) -> None:
        """Show a model, with its export where one runs, waits, or has ended."""
        self._entry = entry
        self._title.setText(entry.short_name)
        self._owner.setText(entry.owner)
        self._owner.setVisible(bool(entry.owner))
        self.form.show_entry(entry)
        status = self._exports.toolchain_status
        # One that was missing may be there by now. Whether one that is broken works, only the user asks: it takes long.
        if status is None or (status.problem and status.problem.code != "toolchain-broken"):
            self._exports.check_toolchain()
        self._refresh()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._part is self.form:
            self.form.replan()

    # --- what is shown ------------------------------------------------------------------------------------------

    @property
    def _state(self) -> ExportState | None:
        return self._exports.state(self._entry.name) if self._entry else None

    def _changed(self, name: str) -> None:
        if self._entry and name == self._entry.name:
            self._refresh()

    def _refresh(self) -> None:
        if self._entry is None:
            return
        state = self._state
        self._show_note()
        outcome = state.outcome if state else None
        if state and outcome is None:
            self.run.show_state(state, self._exports.running()[0])
            self._show(self.run)
        elif state and isinstance(outcome, Exception) and not isinstance(outcome, Cancelled):
            self.failure.show_state(state)
            self._show(self.failure)
        elif state and outcome is not None and not isinstance(outcome, Exception):
            self._receipts.look(state.name, state.task)
            self.result.show_state(state, outcome)
            self.result.show_receipt(self._receipts.state(state.name, state.task).newest)
            self._show(self.result)
        else:
            self._show_form()

    def _show_form(self) -> None:
        status, install = self._exports.toolchain_status, self._exports.install_state
        self.form.set_toolchain(usable=status is not None and status.usable)
        if (install and install.running) or (status and not status.usable):
            self.toolchain.show_now()
            self._show(self.toolchain)
        else:
            self._show(self.form)

    def _show_note(self) -> None:
        state = self._state
        status = self._exports.toolchain_status
        if state and isinstance(state.outcome, Cancelled):
            self.note.tell(tr("The export was stopped. Nothing of it was kept."))
        elif status and status.notice and not self._exports.installing:
            self.note.tell(message_of(status.notice), action=tr("Update"), receiver=self._exports.install_toolchain)
        else:
            self.note.clear()
        self._gap.setVisible(self.note.isVisibleTo(self))

    def _show(self, part: QWidget) -> None:
        if part is self._part:
            return
        # The button that was pressed goes away: who works by keyboard goes on with the first control of what comes.
        focused = QApplication.focusWidget()
        had_focus = focused is not None and self._scroll.isAncestorOf(focused)
        self._part = part
        for item in self._parts:
            item.setVisible(item is part)
        self._scroll.verticalScrollBar().setValue(0)
        if had_focus:
            self._first_control(part).setFocus(Qt.FocusReason.OtherFocusReason)

    def _first_control(self, part: QWidget) -> QWidget:
        first: dict[QWidget, QWidget] = {
            self.run: self.run.log.toggle,  # not the button that would end it
            self.result: self.result.open,
            self.failure: self.failure.retry,
            self.toolchain: self.toolchain.install,
        }
        return first.get(part, self.form.export)

    # --- what the user does -------------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._entry:
            form = self.form
            self._exports.start(self._entry.name, form.task, form.precisions, form.allow_pickle, form.samples.source)

    def _cancel(self) -> None:
        if self._entry:
            self._exports.cancel(self._entry.name)

    def _open(self) -> None:
        if self._entry:
            self.open_requested.emit(self._entry.name)

    def _ask_receipt(self) -> None:
        if self._entry and self._state:
            self.receipt_requested.emit(self._entry, self._state.task)

    def _receipt_changed(self, name: str, task: str) -> None:
        state = self._state
        if state and state.outcome and (name, task) == (state.name, state.task):
            self.result.show_receipt(self._receipts.state(name, task).newest)

    def _forget(self) -> None:
        if self._entry:
            self._exports.forget(self._entry.name)
            self.form.replan()

    def _retry(self) -> None:
        """Once more as it was; without a toolchain there is something else to do first."""
        state, status = self._state, self._exports.toolchain_status
        if state is None or (status and not status.usable):
            self._forget()
        else:
            self._exports.start(state.name, state.task, state.precisions, state.allow_pickle, state.source)
