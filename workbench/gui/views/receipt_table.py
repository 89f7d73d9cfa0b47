"""All variants of a receipt on all providers, with their figures: a table, or blocks of lines where it is narrow."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout

from workbench.errors import error_from_wire
from workbench.gui.language import message_of, tr
from workbench.gui.provider_names import provider_name
from workbench.gui.receipt_lines import speed_parts
from workbench.gui.receipt_words import (
    agreement_number,
    agreement_words,
    differing,
    further,
    interval,
    is_recommended,
    rate,
    speed_beside_fp32,
)
from workbench.gui.views.painting import number_font
from workbench.gui.widgets.basic import IconLabel, Label, Panel, column, line, row
from workbench.gui.widgets.redone import Redone
from workbench.gui.widgets.theme import SPACE
from workbench.receipts.closeness import Closeness
from workbench.receipts.receipt import Agreed, Receipt, ReceiptRow
from workbench.units import duration, size

__all__ = ["ReceiptTable"]

# Below this width each variant is a block of lines.
TABLE_PX = 620
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop


class ReceiptTable(Panel):
    """One row, or one block, for each variant on each provider."""

    def __init__(self) -> None:
        super().__init__()
        self._receipt: Receipt | None = None
        self._held = Redone()
        self._wide: bool | None = None
        self.setLayout(column(self._held))
        self.retranslate()

    def retranslate(self) -> None:
        self.setAccessibleName(tr("Figures of each variant"))
        self._fill()

    def minimumSizeHint(self) -> QSize:
        return QSize(200, super().minimumSizeHint().height())

    @property
    def is_table(self) -> bool:
        """Whether it has columns now."""
        return bool(self._wide)

    def show_receipt(self, receipt: Receipt) -> None:
        self._receipt = receipt
        self._fill()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._wide != (self.width() >= TABLE_PX):
            self._fill()

    def _fill(self) -> None:
        if self._receipt is None:
            return
        self._wide = self.width() >= TABLE_PX
        if self._wide:
            grid = QGridLayout()
            self._held.put(grid, _fill_table(grid, self._receipt))
        else:
            blocks = column(space=SPACE.tight)
            self._held.put(blocks, _fill_blocks(blocks, self._receipt))


def _fill_table(layout: QGridLayout, receipt: Receipt) -> Iterator[None]:
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setHorizontalSpacing(SPACE.large)
    layout.setVerticalSpacing(0)
    layout.setColumnStretch(2, 1)
    headings = (
        tr("Variant"),
        tr("Size"),
        tr("Agreement"),
        tr("Speed"),
        tr("Time"),
        tr("Memory"),
        tr("Load"),
    )
    for place, heading in enumerate(headings):
        layout.addWidget(Label(heading, role="small", tone="muted"), 0, place, LEFT if place in (0, 2) else RIGHT)
    for number, item in enumerate(receipt.rows):
        at = 2 * number + 1
        layout.setRowMinimumHeight(at, SPACE.large)
        layout.addWidget(line(), at, 0, 1, len(headings), Qt.AlignmentFlag.AlignVCenter)
        layout.addLayout(_variant(receipt, item), at + 1, 0, LEFT)
        layout.addWidget(_figure(size(item.bytes)), at + 1, 1, RIGHT)
        if item.error:
            layout.addLayout(_error(item), at + 1, 2, 1, len(headings) - 2)
            yield
            continue
        layout.addLayout(_agreement(item.agreement), at + 1, 2, Qt.AlignmentFlag.AlignTop)
        if speed := item.speed:
            beside = speed_beside_fp32(receipt, item)
            layout.addLayout(_two(tr("{rate} a second", rate=rate(speed.throughput_per_s)), beside), at + 1, 3, RIGHT)
            p95 = tr("95% under {time}", time=duration(speed.p95_s))
            layout.addLayout(_two(duration(speed.median_s), p95), at + 1, 4, RIGHT)
            layout.addWidget(_figure(size(speed.peak_memory_bytes)), at + 1, 5, RIGHT)
            layout.addWidget(_figure(duration(speed.load_s)), at + 1, 6, RIGHT)
        yield


def _fill_blocks(layout: QVBoxLayout, receipt: Receipt) -> Iterator[None]:
    for number, item in enumerate(receipt.rows):
        if number:
            layout.addSpacing(SPACE.small)
            layout.addWidget(line())
            layout.addSpacing(SPACE.small)
        head = row(Label(item.precision, role="heading"), Label(provider_name(item.provider), tone="muted"), 1)
        if is_recommended(receipt, item):
            head.addLayout(_recommended())
        layout.addLayout(head)
        _note_fallback(layout, item)
        if item.error:
            layout.addLayout(_error(item))
            layout.addWidget(Label(size(item.bytes), role="small", tone="muted"))
            yield
            continue
        layout.addLayout(_agreement(item.agreement))
        said = " · ".join([size(item.bytes), *speed_parts(receipt, item)])
        layout.addWidget(Label(said, role="small", tone="muted", wrap=True))
        yield


def _variant(receipt: Receipt, item: ReceiptRow) -> QVBoxLayout:
    layout = column(Label(item.precision, role="heading"), space=0)
    layout.addWidget(Label(provider_name(item.provider), role="small", tone="muted"))
    if is_recommended(receipt, item):
        layout.addLayout(_recommended())
    _note_fallback(layout, item)
    return layout


def _note_fallback(layout: QVBoxLayout, item: ReceiptRow) -> None:
    """Another provider than the one asked for did the work."""
    if item.providers_got and item.providers_got[0] != item.provider:
        got = " + ".join(provider_name(name) for name in item.providers_got)
        layout.addWidget(Label(tr("ran on {got}", got=got), role="small", tone="warning"))


def _recommended() -> QHBoxLayout:
    text = Label(tr("Recommended"), role="small", tone="success")
    made = row(IconLabel("check", "success", 14), text, space=SPACE.tight)
    made.addStretch(1)
    return made


def _agreement(agreed: Agreed | None) -> QVBoxLayout:
    if agreed is None:
        return column(Label(tr("Not compared"), tone="muted"))
    tone = "warning" if agreed.closeness < Closeness.CLOSE else ""
    figures = f"{agreement_number(agreed.metric, agreed.mean)} ({interval(agreed)})"
    layout = column(Label(agreement_words(agreed.closeness), tone=tone, wrap=True), space=0)
    layout.addWidget(Label(figures, role="small", tone="muted", wrap=True))
    layout.addWidget(Label(" · ".join([differing(agreed), *further(agreed)]), role="small", tone="muted", wrap=True))
    return layout


def _error(item: ReceiptRow) -> QHBoxLayout:
    assert item.error
    why = Label(message_of(error_from_wire(item.error)), tone="warning", wrap=True)
    made = row(space=SPACE.small)
    made.addWidget(IconLabel("warning", "warning", 16), 0, Qt.AlignmentFlag.AlignTop)
    made.addWidget(why, 1, Qt.AlignmentFlag.AlignTop)
    return made


def _two(first: str, second: str) -> QVBoxLayout:
    layout = column(space=0)
    layout.addWidget(_figure(first), 0, RIGHT)
    if second:
        layout.addWidget(Label(second, role="small", tone="muted"), 0, RIGHT)
    return layout


def _figure(text: str) -> Label:
    label = Label(text)
    label.setFont(number_font(label.font()))
    label.setAlignment(RIGHT)
    return label
