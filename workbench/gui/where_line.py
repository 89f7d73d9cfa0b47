"""What the places below an answer and below a conversation have in common: where it was made, what the receipt says of
the variant, and details behind a button."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal

from workbench.gui.language import tr
from workbench.gui.provider_names import provider_name
from workbench.gui.run_details import RunDetails
from workbench.gui.verdict_line import VerdictLine
from workbench.gui.widgets.basic import Button, ElidedLabel, IconLabel, Panel, row
from workbench.gui.widgets.theme import mark

if TYPE_CHECKING:
    from workbench.receipts.receipt import Receipt
    from workbench.running import RunReport

__all__ = ["WhereLine", "where_text"]


class WhereLine(Panel):
    """Hidden until there is an answer. A subclass lays out ``head``, ``verdict`` and ``more``."""

    receipt_requested = Signal()

    def __init__(self, *, quiet: bool) -> None:
        """``quiet``: small and in the muted colour, beside what matters more."""
        super().__init__()
        self._quiet = quiet
        self._report: RunReport | None = None
        self._icon = IconLabel("chip")
        self._where = ElidedLabel(role="small" if quiet else "heading")
        self.details = Button(icon="chevron-right", role="link")
        self.details.setCheckable(True)
        self.details.toggled.connect(self._show_details)
        self.verdict = VerdictLine()
        self.verdict.receipt_requested.connect(self.receipt_requested)
        self.more = RunDetails()
        self.head = row(self._icon, self._where, self.details)
        self.head.setStretch(1, 1)
        self.hide()

    def retranslate(self) -> None:
        self.details.setText(tr("Details"))
        self.details.setToolTip(tr("Where the nodes of each graph ran"))
        if self._report:
            self.show_report(self._report)

    def show_report(self, report: RunReport) -> None:
        """The run behind what is shown."""
        self._report = report
        text, as_asked = where_text(report)
        usual = "muted" if self._quiet else ""
        # A conversation tells its warnings with the answers that they belong to.
        warns = not as_asked or (bool(report.warnings) and not self._quiet)
        self._icon.set_icon("warning" if warns else "chip", "warning" if warns else usual or "accent")
        mark(self._where, tone=usual if as_asked else "warning")
        self._where.setText(text)
        self.setAccessibleName(text)
        self.verdict.show_report(report)
        self.more.show_report(report)
        self.details.setVisible(self.more.has_any)
        self.more.setVisible(self.more.has_any and self.details.isChecked())
        self.show()

    def show_receipt(self, receipt: Receipt | None) -> None:
        """The newest receipt of what ran; None where there is none."""
        self.verdict.show_receipt(receipt)

    def clear(self) -> None:
        self._report = None
        self.verdict.show_report(None)
        self.verdict.show_receipt(None)
        self.hide()

    def _show_details(self, shown: bool) -> None:
        self.details.set_icon("chevron-down" if shown else "chevron-right")
        self.more.setVisible(shown and self.more.has_any)


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
