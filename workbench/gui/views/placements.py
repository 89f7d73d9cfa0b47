"""Where the nodes of each graph ran: provider, count, time, and what fell back for which reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout

from workbench.errors import Notice
from workbench.gui.language import message_of, tr
from workbench.gui.provider_names import provider_name
from workbench.gui.views.painting import number_font
from workbench.gui.widgets.basic import Label, Panel, column, plain_tip
from workbench.gui.widgets.redone import Redone
from workbench.gui.widgets.theme import SPACE
from workbench.receipts.receipt import Placement
from workbench.units import duration

__all__ = ["PlacementsView", "operator_list"]

MOST = 6
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop


class PlacementsView(Panel):
    """A small table; below a row that fell back stand its operators and the reason."""

    def __init__(self) -> None:
        super().__init__()
        self._placements: tuple[Placement, ...] = ()
        self._held = Redone()
        self.setLayout(column(self._held))
        self.retranslate()

    def retranslate(self) -> None:
        self.setAccessibleName(tr("Where the nodes of each graph ran"))
        self.show_placements(self._placements)

    def show_placements(self, placements: Sequence[Placement]) -> None:
        self._placements = tuple(placements)
        self._held.put(_table(self._placements))


def operator_list(operators: Mapping[str, int]) -> str:
    """``"MatMul 72, Add 40 and 3 more kinds"``, the most frequent first."""
    ordered = sorted(operators.items(), key=lambda item: (-item[1], item[0]))
    named = tr(", ").join(f"{name} {count}" for name, count in ordered[:MOST])
    if len(ordered) <= MOST:
        return named
    return tr("{operators} and {count} more kinds", operators=named, count=len(ordered) - MOST)


def _table(placements: tuple[Placement, ...]) -> QGridLayout:
    layout = QGridLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setHorizontalSpacing(SPACE.large)
    layout.setVerticalSpacing(SPACE.hair)
    layout.setColumnStretch(0, 1)
    timed = any(item.time_s is not None for item in placements)
    headings = [tr("Graph"), tr("Runs on"), tr("Nodes")] + ([tr("Time")] if timed else [])
    for place, heading in enumerate(headings):
        layout.addWidget(Label(heading, role="small", tone="muted"), 0, place, RIGHT if place > 1 else LEFT)
    at = 1
    for item in placements:
        every = tr(", ").join(f"{name} {count}" for name, count in sorted(item.operators.items()))
        graph = Label(item.graph, role="small", wrap=True)
        graph.setToolTip(plain_tip(every))
        layout.addWidget(graph, at, 0)
        tone = "warning" if item.reason else ""
        layout.addWidget(Label(provider_name(item.provider), role="small", tone=tone), at, 1, LEFT)
        layout.addWidget(_figure(f"{item.nodes:,}"), at, 2, RIGHT)
        if timed:
            layout.addWidget(_figure("" if item.time_s is None else duration(item.time_s)), at, 3, RIGHT)
        at += 1
        if item.reason:
            reason = message_of(Notice.from_json(item.notice)) if item.notice else item.reason
            said = [reason] + ([operator_list(item.operators)] if item.operators else [])
            for text, shade in zip(said, ("warning", "muted"), strict=False):
                layout.addWidget(Label(text, role="small", tone=shade, wrap=True), at, 0, 1, len(headings))
                at += 1
    return layout


def _figure(text: str) -> Label:
    label = Label(text, role="small")
    label.setFont(number_font(label.font()))
    return label
