"""Classes of a text, a picture or a sound, the likeliest first."""

from __future__ import annotations

import math
from functools import partial
from pathlib import PurePath

from workbench.gui.language import tr
from workbench.gui.views.base import Context, View
from workbench.gui.views.painting import percent, safe, signed
from workbench.gui.views.player import Player
from workbench.gui.views.quote import Quote
from workbench.gui.views.ranked import Rank, RankedList, bars
from workbench.gui.widgets.basic import Label, column
from workbench.gui.widgets.picture import PictureView
from workbench.gui.widgets.theme import SPACE
from workbench.results import Labels

__all__ = ["LabelsView"]

# What rounding may add to a probability.
TOLERANCE = 1e-4


class LabelsView(View):
    """What was asked about on top, below it each label with its bar."""

    def __init__(self) -> None:
        super().__init__()
        self._result = Labels(())
        self._shown_path = ""
        self.picture = PictureView()
        self.quote = Quote()
        self.player = Player()
        self.list = RankedList()
        self._none = Label(tone="muted", wrap=True)
        layout = column(self.picture, self.quote, self.player, self._none, self.list, space=SPACE.medium)
        layout.setStretchFactor(self.list, 1)
        layout.addStretch(0)
        self.setLayout(layout)
        for part in (self.picture, self.quote, self.player, self._none):
            part.hide()
        self.retranslate()

    def retranslate(self) -> None:
        self.list.setAccessibleName(tr("Labels and their scores"))
        self._none.setText(tr("The model gave no label."))

    def show_result(self, result: Labels, context: Context) -> None:
        self._result = result
        self._show_input(context)
        self.list.setVisible(bool(result.labels))
        self._none.setVisible(not result.labels)
        self.list.show_ranks(_ranks(result))
        self.list.scrollToTop()

    def text(self) -> str:
        return "\n".join(f"{item.label}\t{item.score:.4f}" for item in self._result.labels)

    def _show_input(self, context: Context) -> None:
        self.player.take_file(context.sound_path or None, context)
        path = context.picture_path
        self.picture.setVisible(bool(path))
        self.quote.set_text(context.input if context.kind == "text" and isinstance(context.input, str) else "")
        if path and path != self._shown_path:
            self.picture.set_source(
                PurePath(path).name, lambda max_px, receiver: context.picture(path, max_px, receiver)
            )
        self._shown_path = path


def _ranks(result: Labels) -> list[Rank]:
    """Probabilities as shares of the whole bar; raw scores from their zero to either side."""
    scores = [item.score for item in result.labels]
    is_share = all(-TOLERANCE <= score <= 1 + TOLERANCE for score in scores if math.isfinite(score))
    if is_share:
        scores = [min(1.0, max(0.0, score)) if math.isfinite(score) else score for score in scores]
    figure = percent if is_share else partial(signed, digits=3)
    shapes = bars(scores, high=1.0 if is_share else 0.0)
    return [
        Rank(safe(item.label), figure(score), bar, zero, strong=place == 0)
        for place, (item, score, (bar, zero)) in enumerate(zip(result.labels, scores, shapes, strict=True))
    ]
