"""Through the real PortAudio: what was spoken is in the recording, and what was played was heard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.audio.conftest import RATE_HZ, Running, Watch
from tests.audio.virtual_device import VirtualDevice, missing
from workbench.audio.host import AudioHost, Block
from workbench.cancellation import Cancellation
from workbench.errors import Cancelled
from workbench.resources import assets_dir
from workbench.runtime.sound import load_audio, read_stretch
from workbench.wire import Buffer

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing() or "all is there")]

SPEECH = assets_dir() / "samples/speech/best-of-times.flac"
STEP_S = 0.5


@pytest.fixture
def device() -> Iterator[VirtualDevice]:
    with VirtualDevice() as device:
        yield device


@pytest.fixture
def host(device: VirtualDevice, monkeypatch: pytest.MonkeyPatch) -> Iterator[AudioHost]:
    for name, value in device.environment.items():
        monkeypatch.setenv(name, value)
    host = AudioHost()
    yield host
    host.close()


def speech_blocks() -> Iterator[Block]:
    at_s = 0.0
    while len((stretch := read_stretch(SPEECH, at_s, STEP_S)).samples):
        yield Block(Buffer.of(stretch.samples), stretch.rate_hz, at_s)
        at_s += STEP_S


def likeness(got: Any) -> tuple[float, float]:
    """The cosine to the speech where it fits best, and how many seconds after the beginning that is."""
    wanted = load_audio(SPEECH, RATE_HZ).samples
    size = len(got) + len(wanted)
    scores = np.fft.irfft(np.fft.rfft(got, size) * np.conj(np.fft.rfft(wanted, size)), size)[: len(got)]
    late = int(np.argmax(scores))
    part = got[late : late + len(wanted)]
    cosine = float(part @ wanted[: len(part)] / np.linalg.norm(part) / np.linalg.norm(wanted))
    return cosine, late / RATE_HZ


def test_the_default_devices_are_found(host: AudioHost) -> None:
    devices = host.devices()
    assert [device.id for device in devices.inputs if device.default] == ["ALSA/default"]
    assert [device.id for device in devices.outputs if device.default] == ["ALSA/default"]


def test_what_was_spoken_is_in_the_recording(host: AudioHost, device: VirtualDevice, tmp_path: Path) -> None:
    running = Running(host, tmp_path / "kept.wav")
    running.levels.wait_for_second(0.2)
    device.speak(SPEECH)
    running.levels.wait_for_second(running.levels.seen[-1][0] + 0.3)
    running.stop.cancel()
    recording = running.result()
    assert recording.interrupted is None
    sound = load_audio(tmp_path / "kept.wav", RATE_HZ)
    assert sound.duration_s == pytest.approx(recording.duration_s)
    cosine, late_s = likeness(sound.samples)
    assert cosine > 0.9
    assert late_s > 0.1
    peaks = [peak for _, peak in running.levels.seen]
    assert max(peaks) == pytest.approx(np.abs(load_audio(SPEECH, RATE_HZ).samples).max(), abs=0.02)
    assert peaks[1] < 0.01


def test_what_is_played_is_heard(host: AudioHost, device: VirtualDevice, tmp_path: Path) -> None:
    watch = Watch()
    with device.hearing(tmp_path / "heard.wav"):
        host.play(speech_blocks(), on_position=watch)
    cosine, _ = likeness(load_audio(tmp_path / "heard.wav", RATE_HZ).samples)
    assert cosine > 0.9
    assert 4.4 < watch.seen[-1][0] <= 4.72


def test_a_cancel_silences_the_loudspeaker(host: AudioHost, device: VirtualDevice, tmp_path: Path) -> None:
    watch, cancellation = Watch(), Cancellation()

    def on_position(at_s: float) -> None:
        watch(at_s)
        if at_s > 2.0:
            cancellation.cancel()

    with device.hearing(tmp_path / "heard.wav"):
        with pytest.raises(Cancelled):
            host.play(speech_blocks(), on_position=on_position, cancellation=cancellation)
        device.speak(SPEECH)  # meanwhile the loudspeaker is silent
    heard = load_audio(tmp_path / "heard.wav", RATE_HZ).samples
    sounding = np.flatnonzero(np.abs(heard) > 0.005)
    assert len(heard) > 4 * RATE_HZ
    assert 1.2 * RATE_HZ < sounding[-1] - sounding[0] < 2.0 * RATE_HZ  # the first half second of it is quiet


def test_a_device_that_goes_away_ends_the_recording(host: AudioHost, device: VirtualDevice, tmp_path: Path) -> None:
    running = Running(host, tmp_path / "kept.wav")
    running.levels.wait_for_second(0.5)
    device.end()
    recording = running.result()
    assert recording.interrupted
    assert recording.interrupted.code == "audio-device-gone"
    assert load_audio(tmp_path / "kept.wav", RATE_HZ).duration_s == pytest.approx(recording.duration_s)
