"""What stands in the place of a receipt: the offer to measure one, and how far a measurement is."""

from __future__ import annotations

import time

from PySide6.QtWidgets import QProgressBar

from workbench.gui.language import tr
from workbench.gui.provider_names import provider_name
from workbench.gui.receipts import MeasureProgress, ReceiptState
from workbench.gui.widgets.basic import Button, ElidedLabel, IconLabel, Label, Panel, column, row
from workbench.gui.widgets.theme import SPACE, mark
from workbench.units import clock

__all__ = ["MeasureView", "Offer"]


class Offer(Panel):
    """What stands there as long as nothing was measured."""

    def __init__(self) -> None:
        super().__init__()
        mark(self, role="card")
        self._possible = True
        self._title = Label(role="heading", wrap=True)
        self._text = Label(tone="muted", wrap=True)
        self.measure = Button(icon="play", role="primary")
        self.own = Button(icon="open")
        layout = column(self._title, self._text, space=SPACE.small)
        layout.addSpacing(SPACE.small)
        layout.addLayout(row(self.measure, self.own, 1))
        layout.setContentsMargins(SPACE.large, SPACE.large, SPACE.large, SPACE.large)
        self.setLayout(layout)
        self.retranslate()

    def set_possible(self, possible: bool) -> None:
        if possible != self._possible:
            self._possible = possible
            self.retranslate()

    def retranslate(self) -> None:
        self.measure.setText(tr("Measure"))
        self.own.setText(tr("With own samples…"))
        for button in (self.measure, self.own):
            button.setVisible(self._possible)
        if self._possible:
            self._title.setText(tr("Nothing was measured on this machine yet"))
            self._text.setText(
                tr(
                    "A receipt says how much each precision changes the answers, and how fast it is here: every "
                    "variant answers the same samples on every provider of this machine. It takes about a minute for a "
                    "small model, and nothing leaves the machine."
                )
            )
        else:
            self._title.setText(tr("There is no receipt for this model"))
            self._text.setText(tr("Only a model that runs here can be measured. Export it first."))


class MeasureView(Panel):
    """What is measured, how far it is, and the way to stop it."""

    def __init__(self) -> None:
        super().__init__()
        mark(self, role="card")
        self._state = ReceiptState()
        self._text = ElidedLabel(role="heading")
        self.elapsed = Label(tone="muted")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._detail = ElidedLabel(role="small", tone="muted")
        self.cancel = Button(icon="stop")
        layout = column(space=SPACE.small)
        head = row(IconLabel("machine", "accent"))
        head.addWidget(self._text, 1)
        head.addWidget(self.elapsed)
        layout.addLayout(head)
        layout.addWidget(self._bar)
        foot = row()
        foot.addWidget(self._detail, 1)
        foot.addWidget(self.cancel)
        layout.addLayout(foot)
        layout.setContentsMargins(SPACE.large, SPACE.large, SPACE.large, SPACE.large)
        self.setLayout(layout)
        self.retranslate()

    def retranslate(self) -> None:
        self.cancel.setText(tr("Cancel"))
        self._bar.setAccessibleName(tr("Measuring"))
        self.show_state(self._state)

    def show_state(self, state: ReceiptState) -> None:
        self._state = state
        now = state.progress
        if state.cancelling:
            text = tr("Stopping…")
        elif state.waiting:
            text = tr("Waits until the measurement before it is done")
        else:
            text = _doing(now)
        self._text.setText(text)
        self._bar.setRange(0, now.total)
        self._bar.setValue(now.done)
        self._detail.setText(
            tr("{done} of {total}", done=now.done, total=now.total)
            if now.total
            else tr("Other work on this machine makes it slower, and the figures worse.")
        )
        seconds = time.monotonic() - state.started_at if state.started_at else None
        self.elapsed.setText("" if seconds is None else clock(seconds))
        self.elapsed.setAccessibleName(tr("Elapsed: {time}", time=clock(seconds)))
        self.cancel.setEnabled(not state.cancelling)


def _doing(now: MeasureProgress) -> str:
    """What is done at the moment, in words."""
    provider = provider_name(now.provider)
    match now.stage:
        case "answers":
            return tr("Asking the original for its answers")
        case "time":
            return tr("Timing {precision} on {provider}", precision=now.precision, provider=provider)
        case "verify":
            return tr("Comparing the answers of {precision} on {provider}", precision=now.precision, provider=provider)
    return tr("Getting ready to measure")
