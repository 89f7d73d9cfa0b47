"""Boxes over a picture and the list beside it."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from tests.gui.views.fakes import context, settle
from workbench.gui.views.boxes import BoxesView
from workbench.gui.widgets.tab_order import put_in_order
from workbench.gui.widgets.theme import colors
from workbench.results import Box, Boxes

LEFT = Qt.MouseButton.LeftButton
CAT, DOG, FLEA = (
    Box("cat", 0.9, 50, 50, 600, 450),
    Box("dog", 0.6, 500, 100, 950, 400),
    Box("flea", 0.3, 200, 200, 260, 250),
)
RESULT = Boxes(1000, 500, (CAT, DOG, FLEA))


@pytest.fixture
def view(shown: Any) -> BoxesView:
    made: BoxesView = shown(BoxesView())
    made.show_result(RESULT, context("/a.png", "image"))
    settle()
    return made


def point(view: BoxesView, x: float, y: float) -> Any:
    return view.canvas.to_screen().map(QPointF(x, y)).toPoint()


def test_tab_goes_from_the_labels_over_the_picture_and_its_tools_to_the_list(view: BoxesView) -> None:
    put_in_order(view)
    chip = view.legend.findChild(QPushButton)
    assert chip is not None
    way, step = [chip], chip.nextInFocusChain()
    while step is not chip:
        way.append(step)
        step = step.nextInFocusChain()
    parts = [chip, view.canvas, view.least, view.zoom.out, view.zoom.all, view.list]
    assert sorted(parts, key=way.index) == parts


def test_a_box_is_drawn_where_it_is(view: BoxesView) -> None:
    image = view.canvas.grab().toImage()
    edge = image.pixelColor(point(view, 325, 450))
    mark = QColor(colors().marks[0])
    assert abs(edge.red() - mark.red()) + abs(edge.green() - mark.green()) + abs(edge.blue() - mark.blue()) < 60
    assert image.pixelColor(point(view, 325, 300)) == QColor(0x20, 0x90, 0x40)  # the picture


def test_the_list_has_each_box_in_the_order_of_scores(view: BoxesView) -> None:
    assert [(rank.text, rank.figure) for rank in view.list.ranks] == [
        ("cat", "90.0%"),
        ("dog", "60.0%"),
        ("flea", "30.0%"),
    ]
    assert len({rank.mark for rank in view.list.ranks}) == 3


def test_the_smallest_box_under_the_pointer_stands_out_in_the_list(view: BoxesView, qtbot: QtBot) -> None:
    qtbot.mouseMove(view.canvas, point(view, 230, 225))
    assert view.shown[view.strong] == FLEA
    assert view.list.hovered == 2
    qtbot.mouseMove(view.canvas, point(view, 400, 300))
    assert view.shown[view.strong] == CAT
    qtbot.mouseMove(view.canvas, point(view, 20, 20))
    assert (view.strong, view.list.hovered) == (-1, -1)


def test_a_row_under_the_pointer_stands_out_in_the_picture(view: BoxesView, qtbot: QtBot) -> None:
    before = view.canvas.grab().toImage()
    qtbot.mouseMove(view.list.viewport(), view.list.visualRect(view.list.model().index(1, 0)).center())
    assert view.shown[view.strong] == DOG
    assert view.canvas.grab().toImage() != before


def test_the_keyboard_goes_from_box_to_box(view: BoxesView, qtbot: QtBot) -> None:
    view.list.setFocus()
    qtbot.keyClick(view.list, Qt.Key.Key_Down)
    assert view.shown[view.strong] == DOG
    view.canvas.zoom_by(6)
    view.canvas.pan_by(-5000, -5000)
    qtbot.keyClick(view.list, Qt.Key.Key_Up)
    assert view.shown[view.strong] == CAT
    assert view.canvas.seen_rect().contains(325, 250)  # it came into sight


def test_a_click_chooses_its_row(view: BoxesView, qtbot: QtBot) -> None:
    qtbot.mouseClick(view.canvas, LEFT, pos=point(view, 800, 200))
    assert view.list.currentIndex().row() == 1


def test_labels_are_switched_off_and_stay_so(view: BoxesView, qtbot: QtBot) -> None:
    chip = view.legend.chips["cat"]
    assert chip.isVisible()
    qtbot.mouseClick(chip, LEFT)
    assert view.shown == (DOG, FLEA)
    assert [rank.text for rank in view.list.ranks] == ["dog", "flea"]
    view.show_result(Boxes(1000, 500, (CAT,)), context("/b.png", "image"))
    assert view.shown == ()
    assert "cat\t0.9" in view.text()  # what is copied is the result


def test_boxes_below_a_score_are_hidden(view: BoxesView, qtbot: QtBot) -> None:
    view.least.setFocus()
    view.least.setValue(50)
    assert view.shown == (CAT, DOG)
    qtbot.keyClick(view.least, Qt.Key.Key_End)
    assert view.shown == ()


def test_the_list_stands_beside_where_there_is_room(view: BoxesView) -> None:
    assert (
        view.list.mapTo(view, view.list.rect().topLeft()).y() > view.canvas.mapTo(view, view.canvas.rect().center()).y()
    )
    view.resize(1100, 560)
    settle()
    assert view.list.mapTo(view, view.list.rect().topLeft()).x() > view.canvas.geometry().right()
