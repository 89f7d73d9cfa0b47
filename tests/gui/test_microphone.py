"""The microphone button with an injected microphone: hold, tap, keyboard, unplugged, none at all."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.audio.fake_device import fake_command
from tests.gui.conftest import Open
from workbench.api import Workbench
from workbench.audio.host import AudioHost, Recording
from workbench.gui.core import Core
from workbench.gui.main_window import MainWindow
from workbench.resources import assets_dir
from workbench.settings import Settings

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Speech as the fake microphone hears it."""
    return next((assets_dir() / "samples" / "speech").glob("*.flac"))


def with_microphone(open_window: Open, qtbot: QtBot, command: list[str]) -> MainWindow:
    """A window whose core has this command as its audio process, and a speech model as far as the button can tell."""

    def make(settings: Settings) -> Core:
        return Core(settings, lambda settings: Workbench(settings, audio=AudioHost(command)))

    window = open_window(make)
    microphone = window.microphone
    qtbot.waitUntil(lambda: microphone.devices is not None or microphone.problem is not None, timeout=20_000)
    window.run_page.input.microphone.set_speech_model(True)
    return window


def recorded(window: MainWindow) -> list[Recording]:
    """What is recorded from now on."""
    found: list[Recording] = []
    window.microphone.recorded.disconnect(window.router.take_recording)
    window.microphone.recorded.connect(found.append)
    return found


def seconds_of(path: Path | None) -> float:
    assert path is not None
    with wave.open(str(path)) as file:
        return file.getnframes() / file.getframerate()


def test_hold_to_speak(open_window: Open, qtbot: QtBot, speech: Path) -> None:
    window = with_microphone(open_window, qtbot, fake_command(speech))
    found, bar, levels = recorded(window), window.run_page.input.microphone, []
    window.microphone.level.connect(lambda seconds, peak: levels.append((seconds, peak)))
    qtbot.mousePress(bar.button, LEFT)
    qtbot.waitUntil(lambda: bool(levels) and levels[-1][0] > 0.6, timeout=20_000)
    assert bar.button.text() == "Stop"
    assert bar.meter.isVisibleTo(bar)
    qtbot.mouseRelease(bar.button, LEFT)
    qtbot.waitUntil(lambda: len(found) == 1, timeout=10_000)
    assert not window.microphone.recording
    assert bar.button.text() == "Speak"
    assert found[0].interrupted is None
    assert seconds_of(found[0].path) == pytest.approx(found[0].duration_s, abs=0.01)
    assert max(peak for _, peak in levels) > 0.01


def test_tap_begins_and_tap_ends(open_window: Open, qtbot: QtBot, speech: Path) -> None:
    window = with_microphone(open_window, qtbot, fake_command(speech))
    found, bar, levels = recorded(window), window.run_page.input.microphone, []
    window.microphone.level.connect(lambda seconds, peak: levels.append(seconds))
    qtbot.mouseClick(bar.button, LEFT)
    qtbot.waitUntil(lambda: bool(levels) and levels[-1] > 0.3, timeout=20_000)
    assert window.microphone.recording
    qtbot.mouseClick(bar.button, LEFT)
    qtbot.waitUntil(lambda: len(found) == 1, timeout=10_000)
    assert found[0].duration_s > 0.3


def test_the_space_bar_holds_too_and_repeats_of_the_key_do_nothing(
    open_window: Open, qtbot: QtBot, speech: Path
) -> None:
    window = with_microphone(open_window, qtbot, fake_command(speech))
    found, bar, levels = recorded(window), window.run_page.input.microphone, []
    window.microphone.level.connect(lambda seconds, peak: levels.append(seconds))
    bar.button.setFocus()
    qtbot.keyPress(bar.button, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: bool(levels) and levels[-1] > 0.6, timeout=20_000)
    qtbot.keyRelease(bar.button, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: len(found) == 1, timeout=10_000)


def test_an_unplugged_microphone_loses_nothing(open_window: Open, qtbot: QtBot, speech: Path) -> None:
    window = with_microphone(open_window, qtbot, fake_command(speech, unplug_after=0.8))
    bar = window.run_page.input.microphone
    qtbot.mouseClick(bar.button, LEFT)
    qtbot.waitUntil(lambda: window.banner.isVisible(), timeout=20_000)
    assert "What was recorded before is kept." in window.banner.text
    (kept,) = (Path(window.recordings_folder())).glob("*.wav")
    assert seconds_of(kept) > 0.4


def test_the_file_survives_the_recorder(open_window: Open, qtbot: QtBot, speech: Path) -> None:
    import psutil

    window = with_microphone(open_window, qtbot, fake_command(speech))
    found, bar, levels = recorded(window), window.run_page.input.microphone, []
    window.microphone.level.connect(lambda seconds, peak: levels.append(seconds))
    qtbot.mouseClick(bar.button, LEFT)
    qtbot.waitUntil(lambda: bool(levels) and levels[-1] > 0.8, timeout=20_000)
    recorder = next(child for child in psutil.Process().children() if "fake_device" in " ".join(child.cmdline()))
    recorder.kill()
    qtbot.waitUntil(lambda: len(found) == 1, timeout=10_000)
    assert found[0].interrupted is not None
    assert seconds_of(found[0].path) > 0.4


def test_without_a_microphone_the_button_says_why(open_window: Open, qtbot: QtBot, speech: Path) -> None:
    window = with_microphone(open_window, qtbot, fake_command(speech, no_microphone=True))
    bar, banner = window.run_page.input.microphone, window.run_page.input.banner
    qtbot.mouseClick(bar.button, LEFT)
    assert not window.microphone.recording
    assert "No microphone was found" in banner.text
    assert "No microphone was found" in bar.button.accessibleDescription()


def test_without_portaudio_the_button_says_what_to_install(open_window: Open, qtbot: QtBot, speech: Path) -> None:
    window = with_microphone(open_window, qtbot, fake_command(speech, no_library=True))
    qtbot.mouseClick(window.run_page.input.microphone.button, LEFT)
    assert "libportaudio2" in window.run_page.input.banner.text


def test_without_a_speech_model_the_button_says_so(open_window: Open, qtbot: QtBot, speech: Path) -> None:
    window = with_microphone(open_window, qtbot, fake_command(speech))
    window.library.changed.emit()
    qtbot.mouseClick(window.run_page.input.microphone.button, LEFT)
    assert not window.microphone.recording
    assert "No speech model is ready" in window.run_page.input.banner.text


def test_another_microphone_can_be_chosen_and_is_remembered(open_window: Open, qtbot: QtBot, speech: Path) -> None:
    window = with_microphone(open_window, qtbot, fake_command(speech))
    microphone = window.microphone
    assert microphone.devices is not None
    assert microphone.chosen is not None
    other = next(device for device in microphone.devices.inputs if device != microphone.chosen)
    microphone.choose(other.id)
    assert microphone.chosen == other
    qtbot.waitUntil(lambda: Settings.load().microphone == other.id, timeout=5_000)


def test_the_meter_shows_the_level_without_recording(open_window: Open, qtbot: QtBot, speech: Path) -> None:
    window = with_microphone(open_window, qtbot, fake_command(speech))
    bar = window.run_page.input.microphone
    window.microphone.listen(True)
    qtbot.waitUntil(lambda: bar.meter.share > 0.1, timeout=20_000)
    window.microphone.listen(False)
    assert list(Path(window.recordings_folder()).glob("*")) == []
