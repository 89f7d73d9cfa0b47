"""What boxes and masks have in common: a picture that something is drawn on, and a list that goes with it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QTransform
from PySide6.QtWidgets import QSizePolicy, QSlider, QWidget

from workbench.gui.language import tr
from workbench.gui.views.base import View
from workbench.gui.views.beside import Beside
from workbench.gui.views.canvas import Canvas, ZoomBar
from workbench.gui.views.legend import Legend, LegendArea
from workbench.gui.views.ranked import RankedList
from workbench.gui.widgets.basic import Label, column, row
from workbench.gui.widgets.theme import SPACE

__all__ = ["SLIDER_STEPS", "OverPicture"]

SLIDER_STEPS = 100
SLIDER_PX = 120


class OverPicture(View):
    """The picture, a slider, a legend that turns labels on and off, and a list of what is shown.

    What is pointed at in the picture stands out in the list, and the other way round. A thing is known by its row in
    the list; -1 stands for none.
    """

    def __init__(self, *below: QWidget) -> None:
        """``below`` stands under the picture and its tools."""
        super().__init__()
        self._row = -1  # what stands out
        self.canvas = Canvas()
        self.canvas.paint_over = self._paint
        self.canvas.pointed.connect(self._point_at)
        self.canvas.clicked.connect(self._click_at)
        self.zoom = ZoomBar(self.canvas)
        self.legend = Legend(on_picture=True)
        self.legend.changed.connect(self._choose)
        self._legend_area = LegendArea(self.legend)
        self.list = RankedList(follows_pointer=True)
        self.list.pointed.connect(lambda number: self._stand_out(number if number >= 0 else self._current()))
        self.list.selectionModel().currentChanged.connect(lambda now, before: self._go_to(now.row()))
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, SLIDER_STEPS)
        self._slider.setFixedWidth(SLIDER_PX)
        self._slider_label = Label(tone="muted", role="small")
        self._slider_label.setBuddy(self._slider)
        self._none = Label(tone="muted", wrap=True)
        tools = QWidget()
        tools.setLayout(row(self._slider_label, self._slider, 1, self.zoom))
        tools.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._parts = Beside(self.canvas, (tools, *below), self.list)
        layout = column(self._none, self._legend_area, self._parts, space=SPACE.small)
        layout.setStretchFactor(self._parts, 1)
        self.setLayout(layout)
        self._none.hide()

    def retranslate(self) -> None:
        self._none.setText(tr("Nothing was found in this picture."))

    def _name_slider(self, name: str) -> None:
        self._slider.setAccessibleName(name)
        self._slider.setToolTip(name)

    # --- what a view has to say ---------------------------------------------------------------------------------

    def _choose(self) -> None:
        """Show what the legend and the slider let through."""
        raise NotImplementedError

    def _paint(self, painter: QPainter, to_screen: QTransform) -> None:
        raise NotImplementedError

    def _row_at(self, x: float, y: float) -> int:
        """What is to be seen at a place of the picture, in its pixels."""
        raise NotImplementedError

    def _stand_out(self, number: int) -> None:
        """Let this row stand out from now on."""
        raise NotImplementedError

    def _go_to(self, number: int) -> None:
        """A row was chosen in the list."""
        self._stand_out(number)

    # --- pointing -----------------------------------------------------------------------------------------------

    def _current(self) -> int:
        return self.list.currentIndex().row() if self.list.hasFocus() else -1

    def _point_at(self, x: float, y: float) -> None:
        found = self._row_at(x, y)
        self._stand_out(found if found >= 0 else self._current())
        self.list.set_hovered(found)

    def _click_at(self, x: float, y: float) -> None:
        found = self._row_at(x, y)
        if found >= 0:
            index = self.list.model().index(found, 0)
            self.list.setCurrentIndex(index)
            self.list.scrollTo(index)
