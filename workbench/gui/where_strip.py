"""Where a model ran: the provider asked for and got, the precision, where the time went, which nodes ran where, and
what is known of the variant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, QRectF, QSize, Signal
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from workbench.gui.language import tr
from workbench.gui.provider_names import provider_name
from workbench.gui.run_details import RunDetails
from workbench.gui.verdict_line import VerdictLine
from workbench.gui.widgets.basic import Button, ElidedLabel, IconLabel, Panel, column, row
from workbench.gui.widgets.theme import SPACE, colors, mark
from workbench.receipts import Receipt
from workbench.units import duration

if TYPE_CHECKING:
    from workbench.running import RunReport

__all__ = ["WhereStrip", "where_text"]

STEPS = ("load", "preprocess", "session", "postprocess")


class _TimeBar(QWidget):
    """Shares of the time, one after the other, from the accent colour to the faint."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[tuple[str, float]] = []
        self.setFixedHeight(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(120, 8)

    def set_parts(self, parts: list[tuple[str, float]]) -> None:
        self._parts = parts
        self.update()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            lines = [f"{name}  {duration(seconds)}" for name, seconds in self._parts]
            QToolTip.showText(event.globalPos() + QPoint(0, 8), "\n".join(lines), self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = QPainterPath()
        whole.addRoundedRect(QRectF(self.rect()), 4, 4)
        painter.setClipPath(whole)
        painter.fillRect(self.rect(), QColor(colors().border))
        total = sum(seconds for _, seconds in self._parts)
        shades = shades_of_steps()
        left = 0.0
        for number, (_, seconds) in enumerate(self._parts):
            width = self.width() * seconds / total if total else 0.0
            painter.fillRect(QRectF(left, 0, width, self.height()), shades[number])
            left += width


class WhereStrip(Panel):
    """One line in words, one bar for the time, one line of the variant's receipt; behind a button where each node ran
    and what there is to warn of."""

    receipt_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._report: RunReport | None = None
        self._icon = IconLabel("chip")
        self._where = ElidedLabel(role="heading")
        self.details = Button(icon="chevron-right", role="link")
        self.details.setCheckable(True)
        self.details.toggled.connect(self._show_details)
        self._times = ElidedLabel(tone="muted", role="small")
        self._bar = _TimeBar()
        self.verdict = VerdictLine()
        self.verdict.receipt_requested.connect(self.receipt_requested)
        self._more = RunDetails()
        layout = column(space=SPACE.tight)
        head = row(self._icon, self._where, self.details)
        head.setStretch(1, 1)
        layout.addLayout(head)
        layout.addWidget(self._bar)
        layout.addWidget(self._times)
        layout.addWidget(self.verdict)
        layout.addWidget(self._more)
        layout.addStretch(1)  # lines stay together where there is more room than they need
        self.setLayout(layout)
        self.hide()
        self.retranslate()

    def retranslate(self) -> None:
        self.details.setText(tr("Details"))
        self.details.setToolTip(tr("Where the nodes of each graph ran"))
        if self._report:
            self.show_report(self._report)

    def show_report(self, report: RunReport) -> None:
        self._report = report
        text, as_asked = where_text(report)
        self._icon.set_icon("warning" if report.warnings else "chip", "warning" if report.warnings else "accent")
        mark(self._where, tone="" if as_asked else "warning")
        self._where.setText(text)
        self.setAccessibleName(text)
        times_s = report.times_s
        names = {
            "load": tr("Load, once"),
            "preprocess": tr("Prepare"),
            "session": tr("Model"),
            "postprocess": tr("Finish"),
        }
        steps = [(names[step], times_s[step]) for step in STEPS]
        # Loading is paid once and would hide the rest; it stands in the words.
        self._bar.set_parts(steps[1:])
        self._bar.setAccessibleName(", ".join(f"{name} {duration(seconds)}" for name, seconds in steps))
        said = " · ".join(f"{name} {duration(seconds)}" for name, seconds in steps)
        # What matters most stands first: the rest may be cut off.
        self._times.setText(tr("Together {time}", time=duration(report.total_s)) + " · " + said)
        self._more.show_report(report)
        self.details.setVisible(self._more.has_any)
        self._more.setVisible(self._more.has_any and self.details.isChecked())
        self.verdict.show_report(report)
        self.show()

    def show_receipt(self, receipt: Receipt | None) -> None:
        """The newest receipt of what ran; None where there is none."""
        self.verdict.show_receipt(receipt)

    def _show_details(self, shown: bool) -> None:
        self.details.set_icon("chevron-down" if shown else "chevron-right")
        self._more.setVisible(shown and self._more.has_any)

    def clear(self) -> None:
        self._report = None
        self.verdict.show_report(None)
        self.verdict.show_receipt(None)
        self.hide()


def shades_of_steps() -> list[QColor]:
    """A colour for each step behind loading: the model's own time in the accent."""
    return [QColor(colors().border_strong), QColor(colors().accent), QColor(colors().muted)]


def where_text(report: RunReport) -> tuple[str, bool]:
    """Where a run took place, in words, and whether that is as it was asked for."""
    got = " + ".join(provider_name(name) for name in report.providers_got)
    asked = tr("Automatic") if report.provider_asked == "auto" else provider_name(report.provider_asked)
    if report.provider_asked in ("auto", *report.providers_got[:1]):
        return tr("Ran on {got} in {precision} (asked: {asked})", got=got, precision=report.variant, asked=asked), True
    return (
        tr("{asked} was asked for; ran on {got} in {precision}", got=got, precision=report.variant, asked=asked),
        False,
    )
