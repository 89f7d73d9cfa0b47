"""A transcript that is played."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from tests.gui.views.fakes import Files, Sounds, context
from workbench.gui.views.transcript import TranscriptView
from workbench.results import Segment, Transcript

SEGMENTS = (Segment(" It was the best", 0.0, 5.0), Segment(" of <b>times</b>.", 5.0, 12.0), Segment(" And", 12.0, None))
RESULT = Transcript(" It was the best of times. And", SEGMENTS, "en")
PATH = "/some/a.wav"


@pytest.fixture
def sounds() -> Sounds:
    return Sounds()


@pytest.fixture
def view(shown, sounds: Sounds) -> TranscriptView:
    made = shown(TranscriptView())
    made.show_result(RESULT, context(PATH, "audio", sounds=sounds))
    return made


def time_of(view: TranscriptView, number: int) -> QPoint:
    """The middle of a segment's time, in the viewport."""
    block = view.segments.document().findBlockByNumber(number)
    cursor = view.segments.textCursor()
    cursor.setPosition(block.position() + 2)
    return view.segments.cursorRect(cursor).center()


def highlighted(view: TranscriptView) -> list[int]:
    return [number for number in range(len(SEGMENTS)) if view.segments.grounds_of(number)]


def test_a_line_a_segment(view: TranscriptView) -> None:
    assert view.segments.toPlainText().splitlines() == ["0:00\tIt was the best", "0:05\tof <b>times</b>.", "0:12\tAnd"]
    assert view.text().splitlines()[1:] == ["[0:05 → 0:12] of <b>times</b>.", "[0:12 → …] And"]


def test_a_click_on_a_time_plays_from_there(view: TranscriptView, sounds: Sounds, qtbot: QtBot) -> None:
    qtbot.mouseClick(view.segments.viewport(), Qt.MouseButton.LeftButton, pos=time_of(view, 1))
    assert sounds.starts == [(PATH, 5.0)]
    assert view.player.button.accessibleName() == "Pause"
    assert view.player.clock.text() == "0:05 / 0:40"


