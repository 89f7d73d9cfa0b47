"""The samples whose answers are farthest from the reference's: what was asked, what was wanted, what came."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QButtonGroup, QGridLayout, QWidget

from workbench.gui.language import tr
from workbench.gui.provider_names import provider_name
from workbench.gui.receipt_words import agreement_number, is_recommended
from workbench.gui.views.flow import FlowLayout
from workbench.gui.views.painting import safe
from workbench.gui.widgets.basic import Button, Label, Panel, column, line
from workbench.gui.widgets.redone import Redone
from workbench.gui.widgets.theme import SPACE
from workbench.receipts.receipt import Receipt, ReceiptRow, WorstSample

__all__ = ["WorstSamples"]

MOST = 5
SAME = 1 - 1e-6
SHOWN = 400  # characters of a text; the receipt's file has all of it


class WorstSamples(Panel):
    """Those of one variant at a time; buttons choose which, beginning with the recommended one."""

    def __init__(self) -> None:
        super().__init__()
        self._receipt: Receipt | None = None
        self._rows: list[ReceiptRow] = []
        self._chosen = 0
        self.buttons: list[Button] = []
        self._group = QButtonGroup(self)
        self._chips = QWidget()
        self._flow = FlowLayout(SPACE.tight)
        self._chips.setLayout(self._flow)
        self._held = Redone()
        self.setLayout(column(self._chips, self._held, space=SPACE.small))
        self.retranslate()

    def retranslate(self) -> None:
        self._chips.setAccessibleName(tr("Which variant"))
        self._fill()

    @property
    def is_empty(self) -> bool:
        """Whether every answer of every variant is the reference's."""
        return not self._rows

    def show_receipt(self, receipt: Receipt) -> None:
        self._receipt = receipt
        self._rows = [row for row in receipt.rows if _differing(row)]
        best = [number for number, row in enumerate(self._rows) if is_recommended(receipt, row)]
        self._chosen = best[0] if best else 0
        for button in self.buttons:
            self._group.removeButton(button)
            self._flow.removeWidget(button)
            button.deleteLater()
        several = len({row.provider for row in self._rows}) > 1
        self.buttons = []
        for number, row in enumerate(self._rows):
            name = f"{row.precision} · {provider_name(row.provider)}" if several else row.precision
            button = Button(name, role="segment")
            button.setCheckable(True)
            button.setChecked(number == self._chosen)
            button.clicked.connect(partial(self._choose, number))
            self._group.addButton(button)
            self._flow.addWidget(button)
            self.buttons.append(button)
        self._chips.setVisible(len(self._rows) > 1)
        self._fill()

    def _choose(self, number: int) -> None:
        self._chosen = number
        self._fill()

    def _fill(self) -> None:
        if self._receipt is None:
            return
        if self._rows:
            grid = QGridLayout()
            self._held.put(grid, _fill_samples(grid, self._receipt, self._rows[self._chosen]))
        else:
            every = Label(tr("Every answer of every variant is the same as the reference’s."), tone="muted", wrap=True)
            self._held.put(column(every))


def _differing(row: ReceiptRow) -> list[WorstSample]:
    """The worst samples, without those whose answer is the same; the worst first."""
    worst = row.agreement.worst if row.agreement else ()
    return sorted((sample for sample in worst if sample.value < SAME), key=lambda sample: sample.value)[:MOST]


def _fill_samples(layout: QGridLayout, receipt: Receipt, row: ReceiptRow) -> Iterator[None]:
    assert row.agreement
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setHorizontalSpacing(SPACE.large)
    layout.setVerticalSpacing(SPACE.hair)
    layout.setColumnStretch(1, 1)
    wanted = tr("The original") if receipt.reference == "torch" else "fp32"
    at = 0
    for number, sample in enumerate(_differing(row)):
        if number:
            layout.addWidget(line(), at, 0, 1, 2, Qt.AlignmentFlag.AlignVCenter)
            layout.setRowMinimumHeight(at, SPACE.large)
            at += 1
        said = [tr("Sample {number}", number=sample.index + 1)]
        if sample.value > 0 or row.agreement.metric in ("cosine", "rank correlation"):
            said.append(agreement_number(row.agreement.metric, sample.value))
        layout.addWidget(Label(" · ".join(said), role="small", tone="muted", wrap=True), at, 0, 1, 2)
        for name, text in ((tr("Input"), sample.input), (wanted, sample.wanted), (row.precision, sample.got)):
            at += 1
            layout.addWidget(Label(name, tone="muted"), at, 0, Qt.AlignmentFlag.AlignTop)
            value = Label(_cut(text), wrap=True)
            # A text that is read from the right stands in the same column as its answers all the same.
            value.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignAbsolute)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            value.setAccessibleName(f"{name}: {text}")
            layout.addWidget(value, at, 1)
        at += 1
        yield


def _cut(text: str) -> str:
    flat = safe(" ".join(text.split()))
    return flat if len(flat) <= SHOWN else flat[: SHOWN - 1] + "…"
