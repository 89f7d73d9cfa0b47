"""Depth over a picture: near is light, the slider leads to the picture, the pointer tells a value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from tests.gui.views.fakes import context, settle, speak, texts_of
from workbench.gui.views.depth import DepthView
from workbench.marks import depth_colors
from workbench.results import Depth

VALUES = np.tile(np.linspace(1, 9, 400, dtype=np.float32), (200, 1))
FAR, NEAR = (QColor(*(int(part) for part in depth_colors()[n])) for n in (0, 255))


def shown_with(shown: Any, values: Any, unit: str) -> DepthView:
    view: DepthView = shown(DepthView())
    view.show_result(Depth(values, unit), context("/a.png", "image"))
    settle()
    return view


def color_at(view: DepthView, x: float, y: float) -> QColor:
    return view.canvas.grab().toImage().pixelColor(view.canvas.to_screen().map(QPointF(x, y)).toPoint())


def near(a: QColor, b: QColor) -> bool:
    return max(abs(a.red() - b.red()), abs(a.green() - b.green()), abs(a.blue() - b.blue())) < 24


@pytest.mark.parametrize(("unit", "left", "right"), [("m", NEAR, FAR), ("relative", FAR, NEAR)])
def test_near_is_light(shown: Any, unit: str, left: QColor, right: QColor) -> None:
    view = shown_with(shown, VALUES, unit)
    assert near(color_at(view, 3, 100), left)
    assert near(color_at(view, 396, 100), right)


def test_the_scale_names_its_ends(shown: Any) -> None:
    metres = shown_with(shown, VALUES, "m")
    assert "Colours from far (far, 9.00 m) to near (near, 1.00 m)" in texts_of(metres)
    relative = shown_with(shown, VALUES * 1000, "relative")
    assert "Colours from far (far, 1,000) to near (near, 9,000)" in texts_of(relative)
    assert metres.text() == "Depth of 400 × 200 pixels, from 1.00 m to 9.00 m"
    speak("zh_CN")
    assert metres.text() == "400 × 200 像素的深度，从 1.00 米 到 9.00 米"


def test_the_slider_leads_to_the_picture(shown: Any, qtbot: QtBot) -> None:
    view = shown_with(shown, VALUES, "m")
    view.share.setFocus()
    qtbot.keyClick(view.share, Qt.Key.Key_Home)
    assert color_at(view, 200, 100) == QColor(0x20, 0x90, 0x40)


def test_the_pointer_tells_a_value(shown: Any, qtbot: QtBot) -> None:
    values = VALUES.copy()
    values[:, :100] = np.nan
    view = shown_with(shown, values, "m")
    place = view.canvas.to_screen().map(QPointF(200, 100)).toPoint()
    qtbot.mouseMove(view.canvas, place)
    figure, _, where = view.detail.text().partition(" m at ")
    assert float(figure) == pytest.approx(5, abs=0.1)
    assert where in ("200, 100", "199, 100", "200, 99", "199, 99")
    qtbot.mouseMove(view.canvas, view.canvas.to_screen().map(QPointF(50, 100)).toPoint())
    assert view.detail.text() == "Point at the picture to see how far it is there."
    assert color_at(view, 50, 100) == QColor(0x20, 0x90, 0x40)  # nothing is known: the picture


def test_a_map_without_any_depth_is_told(shown: Any) -> None:
    view = shown_with(shown, np.full((4, 4), np.inf, np.float32), "m")
    assert not view.canvas.isVisible()
    assert "The model gave no depth for this picture." in texts_of(view)
