"""Parts of a picture: a coloured mask for each thing or each kind of stuff."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QTransform
from PySide6.QtWidgets import QSizePolicy, QSlider, QWidget

from workbench.gui.language import tr
from workbench.gui.views.base import Context, View
from workbench.gui.views.beside import Beside
from workbench.gui.views.canvas import Canvas, ZoomBar
from workbench.gui.views.legend import Legend, LegendArea
from workbench.gui.views.mask_overlay import MaskOverlay
from workbench.gui.views.painting import one_line, percent, safe
from workbench.gui.views.ranked import Rank, RankedList
from workbench.gui.widgets.basic import ElidedLabel, Label, column, row
from workbench.gui.widgets.theme import SPACE
from workbench.marks import label_colors
from workbench.results import Mask, Masks

__all__ = ["MasksView"]

SLIDER_STEPS = 100
SLIDER_PX = 120
FIRST_OPACITY = 50
# Shares are counted on no more pixels than these, over all masks: a small error, and never a pause.
COUNTED_PIXELS = 4_000_000


class MasksView(View):
    """The picture with masks over it, each label with its share of the area."""

    def __init__(self) -> None:
        super().__init__()
        self._result = Masks(1, 1, ())
        self._shares: list[float] = []
        self._hues: dict[str, int] = {}
        self._shown: list[int] = []  # numbers of the masks that are on
        self._strong = -1
        self.canvas = Canvas()
        self.canvas.paint_over = self._paint
        self.canvas.changed.connect(self._ask)
        self.canvas.pointed.connect(self._point_at)
        self.canvas.clicked.connect(self._click_at)
        self.overlay = MaskOverlay(self)
        self.overlay.changed.connect(self.canvas.update)
        self.zoom = ZoomBar(self.canvas)
        self.legend = Legend(on_picture=True)
        self.legend.changed.connect(self._choose)
        self._legend_area = LegendArea(self.legend)
        self.list = RankedList(follows_pointer=True)
        self.list.pointed.connect(lambda row_: self._stand_out(self._mask_of(row_ if row_ >= 0 else self._current())))
        self.list.selectionModel().currentChanged.connect(lambda now, before: self._stand_out(self._mask_of(now.row())))
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, SLIDER_STEPS)
        self.opacity.setValue(FIRST_OPACITY)
        self.opacity.setFixedWidth(SLIDER_PX)
        self.opacity.valueChanged.connect(self._set_opacity)
        self._opacity_label = Label(tone="muted", role="small")
        self._opacity_label.setBuddy(self.opacity)
        self._none = Label(tone="muted", wrap=True)
        self.detail = ElidedLabel(tone="muted", role="small")
        self._tools = QWidget()
        self._tools.setLayout(row(self._opacity_label, self.opacity, 1, self.zoom))
        self._tools.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._parts = Beside(self.canvas, (self._tools, self.detail), self.list)
        layout = column(self._none, self._legend_area, self._parts, space=SPACE.small)
        layout.setStretchFactor(self._parts, 1)
        self.setLayout(layout)
        self._none.hide()
        self.retranslate()

    def retranslate(self) -> None:
        self.list.setAccessibleName(tr("Parts of the picture and their scores"))
        self._none.setText(tr("Nothing was found in this picture."))
        self._opacity_label.setText(tr("Opacity"))
        self.opacity.setAccessibleName(tr("Opacity of the masks"))
        self.opacity.setToolTip(tr("Opacity of the masks"))
        self._tell()

    def show_result(self, result: Masks, context: Context) -> None:
        self.canvas.show_picture(context, result.width_px, result.height_px)
        if result is self._result:
            return
        self._result, self._strong = result, -1
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
        for part in (self._opacity_label, self.opacity, self.detail):
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
        return self._strong

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

    def _current(self) -> int:
        return self.list.currentIndex().row() if self.list.hasFocus() else -1

    def _mask_of(self, row_: int) -> int:
        return self._shown[row_] if 0 <= row_ < len(self._shown) else -1

    def _stand_out(self, number: int) -> None:
        if number != self._strong:
            self._strong = number
            mask = self._result.masks[number] if number >= 0 else None
            self.overlay.stand_out(mask, self.canvas.seen_rect(), self._screen_px())
        self._tell()

    def _point_at(self, x: float, y: float) -> None:
        found = self._mask_at(x, y)
        self._stand_out(found if found >= 0 else self._mask_of(self._current()))
        self.list.set_hovered(self._shown.index(found) if found >= 0 else -1)

    def _click_at(self, x: float, y: float) -> None:
        found = self._mask_at(x, y)
        if found >= 0:
            index = self.list.model().index(self._shown.index(found), 0)
            self.list.setCurrentIndex(index)
            self.list.scrollTo(index)

    def _mask_at(self, x: float, y: float) -> int:
        """The uppermost mask at a place."""
        for number in reversed(self._shown):
            pixels = self._result.masks[number].pixels
            if 0 <= y < pixels.shape[0] and 0 <= x < pixels.shape[1] and pixels[int(y), int(x)]:
                return number
        return -1

    def _tell(self) -> None:
        if self._strong < 0:
            self.detail.setText(tr("Point at the picture to see what is there."))
            return
        mask, share = self._result.masks[self._strong], percent(self._shares[self._strong])
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
