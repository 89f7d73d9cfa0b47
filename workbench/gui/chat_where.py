"""The line between a conversation and its box: where the latest answer was made, what its receipt says, and details."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from workbench.gui.language import tr
from workbench.gui.run_details import RunDetails
from workbench.gui.verdict_line import VerdictLine
from workbench.gui.where_strip import where_text
from workbench.gui.widgets.basic import Button, ElidedLabel, IconLabel, Panel, column, row
from workbench.gui.widgets.theme import SPACE, mark
from workbench.gui.widgets.thread import MAX_WIDTH_PX

if TYPE_CHECKING:
    from workbench.receipts import Receipt
    from workbench.running import RunReport

__all__ = ["ChatWhere"]


class ChatWhere(Panel):
    """Hidden until there is an answer. The head of each answer tells where it was made too, its foot how fast."""

    receipt_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._report: RunReport | None = None
        self._icon = IconLabel("chip", "muted")
        self._where = ElidedLabel(tone="muted", role="small")
        self.verdict = VerdictLine()
        self.verdict.receipt_requested.connect(self.receipt_requested)
        self.details = Button(icon="chevron-right", role="link")
        self.details.setCheckable(True)
        self.details.toggled.connect(self._show_details)
        self._more = RunDetails()
        head = row(self._icon, self._where, self.details)
        head.setStretch(1, 1)
        inner = column(space=SPACE.hair)
        inner.addLayout(head)
        inner.addWidget(self.verdict)
        inner.addWidget(self._more)
        inner.setContentsMargins(0, SPACE.tight, 0, 0)
        held = QWidget()
        held.setLayout(inner)
        held.setMaximumWidth(MAX_WIDTH_PX)
        around = row(space=0)
        around.addStretch(1)
        around.addWidget(held, 1000)
        around.addStretch(1)
        around.setContentsMargins(SPACE.large, 0, SPACE.large, 0)
        self.setLayout(around)
        self.hide()
        self.retranslate()

    def retranslate(self) -> None:
        self.details.setText(tr("Details"))
        self.details.setToolTip(tr("Where the nodes of each graph ran"))
        if self._report:
            self.show_report(self._report)

    def show_report(self, report: RunReport) -> None:
        """The run behind the latest answer."""
        self._report = report
        text, as_asked = where_text(report)
        self._icon.set_icon("chip" if as_asked else "warning", "muted" if as_asked else "warning")
        mark(self._where, tone="muted" if as_asked else "warning")
        self._where.setText(text)
        self.setAccessibleName(text)
        self.verdict.show_report(report)
        self._more.show_report(report)
        self.details.setVisible(self._more.has_any)
        self._more.setVisible(self._more.has_any and self.details.isChecked())
        self.show()

    def show_receipt(self, receipt: Receipt | None) -> None:
        """The newest receipt of the model that answered; None where there is none."""
        self.verdict.show_receipt(receipt)

    def clear(self) -> None:
        self._report = None
        self.verdict.show_report(None)
        self.verdict.show_receipt(None)
        self.hide()

    def _show_details(self, shown: bool) -> None:
        self.details.set_icon("chevron-down" if shown else "chevron-right")
        self._more.setVisible(shown and self._more.has_any)
