"""A receipt, from the verdict down to the small print. It is shown whole on its page, and in short after an export."""

from __future__ import annotations

from PySide6.QtCore import QDateTime, QLocale, Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.errors import Notice
from workbench.gui.language import message_of, tr
from workbench.gui.receipt_lines import figures_lines
from workbench.gui.receipts import Judged
from workbench.gui.views.receipt_chart import ReceiptChart
from workbench.gui.views.receipt_table import ReceiptTable
from workbench.gui.views.worst_samples import WorstSamples
from workbench.gui.widgets.basic import IconLabel, Label, Panel, column, row
from workbench.gui.widgets.redone import Redone
from workbench.gui.widgets.theme import SPACE, mark
from workbench.receipts.receipt import Receipt
from workbench.units import size

__all__ = ["ReceiptView", "date_text", "receipt_text", "samples_text"]

MOST_SKIPPED = 5


class _Verdicts(Panel):
    """The sentences of a receipt, the recommended variant's marked."""

    def __init__(self) -> None:
        super().__init__()
        self._judged: Judged | None = None
        self._held = Redone()
        self.setLayout(column(self._held))

    def retranslate(self) -> None:
        if self._judged:
            self.show_verdicts(self._judged)

    def show_verdicts(self, judged: Judged) -> None:
        self._judged = judged
        layout = column(space=SPACE.small)
        for notice in sorted(judged.verdicts, key=recommends, reverse=True):
            best = recommends(notice)
            icon, role = ("check", "success") if best else ("minus", "muted")
            if notice.code.startswith("verdict-failed"):
                icon, role = "warning", "warning"
            mark_ = IconLabel(icon, role)
            sentence = Label(message_of(notice), role="heading" if best else "", wrap=True)
            sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            line_ = row(space=SPACE.small)
            line_.addWidget(mark_, 0, Qt.AlignmentFlag.AlignTop)
            line_.addWidget(sentence, 1)
            layout.addLayout(line_)
        self._held.put(layout)


class ReceiptView(Panel):
    """Shows one receipt. ``short`` leaves table, worst samples and small print to the page."""

    def __init__(self, *, short: bool = False) -> None:
        super().__init__()
        self._judged: Judged | None = None
        self._short = short
        self._verdicts = _Verdicts()
        self.chart = ReceiptChart()
        self._chart_title = Label(role="heading")
        self.table = ReceiptTable()
        self._table_title = Label(role="heading")
        self.worst = WorstSamples()
        self._worst_title = Label(role="heading")
        self._compared = Label(role="small", tone="muted", wrap=True)
        self._skipped = Label(role="small", tone="warning", wrap=True)
        self._machine = Label(role="small", tone="muted", wrap=True)
        self._versions = Label(role="small", tone="muted", wrap=True)
        for label in (self._compared, self._skipped, self._machine, self._versions):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = column(space=SPACE.medium)
        layout.addWidget(self._verdicts)
        layout.addWidget(self._compared)
        layout.addWidget(self._skipped)
        self._chart_help = Label(role="small", tone="muted", wrap=True)
        self._chart_card = _card(self._chart_title, self._chart_help, self.chart)
        layout.addWidget(self._chart_card)
        self._others = (_card(self._table_title, self.table), _card(self._worst_title, self.worst))
        for part in self._others:
            layout.addWidget(part)
        for small in (self._machine, self._versions):
            layout.addWidget(small)
        for left_out in (*self._others, self._machine, self._versions) if short else ():
            left_out.hide()
        self.setLayout(layout)
        self.retranslate()

    def retranslate(self) -> None:
        self._chart_title.setText(tr("Size, speed, agreement"))
        self._chart_help.setText(
            tr("The higher, the faster; the farther left, the smaller. The ring marks the recommended one.")
        )
        self._table_title.setText(tr("What was measured"))
        self._worst_title.setText(tr("Where the answers differ most"))
        if self._judged:
            self._tell(self._judged.receipt)

    @property
    def judged(self) -> Judged | None:
        """What is shown."""
        return self._judged

    def show_judged(self, judged: Judged) -> None:
        if judged == self._judged:
            return
        self._judged = judged
        self._verdicts.show_verdicts(judged)
        self.chart.show_receipt(judged.receipt)
        self._chart_card.setVisible(self.chart.count > 0)
        if not self._short:
            self.table.show_receipt(judged.receipt)
            self.worst.show_receipt(judged.receipt)
        self._tell(judged.receipt)

    def _tell(self, receipt: Receipt) -> None:
        self._compared.setText(samples_text(receipt))
        self._skipped.setText(skipped_text(receipt))
        self._skipped.setVisible(bool(receipt.samples.skipped))
        self._machine.setText(machine_text(receipt))
        self._versions.setText(versions_text(receipt))


