"""A picture that was made, over the one before it: the slider uncovers that from the left."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from tests.gui.views.fakes import context, settle, speak, texts_of
from workbench.gui.views.made_picture import MadePictureView
from workbench.results import MadePicture

BLUE = QColor(20, 40, 200)
BEFORE = QColor(0x20, 0x90, 0x40)  # what the fake engine gives


def shown_with(shown: Any, width: int = 400, height: int = 200) -> MadePictureView:
    view: MadePictureView = shown(MadePictureView())
    pixels = np.tile(np.array([20, 40, 200], np.uint8), (height, width, 1))
    view.show_result(MadePicture(pixels), context("/a.png", "image"))
    settle()
    return view


def color_at(view: MadePictureView, x: float, y: float) -> QColor:
    return view.canvas.grab().toImage().pixelColor(view.canvas.to_screen().map(QPointF(x, y)).toPoint())


def test_the_new_picture_is_shown(shown: Any) -> None:
    view = shown_with(shown)
    assert color_at(view, 5, 100) == color_at(view, 395, 100) == BLUE
    assert "400 × 200 pixels" in texts_of(view)
    speak("zh_CN")
    assert view.text() == "400 × 200 像素"


def test_the_slider_uncovers_the_picture_before(shown: Any, qtbot: QtBot) -> None:
    view = shown_with(shown)
    view.share.setValue(50)
    assert color_at(view, 100, 100) == BEFORE
    assert color_at(view, 300, 100) == BLUE
    view.share.setFocus()
    qtbot.keyClick(view.share, Qt.Key.Key_Home)
    assert color_at(view, 300, 100) == BEFORE


def test_it_can_be_looked_at_closely(shown: Any, qtbot: QtBot) -> None:
    view = shown_with(shown)
    view.canvas.setFocus()
    qtbot.keyClick(view.canvas, Qt.Key.Key_Plus)
    assert view.canvas.zoom > 1
    assert color_at(view, 200, 100) == BLUE


def test_no_picture_is_said(shown: Any) -> None:
    view = shown(MadePictureView())
    view.show_result(MadePicture(np.zeros((0, 0, 3), np.uint8)), context("/a.png", "image"))
    assert "The model made no picture." in texts_of(view)
