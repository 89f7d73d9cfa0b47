"""Parts of a picture: a coloured mask for each thing or each kind of stuff."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtGui import QPainter, QTransform

from workbench.gui.language import tr
from workbench.gui.views.base import Context
from workbench.gui.views.mask_overlay import MaskOverlay
from workbench.gui.views.over_picture import SLIDER_STEPS, OverPicture
from workbench.gui.views.painting import one_line, percent, safe
from workbench.gui.views.ranked import Rank
from workbench.gui.widgets.basic import ElidedLabel
from workbench.marks import label_colors
from workbench.results import Mask, Masks

__all__ = ["MasksView"]

FIRST_OPACITY = 50
# Shares are counted on no more pixels than these, over all masks: a small error, and never a pause.
COUNTED_PIXELS = 4_000_000


class MasksView(OverPicture):
    """The picture with masks over it, each label with its share of the area; the slider is how much they cover."""

    def __init__(self) -> None:
        self.detail = ElidedLabel(tone="muted", role="small")
        super().__init__(self.detail)
        self._result = Masks(1, 1, ())
        self._shares: list[float] = []
        self._hues: dict[str, int] = {}
        self._shown: list[int] = []  # numbers of the masks that are on, by their rows in the list
        self.canvas.changed.connect(self._ask)
        self.overlay = MaskOverlay(self)
        self.overlay.changed.connect(self.canvas.update)
        self.opacity = self._slider
        self.opacity.setValue(FIRST_OPACITY)
        self.opacity.valueChanged.connect(self._set_opacity)
        self.retranslate()

    def retranslate(self) -> None:
        super().retranslate()
        self.list.setAccessibleName(tr("Parts of the picture and their scores"))
        self._slider_label.setText(tr("Opacity"))
        self._name_slider(tr("Opacity of the masks"))
        self._tell()

    def show_result(self, result: Masks, context: Context) -> None:
        self.canvas.show_picture(context, result.width_px, result.height_px)
        if result is self._result:
            return
        self._result, self._row = result, -1
        self.overlay.clear()
        self._shares = _shares(result)
        labels = [safe(mask.label) for mask in result.masks]
        self._hues = label_colors(labels)
        together: dict[str, float] = {}
        for label, share in zip(labels, self._shares, strict=True):
            together[label] = together.get(label, 0.0) + share
        ordered = sorted(together, key=lambda label: -together[label])
        self.legend.show_counts({label: percent(min(1.0, together[label])) for label in ordered}, self._hues)
        some = bool(labels)
        single = len(together) < len(labels) or any(mask.score is not None for mask in result.masks)
        self._legend_area.setVisible(some)
        self._parts.show_side(single)
        self._none.setVisible(not some)
        for part in (self._slider_label, self.opacity, self.detail):
            part.setVisible(some)
        self._choose()

    def text(self) -> str:
        if not self._result.masks:
            return tr("Nothing was found in this picture.")
        lines = []
        for mask, share in zip(self._result.masks, self._shares, strict=True):
            score = "" if mask.score is None else f"\t{mask.score:.4f}"
            lines.append(f"{one_line(mask.label)}\t{share:.4f}{score}")
        return "\n".join(lines)

    @property
    def shown(self) -> tuple[Mask, ...]:
        """The masks whose labels are on."""
        return tuple(self._result.masks[number] for number in self._shown)

    @property
    def strong(self) -> int:
        """The number of the mask that stands out; -1 where none does."""
        return self._shown[self._row] if self._row >= 0 else -1

    # --- which are shown ----------------------------------------------------------------------------------------

    def _choose(self) -> None:
        masks = self._result.masks
        self._shown = [number for number, mask in enumerate(masks) if self.legend.is_on(safe(mask.label))]
        ranks = []
        for number in self._shown:
            score = masks[number].score
            figure = percent(self._shares[number]) if score is None else percent(score)
            ranks.append(Rank(safe(masks[number].label), figure, mark=self._hues[safe(masks[number].label)]))
        self.list.show_ranks(ranks)
        self.list.clearSelection()
        self._stand_out(-1)
        self._ask()

    def _ask(self) -> None:
        if not self._shown:
            self.overlay.clear()
            return
        self.overlay.show(self.shown, self._hue_of, self.canvas.seen_rect(), self._screen_px())

    def _screen_px(self) -> float:
        return self.canvas.scale * self.canvas.devicePixelRatioF()

    def _hue_of(self, label: str) -> int:
        return self._hues[safe(label)]

    def _set_opacity(self, value: int) -> None:
        self.overlay.set_opacity(value / SLIDER_STEPS)
        self.canvas.update()

    # --- which one stands out -----------------------------------------------------------------------------------

    def _stand_out(self, number: int) -> None:
        if number != self._row:
            self._row = number
            mask = self._result.masks[self.strong] if number >= 0 else None
            self.overlay.stand_out(mask, self.canvas.seen_rect(), self._screen_px())
        self._tell()

    def _row_at(self, x: float, y: float) -> int:
        """The uppermost mask at a place."""
        for place in reversed(range(len(self._shown))):
            pixels = self._result.masks[self._shown[place]].pixels
            if 0 <= y < pixels.shape[0] and 0 <= x < pixels.shape[1] and pixels[int(y), int(x)]:
                return place
        return -1

    def _tell(self) -> None:
        if self._row < 0:
            self.detail.setText(tr("Point at the picture to see what is there."))
            return
        mask, share = self._result.masks[self.strong], percent(self._shares[self.strong])
        label = one_line(mask.label)
        if mask.score is None:
            self.detail.setText(tr("{label}: {share} of the picture", label=label, share=share))
        else:
            score = percent(mask.score)
            self.detail.setText(
                tr("{label}: {share} of the picture, score {score}", label=label, share=share, score=score)
            )

    def _paint(self, painter: QPainter, to_screen: QTransform) -> None:
        self.overlay.paint(painter, to_screen)


def _shares(result: Masks) -> list[float]:
    """The share of the picture that each mask covers, counted on every n-th pixel where there are many."""
    total = sum(mask.pixels.size for mask in result.masks)
    step = max(1, math.ceil(math.sqrt(total / COUNTED_PIXELS)))
    shares = []
    for mask in result.masks:
        counted = mask.pixels[::step, ::step]
        shares.append(float(np.count_nonzero(counted)) / max(1, counted.size))
    return shares