def recommends(verdict: Notice) -> bool:
    """Whether a verdict recommends its variant."""
    return any(part.get("code") == "verdict-recommended" for part in verdict.arguments.get("parts", ()))


def samples_text(receipt: Receipt) -> str:
    """What the answers were compared with, and on what."""
    count = receipt.samples.count
    match receipt.reference, receipt.samples.kind:
        case "torch", "built-in":
            return tr("Compared with the original’s answers to {count} built-in samples.", count=count)
        case "torch", "own":
            return tr("Compared with the original’s answers to {count} samples of yours.", count=count)
        case _, "own":
            return tr("Compared with the answers of fp32 to {count} samples of yours.", count=count)
    return tr("Compared with the answers of fp32 to {count} built-in samples.", count=count)


def skipped_text(receipt: Receipt) -> str:
    skipped = receipt.samples.skipped
    if not skipped:
        return ""
    lines = [tr("{count} samples could not be read and were left out:", count=len(skipped))]
    lines += [f"{name}: {reason}" for name, reason in skipped[:MOST_SKIPPED]]
    if len(skipped) > MOST_SKIPPED:
        lines.append("…")
    return "\n".join(lines)


def machine_text(receipt: Receipt) -> str:
    """The machine in one line, as far as speed depends on it."""
    machine = receipt.machine
    parts = [
        machine.processor,
        tr("{count} cores", count=machine.cores),
        tr("{size} of memory", size=size(machine.memory_bytes)),
        *([tr(", ").join(machine.features)] if machine.features else []),
        *([machine.gpu] if machine.gpu else []),
        machine.system,
    ]
    return tr("Measured {date} on: {machine}", date=date_text(receipt), machine=" · ".join(parts))


def versions_text(receipt: Receipt) -> str:
    parts = [f"{name} {version}" for name, version in receipt.versions.items()]
    parts.append(tr("model at {commit}", commit=receipt.commit[:8]))
    return " · ".join(parts)


def date_text(receipt: Receipt) -> str:
    """When it was measured, in the user's time and way of writing."""
    moment = QDateTime.fromString(receipt.created, Qt.DateFormat.ISODate)
    if not moment.isValid():
        return receipt.created
    return QLocale().toString(moment.toLocalTime(), QLocale.FormatType.ShortFormat)


def receipt_text(judged: Judged) -> str:
    """All of a receipt as plain text, for the clipboard."""
    receipt = judged.receipt
    lines = [f"{receipt.repo_id} · {receipt.task}", ""]
    lines += [message_of(notice) for notice in judged.verdicts]
    lines += ["", samples_text(receipt), *filter(None, [skipped_text(receipt)]), "", *figures_lines(receipt), ""]
    return "\n".join([*lines, machine_text(receipt), versions_text(receipt)])


def _card(*parts: QWidget) -> QWidget:
    card = QWidget()
    mark(card, role="card")
    inside: QVBoxLayout = column(*parts, space=SPACE.small)
    inside.setContentsMargins(SPACE.large, SPACE.large, SPACE.large, SPACE.large)
    card.setLayout(inside)
    return card
