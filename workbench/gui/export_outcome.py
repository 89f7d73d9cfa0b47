"""What came of an export: the variants with how well they agree, or why there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from workbench.errors import WorkbenchError
from workbench.gui.export_progress import LogView
from workbench.gui.export_state import ExportState
from workbench.gui.language import message_of, task_title, tr
from workbench.gui.widgets.basic import Banner, Button, ElidedLabel, IconLabel, Label, Panel, column, line, row
from workbench.gui.widgets.theme import SPACE, mark
from workbench.units import clock, size

if TYPE_CHECKING:
    from workbench.exporting.report import ExportedVariant, ExportReport

__all__ = ["FailureView", "ResultView", "agreement_number", "agreement_words", "error_text"]

# From which mean agreement on an answer is called what; from 0.97 on a smaller variant may be recommended.
SAME, VERY_CLOSE, CLOSE, COARSE = 0.9995, 0.99, 0.97, 0.9
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop


def error_text(error: Exception) -> str:
    """A sentence for what went wrong, also where it is a bug."""
    if isinstance(error, WorkbenchError):
        return message_of(error)
    return tr("Something unexpected happened: {error}", error=f"{type(error).__name__}: {error}")


def agreement_words(mean: float) -> str:
    if mean >= SAME:
        return tr("Practically the same")
    if mean >= VERY_CLOSE:
        return tr("Very close")
    if mean >= CLOSE:
        return tr("Close")
    if mean >= COARSE:
        return tr("Noticeable differences")
    return tr("Large differences")


def agreement_number(metric: str, mean: float) -> str:
    """What the number counts, with the number."""
    percent = format(100 * mean, ".1f")
    match metric:
        case "same label":
            return tr("same label in {percent}% of the samples", percent=percent)
        case "same text":
            return tr("same text in {percent}% of the samples", percent=percent)
        case "word accuracy":
            return tr("{percent}% of the words", percent=percent)
        case "box F1":
            return tr("F1 of the boxes {value}", value=format(mean, ".4f"))
        case "picture values":
            return tr("{percent}% the same picture", percent=percent)
        case "span F1":
            return tr("F1 of the spans {value}", value=format(mean, ".4f"))
    return tr("cosine {value}", value=format(mean, ".4f"))


class ResultView(Panel):
    """The variants of an export that went well."""

    open_requested = Signal()
    again_requested = Signal()

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
        layout.addWidget(self._folder)
        layout.addSpacing(SPACE.small)
        layout.addLayout(row(self.open, self.again, 1))
        self.setLayout(layout)
        self.retranslate()

    def retranslate(self) -> None:
        self.heading.setText(tr("The ONNX version is ready"))
        self.open.setText(tr("Use it now"))
        self.again.setText(tr("More precisions"))
        if self._state and self._report:
            self._fill(self._state, self._report)

    def show_state(self, state: ExportState, report: ExportReport) -> None:
        if state is not self._state:
            self._state, self._report = state, report
            self._fill(state, report)

    def _fill(self, state: ExportState, report: ExportReport) -> None:
        self._what.setText(
            tr(
                "{task}. Made and compared with the original in {time}.",
                task=task_title(state.task),
                time=clock(report.total_s),
            )
        )
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
    number = agreement_number(str(found.get("metric", "")), mean)
    return agreement_words(mean), number, "warning" if mean < CLOSE else ""
