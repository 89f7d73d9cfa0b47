"""What came of an export: the variants with how well they agree, or why there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from workbench.errors import WorkbenchError
from workbench.gui.export_progress import LogView
from workbench.gui.export_state import ExportState
from workbench.gui.language import message_of, task_title, tr
from workbench.gui.receipt_view import ReceiptView
from workbench.gui.receipt_words import agreement_number, agreement_words
from workbench.gui.receipts import Judged
from workbench.gui.widgets.basic import Banner, Button, ElidedLabel, IconLabel, Label, Panel, column, line, row
from workbench.gui.widgets.theme import SPACE, mark
from workbench.receipts.closeness import Closeness, closeness
from workbench.units import clock, size

if TYPE_CHECKING:
    from workbench.exporting.report import ExportedVariant, ExportReport

__all__ = ["FailureView", "ResultView", "error_text"]

LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop


def error_text(error: Exception) -> str:
    """A sentence for what went wrong, also where it is a bug."""
    if isinstance(error, WorkbenchError):
        return message_of(error)
    return tr("Something unexpected happened: {error}", error=f"{type(error).__name__}: {error}")


class ResultView(Panel):
    """The variants of an export that went well."""

    open_requested = Signal()
    again_requested = Signal()
    receipt_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._state: ExportState | None = None
        self._report: ExportReport | None = None
        self.heading = Label(role="heading")
        self._what = Label(tone="muted", wrap=True)
        self._card = QWidget()
        mark(self._card, role="card")
        self._card.setLayout(column())
        self.table = QWidget()
        self.receipt = ReceiptView(short=True)
        self.receipt.hide()
        self.details = Button(icon="receipt")
        self.details.clicked.connect(self.receipt_requested)
        self.details.hide()
        self._warnings = Label(tone="warning", wrap=True)
        self._folder = ElidedLabel(role="small", tone="muted", mode=Qt.TextElideMode.ElideMiddle)
        self.open = Button(icon="play", role="primary")
        self.open.clicked.connect(self.open_requested)
        self.again = Button()
        self.again.clicked.connect(self.again_requested)
        layout = column(space=SPACE.small)
        layout.addLayout(row(IconLabel("check", "success"), self.heading, 1))
        layout.addWidget(self._what)
        layout.addSpacing(SPACE.tight)
        layout.addWidget(self._card)
        layout.addWidget(self.receipt)
        layout.addWidget(self._warnings)
        layout.addWidget(self._folder)
        layout.addSpacing(SPACE.small)
        layout.addLayout(row(self.open, self.details, self.again, 1))
        self.setLayout(layout)
        self.retranslate()

    def retranslate(self) -> None:
        self.heading.setText(tr("The ONNX version is ready"))
        self.open.setText(tr("Use it now"))
        self.again.setText(tr("More precisions"))
        self.details.setText(tr("Whole receipt"))
        if self._state and self._report:
            self._fill(self._state, self._report)

    def show_state(self, state: ExportState, report: ExportReport) -> None:
        if state is not self._state:
            self._state, self._report = state, report
            self._fill(state, report)

    def show_receipt(self, judged: Judged | None) -> None:
        """The receipt of what was exported, in the place of what verification alone found; None while there is none."""
        there = judged is not None and bool(judged.verdicts)
        if judged is not None and there:
            self.receipt.show_judged(judged)
        self.receipt.setVisible(there)
        self.details.setVisible(there)
        self._card.setVisible(not there)

    def _fill(self, state: ExportState, report: ExportReport) -> None:
        self._what.setText(
            tr(
                "{task}. Made and compared with the original in {time}.",
                task=task_title(state.task),
                time=clock(report.total_s),
            )
        )
        self._warnings.setText("\n".join(message_of(notice) for notice in report.warnings))
        self._warnings.setVisible(bool(report.warnings))
        self._folder.setText(tr("Kept in {folder}", folder=report.artifact))
        layout = self._card.layout()
        assert layout is not None
        layout.removeWidget(self.table)
        self.table.hide()
        self.table.deleteLater()
        self.table = _table(report.variants)
        layout.addWidget(self.table)
        self.table.show()


class FailureView(Panel):
    """Why an export failed, and what libraries said."""

    retry_requested = Signal()
    back_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._state: ExportState | None = None
        self.banner = Banner(closable=False)
        self.log = LogView()
        self._file = ElidedLabel(role="small", tone="muted", mode=Qt.TextElideMode.ElideMiddle)
        self.retry = Button(icon="refresh", role="primary")
        self.retry.clicked.connect(self.retry_requested)
        self.back = Button()
        self.back.clicked.connect(self.back_requested)
        layout = column(self.banner, space=SPACE.medium)
        layout.addLayout(row(self.retry, self.back, 1, self.log.toggle))
        layout.addWidget(self.log)
        layout.addWidget(self._file)
        self.setLayout(layout)
        self.log.toggle.toggled.connect(self._show_file)
        self.retranslate()

    def retranslate(self) -> None:
        self.retry.setText(tr("Try again"))
        self.back.setText(tr("Change the choices"))
        if self._state:
            self.show_state(self._state)

    def show_state(self, state: ExportState) -> None:
        self._state = state
        assert isinstance(state.outcome, Exception)
        self.banner.tell(error_text(state.outcome), tone="danger")
        self.log.follow(state.log)
        self._file.setText(tr("The whole log: {file}", file=state.log_path) if state.log_path else "")
        self._show_file()

    def _show_file(self) -> None:
        self._file.setVisible(self.log.toggle.isChecked() and bool(self._file.text()))


def _table(variants: tuple[ExportedVariant, ...]) -> QWidget:
    """A line, then two rows for each variant, below a row of headings."""
    table = QWidget()
    layout = QGridLayout()
    layout.setContentsMargins(SPACE.large, SPACE.medium, SPACE.large, SPACE.medium)
    layout.setHorizontalSpacing(SPACE.large)
    layout.setVerticalSpacing(SPACE.hair)
    layout.setColumnStretch(2, 1)
    for place, heading in enumerate((tr("Precision"), tr("Size"), tr("Agreement with the original"))):
        label = Label(heading, role="small", tone="muted", wrap=place == 2)
        label.setAlignment(RIGHT if place == 1 else LEFT)
        layout.addWidget(label, 0, place)
    for number, variant in enumerate(variants):
        at = 3 * number + 1
        layout.setRowMinimumHeight(at, SPACE.large)
        layout.addWidget(line(), at, 0, 1, 4, Qt.AlignmentFlag.AlignVCenter)
        layout.addWidget(Label(variant.precision, role="heading"), at + 1, 0, LEFT)
        if not variant.added:
            layout.addWidget(Label(tr("made before"), role="small", tone="muted"), at + 2, 0, LEFT)
        layout.addWidget(Label(size(variant.bytes)), at + 1, 1, RIGHT)
        words, how_much, tone = _agreement(variant)
        layout.addWidget(Label(words, tone=tone, wrap=True), at + 1, 2)
        layout.addWidget(Label(how_much, role="small", tone="muted", wrap=True), at + 2, 2)
        if variant.recommended:
            best = row(IconLabel("check", "success", 16), Label(tr("Recommended"), tone="success"), space=SPACE.tight)
            layout.addLayout(best, at + 1, 3, Qt.AlignmentFlag.AlignTop)
    table.setLayout(layout)
    return table


def _agreement(variant: ExportedVariant) -> tuple[str, str, str]:
    """In words, as a number, and the tone of the words."""
    found = variant.verification.get("agreement") or {}
    if "mean" not in found:
        return tr("Not compared"), "", "muted"
    mean = float(found["mean"])
    near = closeness(mean, found.get("extra", {}))
    number = agreement_number(str(found.get("metric", "")), mean)
    return agreement_words(near), number, "warning" if near < Closeness.CLOSE else ""
