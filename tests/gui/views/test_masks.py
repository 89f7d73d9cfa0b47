"""Masks over a picture: colours, shares, opacity, and no pause however large they are."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.gui.views.fakes import context, settle
from workbench.gui.views.masks import MasksView
from workbench.gui.widgets.theme import colors
from workbench.results import Mask, Masks

LEFT = Qt.MouseButton.LeftButton
GREEN = QColor(0x20, 0x90, 0x40)  # the picture of the tests
LIMIT_S = 0.1


def area(left: int, right: int, width: int = 1000, height: int = 500) -> Any:
    pixels = np.zeros((height, width), np.uint8)
    pixels[:, left:right] = 255
    return pixels


STUFF = Masks(1000, 500, (Mask("sky", None, area(0, 500)), Mask("sea", None, area(500, 750))))
THINGS = Masks(
    1000, 500, tuple(Mask("cat", 0.9 - n / 10, area(n * 300, n * 300 + 300), is_thing=True) for n in range(3))
)


@pytest.fixture
def view(shown: Any) -> MasksView:
    made: MasksView = shown(MasksView())
    made.show_result(STUFF, context("/a.png", "image"))
    done(made)
    return made


def done(view: MasksView) -> None:
    while not view.overlay.is_ready:
        QApplication.processEvents()
    settle()


def point(view: MasksView, x: float, y: float) -> Any:
    return view.canvas.to_screen().map(QPointF(x, y)).toPoint()


def color_at(view: MasksView, x: float, y: float) -> QColor:
    return view.canvas.grab().toImage().pixelColor(point(view, x, y))


def near(a: QColor, b: QColor) -> bool:
    return max(abs(a.red() - b.red()), abs(a.green() - b.green()), abs(a.blue() - b.blue())) <= 3


def between(share: float, mark: int) -> QColor:
    top = QColor(colors().marks[mark])
    parts = zip(GREEN.getRgb()[:3], top.getRgb()[:3], strict=True)  # type: ignore[index]
    return QColor(*(round(a + (b - a) * share) for a, b in parts))


def test_each_label_has_its_colour_over_the_picture(view: MasksView) -> None:
    assert near(color_at(view, 250, 250), between(0.5, 0))
    assert near(color_at(view, 620, 250), between(0.5, 1))
    assert color_at(view, 900, 250) == GREEN


def test_the_legend_tells_shares(view: MasksView) -> None:
    assert [chip.accessibleName() for chip in view.legend.chips.values()] == [
        "sky: 50.0% of the picture",
        "sea: 25.0% of the picture",
    ]
    assert view.text() == "sky\t0.5000\nsea\t0.2500"
    assert not view.list.isVisible()  # it would say the same again


def test_opacity_is_changed_with_the_keyboard(view: MasksView, qtbot: QtBot) -> None:
    view.opacity.setFocus()
    qtbot.keyClick(view.opacity, Qt.Key.Key_Home)
    assert color_at(view, 250, 250) == GREEN
    qtbot.keyClick(view.opacity, Qt.Key.Key_End)
    assert near(color_at(view, 250, 250), QColor(colors().marks[0]))


def test_a_label_is_switched_off(view: MasksView, qtbot: QtBot) -> None:
    qtbot.mouseClick(view.legend.chips["sky"], LEFT)
    done(view)
    assert color_at(view, 250, 250) == GREEN
    assert near(color_at(view, 620, 250), between(0.5, 1))
    qtbot.mouseClick(view.legend.chips["sea"], LEFT)
    done(view)
    assert color_at(view, 620, 250) == GREEN


def test_what_is_pointed_at_is_named_and_stands_out(view: MasksView, qtbot: QtBot) -> None:
    before = color_at(view, 620, 250)
    qtbot.mouseMove(view.canvas, point(view, 620, 250))
    done(view)
    assert view.detail.text() == "sea: 25.0% of the picture"
    assert color_at(view, 620, 250) != before
    qtbot.mouseMove(view.canvas, point(view, 900, 250))
    done(view)
    assert view.detail.text() == "Point at the picture to see what is there."
    assert color_at(view, 620, 250) == before


def test_things_have_a_row_each(shown: Any, qtbot: QtBot) -> None:
    view = shown(MasksView())
    view.show_result(THINGS, context("/a.png", "image"))
    done(view)
    assert [(rank.text, rank.figure) for rank in view.list.ranks] == [
        ("cat", "90.0%"),
        ("cat", "80.0%"),
        ("cat", "70.0%"),
    ]
    view.list.setFocus()
    qtbot.keyClick(view.list, Qt.Key.Key_Down)
    assert view.strong == 1
    assert view.detail.text() == "cat: 30.0% of the picture, score 80.0%"
    qtbot.mouseMove(view.canvas, point(view, 700, 250))
    assert (view.strong, view.list.hovered) == (2, 2)
    qtbot.mouseClick(view.canvas, LEFT, pos=point(view, 100, 250))
    assert view.list.currentIndex().row() == 0


def test_of_two_masks_the_upper_is_pointed_at_and_under_it_the_other_shows(shown: Any, qtbot: QtBot) -> None:
    view = shown(MasksView())
    both = Masks(1000, 500, (Mask("wide", None, area(0, 1000)), Mask("narrow", None, area(400, 600))))
    view.show_result(both, context("/a.png", "image"))
    done(view)
    assert near(color_at(view, 500, 250), between(0.5, 1))
    qtbot.mouseClick(view.legend.chips["narrow"], LEFT)
    done(view)
    assert near(color_at(view, 500, 250), between(0.5, 0))


def test_looked_at_closely_an_edge_is_where_it_is(view: MasksView) -> None:
    view.canvas.zoom_by(40)
    done(view)
    assert near(color_at(view, 497, 250), between(0.5, 0)) or near(color_at(view, 497, 250), QColor(colors().marks[0]))
    assert near(color_at(view, 502, 250), between(0.5, 1)) or near(color_at(view, 502, 250), QColor(colors().marks[1]))


def test_a_large_set_never_holds_the_window_up(shown: Any) -> None:
    view = shown(MasksView())
    side = 4096
    masks = tuple(Mask(f"label {n}", 0.5, area(n * 200, n * 200 + 400, side, side), is_thing=True) for n in range(12))
    pauses = []
    began = time.perf_counter()
    view.show_result(Masks(side, side, masks), context("/a.png", "image"))
    pauses.append(time.perf_counter() - began)
    for action in (lambda: None, lambda: view.canvas.zoom_by(8), lambda: view.legend.chips["label 3"].click()):
        action()
        while not view.overlay.is_ready:
            began = time.perf_counter()
            QApplication.processEvents()
            pauses.append(time.perf_counter() - began)
    assert sorted(pauses)[-3] < LIMIT_S  # of a machine that others use, too
