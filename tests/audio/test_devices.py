"""The list of devices, and the life of the process that makes it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.audio.conftest import Running
from tests.audio.fake_device import fake_command
from workbench.audio import host as host_module
from workbench.audio.host import AudioHost, Device, Devices
from workbench.errors import AudioError, Cancelled

MakeHost = Callable[..., AudioHost]
HUNG_S = 0.3


def test_devices_are_listed(make_host: MakeHost, noise_wav: Path) -> None:
    assert make_host(noise_wav).devices() == Devices(
        inputs=(
            Device("Fake/Test microphone", "Test microphone", True, 16_000, 1),
            Device("Fake/Second microphone", "Second microphone", False, 16_000, 1),
        ),
        outputs=(Device("Fake/Speaker", "Speaker", True, 48_000, 2),),
    )


def test_no_devices_are_no_error(make_host: MakeHost) -> None:
    assert make_host(no_microphone=True, no_loudspeaker=True).devices() == Devices()


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        ({"no_library": True}, "audio-no-library", "apt install libportaudio2"),
        ({"no_sounddevice": True}, "audio-no-sounddevice", r"\[gui\]"),
    ],
)
def test_a_missing_library_is_said_each_time(
    make_host: MakeHost, options: dict[str, Any], code: str, text: str
) -> None:
    host = make_host(**options)
    for _ in range(2):
        with pytest.raises(AudioError, match=text) as caught:
            host.devices()
        assert caught.value.code == code


def test_a_refresh_starts_the_process_again(make_host: MakeHost) -> None:
    host = make_host()
    first = host.devices()
    pid = host.pid
    assert host.devices() == first
    assert host.pid == pid
    assert host.devices(refresh=True) == first
    assert host.pid != pid


def test_a_refresh_ends_no_recording(make_host: MakeHost, noise_wav: Path, tmp_path: Path) -> None:
    host = make_host(noise_wav)
    running = Running(host, tmp_path / "kept.wav")
    running.levels.wait_for_second(0.1)
    pid = host.pid
    assert host.devices(refresh=True).inputs
    assert host.pid == pid
    running.stop.cancel()
    assert running.result().interrupted is None
    host.devices()
    assert host.pid != pid  # as soon as it could be


def test_a_sound_system_that_hangs(make_host: MakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "DEVICES_TIMEOUT_S", HUNG_S)
    host = make_host(hang="devices")
    host.start()
    pid = host.pid
    with pytest.raises(AudioError) as caught:
        host.devices()
    assert caught.value.code == "audio-not-responding"
    assert pid
    assert not psutil.pid_exists(pid)
    host.start()
    assert host.pid != pid


def test_a_list_that_hangs_costs_no_recording(
    make_host: MakeHost, noise_wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_module, "DEVICES_TIMEOUT_S", HUNG_S)
    host = make_host(noise_wav, hang="devices")
    running = Running(host, tmp_path / "kept.wav")
    running.levels.wait_for_second(0.1)
    pid = host.pid
    with pytest.raises(AudioError):
        host.devices()
    seconds = running.levels.seen[-1][0]
    running.levels.wait_for_second(seconds + 0.2)
    running.stop.cancel()
    assert running.result().interrupted is None
    assert pid
    assert not psutil.pid_exists(pid)  # it was not fit for more


def test_a_process_that_died_is_started_again(make_host: MakeHost) -> None:
    host = make_host()
    host.start()
    assert host.pid
    process = psutil.Process(host.pid)
    process.kill()
    process.wait()
    assert host.devices().outputs
    assert host.pid != process.pid


def test_a_process_that_does_not_start() -> None:
    host = AudioHost([sys.executable, "-c", "import sys; sys.exit('no such thing')"])
    with pytest.raises(AudioError, match="no such thing") as caught:
        host.devices()
    assert caught.value.code == "audio-not-started"
    host.close()


def test_nothing_is_done_after_it_was_closed(make_host: MakeHost, tmp_path: Path) -> None:
    host = make_host()
    host.start()
    host.close()
    host.close()
    assert host.pid is None
    for call in (
        host.start,
        host.devices,
        lambda: Running(host, tmp_path / "kept.wav").result(),
        lambda: host.play([]),
    ):
        with pytest.raises(Cancelled):
            call()
    assert not (tmp_path / "kept.wav").exists()


def test_closing_ends_what_is_waited_for(make_host: MakeHost, tmp_path: Path) -> None:
    lines: list[str] = []
    host = AudioHost(fake_command(hang="record"), on_log=lines.append)
    host.start()
    running = Running(host, None)
    while not any("hanging" in line for line in lines):
        assert host.pid
    host.close()
    with pytest.raises(Cancelled):
        running.result()
