"""The outline of a sound under mouse and keyboard."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QPaintEvent, QRegion
from pytestqt.qtbot import QtBot

from workbench.gui.widgets.waveform import Waveform

LEFT = Qt.MouseButton.LeftButton


class Painted(QObject):
    """Collects what was painted."""

    def __init__(self, widget: Waveform) -> None:
        super().__init__(widget)
        self.region = QRegion()
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QPaintEvent):
            self.region += event.region()
        return False


@pytest.fixture
def wave(shown) -> Waveform:
    """40 s, getting louder."""
    widget = shown(Waveform())
    widget.resize(410, widget.height())
    loud = np.linspace(0, 1, 800, dtype=np.float32)
    widget.set_outline(40.0, np.stack([-loud, loud], axis=1))
    return widget


def at(wave: Waveform, seconds: float) -> QPoint:
    return QPoint(wave.x_of(seconds), wave.height() // 2)


def test_a_click_goes_there(wave: Waveform, qtbot: QtBot) -> None:
    with qtbot.waitSignal(wave.pointed) as told:
        qtbot.mouseClick(wave, LEFT, pos=at(wave, 10))
    assert told.args == [pytest.approx(10, abs=0.1)]
    assert wave.position_s == pytest.approx(10, abs=0.1)


def test_a_drag_moves_the_playhead_and_tells_once_at_its_end(wave: Waveform, qtbot: QtBot) -> None:
    told: list[float] = []
    wave.pointed.connect(told.append)
    qtbot.mousePress(wave, LEFT, pos=at(wave, 5))
    qtbot.mouseMove(wave, at(wave, 20))
    assert wave.position_s == pytest.approx(20, abs=0.1)
    wave.set_position(6.0)  # the sound goes on meanwhile, and does not pull the playhead away
    assert wave.position_s == pytest.approx(20, abs=0.1)
    assert told == []
    qtbot.mouseMove(wave, QPoint(5000, 10))
    qtbot.mouseRelease(wave, LEFT, pos=QPoint(5000, 10))
    assert told == [40.0]


@pytest.mark.parametrize(
    ("key", "seconds"),
    [(Qt.Key.Key_Left, 5.0), (Qt.Key.Key_Right, 15.0), (Qt.Key.Key_Home, 0.0), (Qt.Key.Key_End, 40.0)],
)
def test_keys_go_elsewhere(wave: Waveform, qtbot: QtBot, key: Qt.Key, seconds: float) -> None:
    wave.set_position(10.0)
    with qtbot.waitSignal(wave.sought) as told:
        qtbot.keyClick(wave, key)
    assert told.args == [seconds]


def test_keys_stay_within_the_sound(wave: Waveform, qtbot: QtBot) -> None:
    told: list[float] = []
    wave.sought.connect(told.append)
    wave.set_position(2.0)
    qtbot.keyClick(wave, Qt.Key.Key_Left)
    wave.set_position(39.0)
    qtbot.keyClick(wave, Qt.Key.Key_Right)
    assert told == [0.0, 40.0]


def test_space_plays(wave: Waveform, qtbot: QtBot) -> None:
    with qtbot.waitSignal(wave.toggled):
        qtbot.keyClick(wave, Qt.Key.Key_Space)


def test_without_an_outline_there_is_nowhere_to_go(shown, qtbot: QtBot) -> None:
    wave = shown(Waveform())
    with qtbot.assertNotEmitted(wave.sought), qtbot.assertNotEmitted(wave.pointed):
        qtbot.mouseClick(wave, LEFT, pos=QPoint(50, 20))
        qtbot.keyClick(wave, Qt.Key.Key_End)
    assert "on its way" in wave.accessibleDescription()


def test_it_says_where_it_is(wave: Waveform) -> None:
    wave.set_position(12.0)
    assert wave.accessibleName() == "Sound"
    assert wave.accessibleDescription().startswith("0:12 of 0:40.")


def test_focus_is_visible(wave: Waveform) -> None:
    wave.clearFocus()
    without = wave.grab().toImage()
    wave.setFocus()
    assert wave.grab().toImage() != without


def test_only_what_changes_is_painted(wave: Waveform, qtbot: QtBot) -> None:
    wave.set_position(20.0)
    wave.repaint()
    painted = Painted(wave)
    wave.set_position(20.5)
    qtbot.waitUntil(lambda: not painted.region.isEmpty())
    rect = painted.region.boundingRect()
    assert rect.width() < 30
    assert rect.contains(at(wave, 20.5))


def test_a_move_within_a_pixel_paints_nothing(wave: Waveform, qtbot: QtBot) -> None:
    wave.set_position(20.0)
    wave.repaint()
    painted = Painted(wave)
    wave.set_position(20.001)
    wave.update(0, 0, 1, 1)  # to be painted in any case, and with it what else there was
    qtbot.waitUntil(lambda: not painted.region.isEmpty())
    assert painted.region.boundingRect().right() == 0


def test_what_was_played_is_in_the_accent(wave: Waveform) -> None:
    wave.clearFocus()
    before = wave.grab().toImage()
    wave.set_position(30.0)
    after = wave.grab().toImage()
    ratio = wave.devicePixelRatioF()
    middle = int(wave.height() / 2 * ratio)
    changed = [
        x for x in range(wave.width()) if before.pixel(int(x * ratio), middle) != after.pixel(int(x * ratio), middle)
    ]
    assert max(changed) <= wave.x_of(30.0) + 2
    assert len(changed) > wave.x_of(30.0) // 3


def test_the_segment_under_the_mouse_stands_out(wave: Waveform, qtbot: QtBot) -> None:
    wave.set_segments([(0.0, 10.0), (10.0, 25.0)])
    qtbot.mouseMove(wave, at(wave, 15))
    assert wave.hovered == 1
    qtbot.mouseMove(wave, at(wave, 30))
    assert wave.hovered is None


def test_silence_and_broken_samples_are_drawn(wave: Waveform) -> None:
    for peaks in (np.zeros((100, 2)), np.full((3, 2), np.nan), np.zeros((0, 2)), np.full((5, 2), np.inf)):
        wave.set_outline(1.0, peaks.astype(np.float32))
        wave.grab()