def test_a_click_into_the_outline_plays_from_there(view: TranscriptView, sounds: Sounds, qtbot: QtBot) -> None:
    place = QPoint(view.waveform.x_of(12.0), view.waveform.height() // 2)
    qtbot.mouseClick(view.waveform, Qt.MouseButton.LeftButton, pos=place)
    assert sounds.starts == [(PATH, pytest.approx(12.0, abs=0.2))]


def test_a_click_on_the_words_plays_nothing(view: TranscriptView, sounds: Sounds, qtbot: QtBot) -> None:
    qtbot.mouseClick(view.segments.viewport(), Qt.MouseButton.LeftButton, pos=time_of(view, 1) + QPoint(80, 0))
    assert sounds.starts == []


def test_enter_plays_from_the_line_of_the_caret(view: TranscriptView, sounds: Sounds, qtbot: QtBot) -> None:
    view.segments.setFocus()
    qtbot.keyClick(view.segments, Qt.Key.Key_Down)
    qtbot.keyClick(view.segments, Qt.Key.Key_Down)
    qtbot.keyClick(view.segments, Qt.Key.Key_Return)
    assert sounds.starts == [(PATH, 12.0)]


def test_what_is_heard_stands_out(view: TranscriptView, sounds: Sounds, qtbot: QtBot) -> None:
    qtbot.mouseClick(view.player.button, Qt.MouseButton.LeftButton)
    assert highlighted(view) == [0]
    sounds.moved.emit(PATH, 6.0)
    assert highlighted(view) == [1]
    assert view.player.clock.text() == "0:06 / 0:40"
    sounds.moved.emit(PATH, 39.0)
    assert highlighted(view) == [2]  # it has no end, so it lasts until that of the sound
    sounds.moved.emit("/some/other.wav", 1.0)
    assert highlighted(view) == [2]
    sounds.stop()
    assert highlighted(view) == []
    assert view.player.button.accessibleName() == "Play"


def test_pause_keeps_the_place_and_play_goes_on(view: TranscriptView, sounds: Sounds, qtbot: QtBot) -> None:
    qtbot.mouseClick(view.player.button, Qt.MouseButton.LeftButton)
    sounds.moved.emit(PATH, 6.5)
    qtbot.mouseClick(view.player.button, Qt.MouseButton.LeftButton)
    assert sounds.playing is None
    qtbot.keyClick(view.waveform, Qt.Key.Key_Space)
    assert sounds.starts == [(PATH, 0.0), (PATH, 6.5)]


def test_at_its_end_a_sound_is_at_its_beginning_again(view: TranscriptView, sounds: Sounds, qtbot: QtBot) -> None:
    qtbot.mouseClick(view.player.button, Qt.MouseButton.LeftButton)
    sounds.moved.emit(PATH, 39.9)
    sounds.stop()
    assert view.waveform.position_s == 0.0
    assert view.player.clock.text() == "0:00 / 0:40"


def test_moving_the_playhead_plays_only_what_plays_already(view: TranscriptView, sounds: Sounds, qtbot: QtBot) -> None:
    qtbot.keyClick(view.waveform, Qt.Key.Key_Right)
    assert sounds.starts == []
    assert view.player.clock.text() == "0:05 / 0:40"
    qtbot.keyClick(view.waveform, Qt.Key.Key_Space)
    qtbot.keyClick(view.waveform, Qt.Key.Key_Right)
    assert sounds.starts == [(PATH, 5.0), (PATH, 10.0)]
    assert view.waveform.position_s == 10.0


def test_what_plays_comes_into_sight(shown, sounds: Sounds) -> None:
    view = shown(TranscriptView())
    many = tuple(Segment(f"Line {n} of many.", float(n), n + 1.0) for n in range(400))
    view.show_result(Transcript("", many), context(PATH, "audio", sounds=sounds, files=Files(duration_s=400)))
    sounds.play(PATH, 0.0)
    sounds.moved.emit(PATH, 300.5)
    assert view.segments.viewport().rect().contains(time_of(view, 300))
    sounds.moved.emit(PATH, 2.5)
    assert view.segments.viewport().rect().contains(time_of(view, 2))


def test_another_sound_stops_the_one_before(view: TranscriptView, sounds: Sounds) -> None:
    view.player.toggle()
    view.show_result(RESULT, context(PATH, "audio", sounds=sounds))
    assert sounds.playing == PATH  # a result that grows disturbs nothing
    view.show_result(RESULT, context("/some/b.wav", "audio", sounds=sounds))
    assert sounds.playing is None
    assert view.waveform.position_s == 0.0


def test_a_view_that_is_hidden_is_silent(view: TranscriptView, sounds: Sounds) -> None:
    view.player.toggle()
    view.hide()
    assert sounds.playing is None


def test_an_outline_that_comes_late_is_not_that_of_another_sound(shown, sounds: Sounds) -> None:
    late = Files(later=True, duration_s=7.0)
    view = shown(TranscriptView())
    view.show_result(RESULT, context(PATH, "audio", files=late, sounds=sounds))
    assert view.player.clock.text() == "0:00 / …"
    view.show_result(RESULT, context("/some/b.wav", "audio", sounds=sounds))
    late.answer()
    assert view.waveform.duration_s == 40.0


def test_other_sounds_are_listened_to_instead(view: TranscriptView, sounds: Sounds) -> None:
    other = Sounds()
    view.show_result(RESULT, context(PATH, "audio", sounds=other))
    sounds.moved.emit(PATH, 9.0)
    assert view.waveform.position_s == 0.0
    other.moved.emit(PATH, 9.0)
    assert view.waveform.position_s == 9.0


def test_text_is_copied_as_it_reads(view: TranscriptView, qtbot: QtBot) -> None:
    view.segments.setFocus()
    qtbot.keyClick(view.segments, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(view.segments, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text().splitlines()[1] == "0:05\tof <b>times</b>."


def test_without_segments_there_is_plain_text(view: TranscriptView, sounds: Sounds, qtbot: QtBot) -> None:
    view.show_result(Transcript(" Just text. ", ()), context(PATH, "audio", sounds=sounds))
    assert view.segments.toPlainText() == "Just text."
    assert view.text() == "Just text."
    qtbot.keyClick(view.segments, Qt.Key.Key_Return)
    assert sounds.starts == []


def test_what_grows_keeps_what_was_chosen_in_it(view: TranscriptView, sounds: Sounds) -> None:
    cursor = view.segments.textCursor()
    cursor.setPosition(5)
    cursor.setPosition(11, cursor.MoveMode.KeepAnchor)
    view.segments.setTextCursor(cursor)
    more = Transcript("", (*SEGMENTS, Segment("on it went", 20.0, 22.0)), "en")
    view.show_result(more, context(PATH, "audio", sounds=sounds))
    assert view.segments.textCursor().selectedText() == "It was"
    assert view.segments.toPlainText().endswith("0:20\ton it went")
