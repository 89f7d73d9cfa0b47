"""Sound that a model made."""

from __future__ import annotations

import numpy as np

from workbench.gui.language import tr
from workbench.gui.views.base import Context, View
from workbench.gui.views.player import Player
from workbench.gui.views.quote import Quote
from workbench.gui.widgets.basic import Label, column
from workbench.gui.widgets.theme import SPACE
from workbench.results import Audio

__all__ = ["AudioView"]

BUCKETS = 1200


class AudioView(View):
    """The text that was spoken, and a player."""

    def __init__(self) -> None:
        super().__init__()
        self._result = Audio(np.zeros(0, np.float32), 16_000)
        self.quote = Quote()
        self.player = Player()
        self._none = Label(tone="muted", wrap=True)
        self.note = Label(tone="muted", role="small", wrap=True)
        layout = column(self.quote, self._none, self.player, self.note, space=SPACE.medium)
        layout.addStretch(1)
        self.setLayout(layout)
        for part in (self.quote, self._none):
            part.hide()
        self.retranslate()

    def retranslate(self) -> None:
        self._none.setText(tr("The model made no sound."))
        self.note.setText(self._figures())

    def show_result(self, result: Audio, context: Context) -> None:
        self.player.listen(context.sounds)
        text = context.input if isinstance(context.input, str) and context.kind == "text" else context.field("text")
        self.quote.set_text(text or "")
        if result is self._result:
            return
        self._result = result
        some = bool(len(result.samples))
        self._none.setVisible(not some)
        self.player.setVisible(some)
        self.note.setVisible(some)
        self.player.take(None, lambda receiver: context.keep(result, receiver))
        if some:
            self.player.show_outline(result.duration_s, _peaks(result))
        self.retranslate()

    def text(self) -> str:
        return self._figures()

    def _figures(self) -> str:
        return tr(
            "{seconds} seconds at {rate} Hz",
            seconds=f"{self._result.duration_s:.1f}",
            rate=f"{self._result.sampling_rate:,}",
        )


def _peaks(result: Audio) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """The lowest and the highest sample of each stretch, float32 [n, 2]."""
    samples = np.nan_to_num(result.samples.reshape(-1))
    count = min(BUCKETS, len(samples))
    starts = np.arange(count) * len(samples) // count
    low, high = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
    return np.stack([low, high], axis=1).astype(np.float32)
