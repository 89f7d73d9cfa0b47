"""A picture that is looked at closely."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.gui.views.fakes import Files, context, settle
from workbench.gui.views.canvas import Canvas, ZoomBar

LEFT, NO_KEYS = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def canvas(shown: Any) -> Canvas:
    made: Canvas = shown(Canvas())
    made.show_picture(context("/a.png", "image"), 4000, 2000)
    return made


def turn(canvas: Canvas, notches: float, place: QPointF) -> None:
    """A real turn of the wheel at a place."""
    delta = QPoint(0, round(120 * notches))
    event = QWheelEvent(
        place, canvas.mapToGlobal(place), QPoint(), delta, Qt.MouseButton.NoButton, NO_KEYS, Qt.ScrollPhase(0), False
    )
    QApplication.sendEvent(canvas, event)


def test_it_fits_in_at_first(canvas: Canvas) -> None:
    rect = canvas.shown_rect()
    assert canvas.rect().toRectF().contains(rect)
    assert rect.width() == pytest.approx(canvas.width())
    assert rect.width() / rect.height() == pytest.approx(2)
    assert canvas.zoom == 1


def test_the_wheel_zooms_to_what_it_points_at(canvas: Canvas) -> None:
    place = QPointF(130, 280)
    inverted, _ = canvas.to_screen().inverted()
    before = inverted.map(place)
    turn(canvas, 3, place)
    assert canvas.zoom > 1.5
    inverted, _ = canvas.to_screen().inverted()
    after = inverted.map(place)
    assert after.x() == pytest.approx(before.x(), abs=2)
    turn(canvas, -20, place)
    assert canvas.zoom == 1
    assert canvas.rect().toRectF().contains(canvas.shown_rect())


def test_keys_zoom_move_and_fit(canvas: Canvas, qtbot: QtBot) -> None:
    for key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Plus, Qt.Key.Key_Plus):
        qtbot.keyClick(canvas, key)
    assert canvas.zoom == pytest.approx(1.25**4)
    left = canvas.shown_rect().left()
    qtbot.keyClick(canvas, Qt.Key.Key_Right)
    assert canvas.shown_rect().left() < left
    for _ in range(50):
        qtbot.keyClick(canvas, Qt.Key.Key_Right)
    assert canvas.shown_rect().right() == pytest.approx(canvas.width(), abs=1)  # no further than its edge
    qtbot.keyClick(canvas, Qt.Key.Key_Minus)
    assert canvas.zoom == pytest.approx(1.25**3)
    qtbot.keyClick(canvas, Qt.Key.Key_0)
    assert canvas.zoom == 1


def test_a_drag_moves_it_and_is_no_click(canvas: Canvas, qtbot: QtBot) -> None:
    clicks: list[tuple[float, float]] = []
    canvas.clicked.connect(lambda x, y: clicks.append((x, y)))
    canvas.zoom_by(4)
    left = canvas.shown_rect().left()
    qtbot.mousePress(canvas, LEFT, pos=QPoint(200, 200))
    qtbot.mouseMove(canvas, QPoint(230, 200))
    qtbot.mouseMove(canvas, QPoint(260, 200))
    qtbot.mouseRelease(canvas, LEFT, pos=QPoint(260, 200))
    assert canvas.shown_rect().left() == pytest.approx(left + 60)
    assert clicks == []
    qtbot.mouseClick(canvas, LEFT, pos=QPoint(260, 200))
    assert len(clicks) == 1


def test_a_double_click_goes_near_and_back(canvas: Canvas, qtbot: QtBot) -> None:
    qtbot.mouseDClick(canvas, LEFT, pos=canvas.rect().center())
    assert canvas.zoom > 2
    qtbot.mouseDClick(canvas, LEFT, pos=canvas.rect().center())
    assert canvas.zoom == 1


def test_places_are_pixels_of_the_picture(canvas: Canvas, qtbot: QtBot) -> None:
    places: list[tuple[float, float]] = []
    canvas.pointed.connect(lambda x, y: places.append((x, y)))
    qtbot.mouseMove(canvas, canvas.rect().center())
    assert places[-1] == (pytest.approx(2000, abs=10), pytest.approx(1000, abs=10))
    qtbot.mouseMove(canvas, QPoint(5, 5))  # above the picture
    assert places[-1] == (-1, -1)


def test_more_pixels_are_asked_for_where_they_are_seen(shown: Any, qtbot: QtBot) -> None:
    files = Files()
    canvas = shown(Canvas())
    canvas.show_picture(context("/a.png", "image", files=files), 8000, 4000)
    assert [asked for _, asked in files.asked] == [768]
    canvas.zoom_by(3)
    qtbot.waitUntil(lambda: len(files.asked) == 2)
    assert files.asked[-1][1] >= 3 * canvas.width()
    canvas.zoom_by(100)
    qtbot.waitUntil(lambda: len(files.asked) == 3)
    assert files.asked[-1][1] == 3072  # and no more: they come through a pipe
    canvas.fit()
    settle()
    assert len(files.asked) == 3


def test_pixels_of_a_picture_that_is_gone_are_not_shown(shown: Any) -> None:
    late = Files(later=True)
    canvas = shown(Canvas())
    canvas.show_picture(context("/old.png", "image", files=late), 80, 40)
    canvas.show_picture(context("/new.png", "image", files=Files(later=True)), 80, 40)
    late.answer()
    assert not canvas.is_loaded


def test_the_same_picture_stays_as_it_is_looked_at(canvas: Canvas) -> None:
    canvas.zoom_by(2)
    canvas.show_picture(context("/a.png", "image"), 4000, 2000)
    assert canvas.zoom == 2
    canvas.show_picture(context("/b.png", "image"), 4000, 2000)
    assert canvas.zoom == 1


def test_a_result_is_drawn_where_the_picture_cannot_be_shown(shown: Any) -> None:
    canvas = shown(Canvas())
    canvas.paint_over = lambda painter, to_screen: painter.fillRect(
        to_screen.mapRect(canvas.seen_rect()), QColor("#ff0000")
    )
    canvas.show_picture(context("/a.png", "image", files=Files(later=True)), 80, 40)
    assert canvas.grab().toImage().pixelColor(canvas.rect().center()) == QColor("#ff0000")


def test_buttons_zoom_and_say_how_large_a_pixel_is(canvas: Canvas, shown: Any, qtbot: QtBot) -> None:
    bar = shown(ZoomBar(canvas))
    assert not bar.out.isEnabled()
    assert bar.figure.text() == f"{100 * canvas.width() / 4000:.0f}%"
    qtbot.mouseClick(bar.into, LEFT)
    assert canvas.zoom == pytest.approx(1.25)
    qtbot.mouseClick(bar.all, LEFT)
    assert canvas.zoom == 1
    assert [button.accessibleName() for button in (bar.out, bar.into, bar.all)] == [
        "Zoom out",
        "Zoom in",
        "Show the whole picture",
    ]
