"""Sound that a model made: put into a file when it is to be heard, played from where it is clicked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from tests.gui.views.fakes import Files, Sounds, context
from workbench.gui.views.audio import AudioView
from workbench.results import Audio

LEFT = Qt.MouseButton.LeftButton
SOUND = Audio(np.sin(np.arange(16_000, dtype=np.float32) / 9), 8000)


@pytest.fixture
def sounds() -> Sounds:
    return Sounds()


def shown_with(shown: Any, sounds: Sounds, files: Files | None = None, sound: Audio = SOUND) -> AudioView:
    view: AudioView = shown(AudioView())
    view.show_result(sound, context("Hello.", files=files, sounds=sounds))
    return view


def test_the_outline_and_the_figures_are_there_at_once(shown: Any, sounds: Sounds) -> None:
    files = Files(later=True)
    view = shown_with(shown, sounds, files)
    assert view.player.waveform.duration_s == 2
    assert view.player.clock.text() == "0:00 / 0:02"
    assert view.note.text() == "2.0 seconds at 8,000 Hz"
    assert files.kept == []  # nothing is written that nobody wants to hear


def test_it_plays_from_where_it_is_clicked_and_stops(shown: Any, sounds: Sounds, qtbot: QtBot) -> None:
    files = Files()
    view = shown_with(shown, sounds, files)
    waveform = view.player.waveform
    qtbot.mouseClick(waveform, LEFT, pos=QPoint(waveform.width() // 2, 20))
    assert len(files.kept) == 1
    assert sounds.playing == "/kept/1.wav"
    assert sounds.starts[-1][1] == pytest.approx(1, abs=0.02)
    assert view.player.button.accessibleName() == "Pause"
    sounds.moved.emit("/kept/1.wav", 1.5)
    assert view.player.clock.text() == "0:01 / 0:02"
    qtbot.mouseClick(view.player.button, LEFT)
    assert sounds.playing is None
    qtbot.keyClick(waveform, Qt.Key.Key_Space)
    assert sounds.playing == "/kept/1.wav"
    assert len(files.kept) == 1


def test_at_its_end_it_begins_anew(shown: Any, sounds: Sounds, qtbot: QtBot) -> None:
    view = shown_with(shown, sounds)
    qtbot.mouseClick(view.player.button, LEFT)
    sounds.moved.emit("/kept/1.wav", 1.9)
    sounds.stop()
    assert view.player.waveform.position_s == 0


def test_a_file_that_comes_late_is_not_played_for_another_sound(shown: Any, sounds: Sounds, qtbot: QtBot) -> None:
    files = Files(later=True)
    view = shown_with(shown, sounds, files)
    qtbot.mouseClick(view.player.button, LEFT)
    view.show_result(Audio(SOUND.samples[:8000], 8000), context("Bye.", files=Files(), sounds=sounds))
    files.answer()
    assert sounds.playing is None
    assert view.player.waveform.duration_s == 1


def test_a_view_that_goes_falls_silent(shown: Any, sounds: Sounds, qtbot: QtBot) -> None:
    view = shown_with(shown, sounds)
    qtbot.mouseClick(view.player.button, LEFT)
    assert sounds.playing
    view.hide()
    assert sounds.playing is None


def test_no_sound_is_said(shown: Any, sounds: Sounds) -> None:
    view = shown_with(shown, sounds, sound=Audio(np.zeros(0, np.float32), 8000))
    assert not view.player.isVisible()
    assert view._none.isVisible()
