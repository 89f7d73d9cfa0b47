"""A picture with another one made from it, and a slider from one to the other."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter, QTransform
from PySide6.QtWidgets import QSizePolicy, QSlider, QWidget

from workbench.gui.views.base import View
from workbench.gui.views.beside import Beside
from workbench.gui.views.canvas import Canvas, ZoomBar
from workbench.gui.widgets.basic import Label, column, row
from workbench.gui.widgets.theme import SPACE

__all__ = ["TwoPictures"]

SLIDER_STEPS = 100
SLIDER_PX = 140


class TwoPictures(View):
    """``_image`` lies over the picture that was asked about, as much of it as :attr:`portion` says."""

    def __init__(self, *below: QWidget) -> None:
        """``below`` stands under the picture and its slider."""
        super().__init__()
        self._image = QImage()
        self.canvas = Canvas()
        self.canvas.paint_over = self._paint
        self.zoom = ZoomBar(self.canvas)
        self.share = QSlider(Qt.Orientation.Horizontal)
        self.share.setRange(0, SLIDER_STEPS)
        self.share.setValue(SLIDER_STEPS)
        self.share.setFixedWidth(SLIDER_PX)
        self.share.valueChanged.connect(lambda value: self.canvas.update())
        self._before = Label(tone="muted", role="small")
        self._after = Label(tone="muted", role="small")
        self._after.setBuddy(self.share)
        self._none = Label(tone="muted", wrap=True)
        tools = QWidget()
        tools.setLayout(row(self._before, self.share, self._after, 1, self.zoom))
        tools.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._parts = Beside(self.canvas, (tools, *below))
        layout = column(self._none, self._parts, space=SPACE.small)
        layout.setStretchFactor(self._parts, 1)
        self.setLayout(layout)
        self._none.hide()

    @property
    def portion(self) -> float:
        """Where the slider stands, from 0 (the picture alone) to 1 (what was made of it)."""
        return self.share.value() / SLIDER_STEPS

    def _name(self, *, before: str, after: str, share: str, none: str) -> None:
        """The words: at the slider's ends, of the slider, and where nothing was made."""
        self._before.setText(before)
        self._after.setText(after)
        self.share.setAccessibleName(share)
        self.share.setToolTip(share)
        self._none.setText(none)

    def _show_image(self, image: QImage) -> None:
        """Another image; a null one stands for none."""
        self._image = image
        self._none.setVisible(image.isNull())
        self._parts.setVisible(not image.isNull())
        self.canvas.update()

    def _paint(self, painter: QPainter, to_screen: QTransform) -> None:
        raise NotImplementedError
