"""One line of a variant's receipt below an answer, and the way to all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal

from workbench.gui.language import tr
from workbench.gui.receipt_words import agreement_tone, measured_row, short_verdict
from workbench.gui.widgets.basic import Button, ElidedLabel, IconLabel, Panel, row

if TYPE_CHECKING:
    from workbench.receipts.receipt import Receipt
    from workbench.running import RunReport

__all__ = ["VerdictLine"]


class VerdictLine(Panel):
    """Hidden where nothing was measured of what ran."""

    receipt_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._report: RunReport | None = None
        self._receipt: Receipt | None = None
        self._icon = IconLabel("receipt", "muted")
        self._text = ElidedLabel(role="small")
        self.receipt = Button(role="link")
        self.receipt.clicked.connect(self.receipt_requested)
        layout = row(self._icon, self._text, self.receipt)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self.retranslate()

    def retranslate(self) -> None:
        self.receipt.setText(tr("Receipt"))
        self.receipt.setToolTip(tr("What each precision does to the answers and the speed"))
        self._tell()

    def show_report(self, report: RunReport | None) -> None:
        """What ran; None where nothing did."""
        self._report = report
        self._tell()

    def show_receipt(self, receipt: Receipt | None) -> None:
        """The newest receipt of what ran; None where there is none."""
        self._receipt = receipt
        self._tell()

    def _tell(self) -> None:
        said, tone = "", "muted"
        if self._receipt and self._report:
            provider = self._report.providers_got[0] if self._report.providers_got else "cpu"
            said = short_verdict(self._receipt, self._report.variant, provider)
            found = measured_row(self._receipt, self._report.variant, provider)
            tone = agreement_tone(found.agreement if found else None)
        self._icon.set_icon("receipt", tone)
        self._text.setText(said)
        self.setVisible(bool(said))
