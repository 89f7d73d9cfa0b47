"""Recordings through the audio process, with a fake microphone: what is kept, whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile

from tests.audio.conftest import RATE_HZ, Running
from tests.audio.fake_device import ROOT, fake_command
from workbench.audio import host as host_module
from workbench.audio.host import AudioHost, Recording
from workbench.children import Child
from workbench.errors import AudioError, Cancelled
from workbench.runtime.sound import load_audio

MakeHost = Callable[..., AudioHost]


def samples_of(path: Path) -> Any:
    """What is in the file; that the engine can read it is part of every test."""
    load_audio(path, RATE_HZ)
    return soundfile.read(path, dtype="int16")[0]


def assert_prefix(path: Path, noise: Any, at_least_s: float) -> None:
    """The file holds what the microphone heard from the beginning on."""
    got = samples_of(path)
    assert len(got) >= round(at_least_s * RATE_HZ)
    np.testing.assert_array_equal(got, noise[: len(got)])


class TestWhatIsRecorded:
    def test_the_file_holds_what_the_microphone_heard(
        self, make_host: MakeHost, noise_wav: Path, noise: Any, tmp_path: Path
    ) -> None:
        running = Running(make_host(noise_wav, speed=10), tmp_path / "kept.wav")
        running.levels.wait_for_second(2.0)
        running.stop.cancel()
        recording = running.result()
        assert recording == Recording(tmp_path / "kept.wav", recording.duration_s, RATE_HZ, None)
        assert len(samples_of(tmp_path / "kept.wav")) == round(recording.duration_s * RATE_HZ)
        assert_prefix(tmp_path / "kept.wav", noise, 2.0)

    def test_channels_are_mixed(self, make_host: MakeHost, tmp_path: Path) -> None:
        stereo = np.tile(np.array([[1000, 3000], [-500, -1500]], np.int16), (RATE_HZ, 1))
        soundfile.write(tmp_path / "stereo.wav", stereo, RATE_HZ)
        running = Running(make_host(tmp_path / "stereo.wav", speed=10), tmp_path / "kept.wav")
        running.levels.wait_for_second(0.5)
        running.stop.cancel()
        running.result()
        got = samples_of(tmp_path / "kept.wav")
        np.testing.assert_array_equal(got, np.resize(np.array([2000, -1000], np.int16), len(got)))

    def test_levels_tell_how_loud_it_is(self, make_host: MakeHost, tmp_path: Path) -> None:
        steps = np.repeat(np.array([0, -16_384, 8192], np.int16), RATE_HZ)
        soundfile.write(tmp_path / "steps.wav", steps, RATE_HZ)
        running = Running(make_host(tmp_path / "steps.wav", speed=5), None)
        running.levels.wait_for_second(2.9)
        running.stop.cancel()
        assert running.result().path is None
        assert [path.name for path in tmp_path.glob("*.wav")] == ["steps.wav"]
        levels = running.levels.seen
        assert [peak for at, peak in levels if at < 0.9] == [0.0] * sum(at < 0.9 for at, _ in levels)
        assert {peak for at, peak in levels if 1.5 < at < 1.9} == {0.5}
        assert {peak for at, peak in levels if 2.5 < at < 2.9} == {0.25}

    def test_levels_come_about_twenty_times_a_second(self, make_host: MakeHost, noise_wav: Path) -> None:
        running = Running(make_host(noise_wav), None)
        running.levels.wait_for_second(1.0)
        running.stop.cancel()
        running.result()
        times = [at for at, _ in running.levels.seen]
        assert times == sorted(times)
        assert 10 <= sum(at <= 1.0 for at in times) <= 22

    def test_a_device_is_chosen_by_its_id(self, make_host: MakeHost, noise_wav: Path) -> None:
        running = Running(make_host(noise_wav, unplug_after=0.1, speed=10), None, device="Fake/Second microphone")
        interrupted = running.result().interrupted
        assert interrupted
        assert interrupted.arguments["device"] == "Second microphone"


class TestHowItEnds:
    def test_a_cancel_is_no_result_but_the_file_stays(
        self, make_host: MakeHost, noise_wav: Path, noise: Any, tmp_path: Path
    ) -> None:
        host = make_host(noise_wav, speed=10)
        running = Running(host, tmp_path / "kept.wav")
        running.levels.wait_for_second(1.0)
        pid = host.pid
        running.cancellation.cancel()
        with pytest.raises(Cancelled):
            running.result()
        assert_prefix(tmp_path / "kept.wav", noise, 1.0)
        host.devices()
        assert host.pid == pid

    def test_a_stop_before_it_began_is_a_short_recording(
        self, make_host: MakeHost, noise_wav: Path, tmp_path: Path
    ) -> None:
        running = Running(make_host(noise_wav), tmp_path / "kept.wav")
        running.stop.cancel()
        assert running.result().interrupted is None

    @pytest.mark.parametrize("silent", [False, True])
    def test_an_unplugged_device_ends_it(
        self, make_host: MakeHost, noise_wav: Path, noise: Any, tmp_path: Path, silent: bool
    ) -> None:
        host = make_host(noise_wav, speed=10, unplug_after=1.0, silent_unplug=silent)
        recording = Running(host, tmp_path / "kept.wav").result()
        assert recording.duration_s == 1.0
        assert recording.interrupted
        assert recording.interrupted.code == "audio-device-gone"
        assert recording.interrupted.arguments == {"device": "Test microphone", "seconds": 1.0}
        assert_prefix(tmp_path / "kept.wav", noise, 1.0)

    def test_a_device_that_never_delivers_leaves_no_file(
        self, make_host: MakeHost, noise_wav: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(AudioError) as caught:
            Running(make_host(noise_wav, unplug_after=0), tmp_path / "kept.wav").result()
        assert caught.value.code == "audio-device-gone"
        assert not (tmp_path / "kept.wav").exists()

    @pytest.mark.skipif(sys.platform == "win32", reason="the limit is POSIX's")
    def test_a_full_disk_ends_it_and_keeps_what_there_is(
        self, make_host: MakeHost, noise_wav: Path, noise: Any, tmp_path: Path
    ) -> None:
        recording = Running(make_host(noise_wav, speed=10, disk_bytes=50_001), tmp_path / "kept.wav").result()
        assert recording.interrupted
        assert recording.interrupted.code == "recording-not-written"
        assert "kept.wav" in str(recording.interrupted)
        assert recording.duration_s == (50_000 - 44) / 2 / RATE_HZ
        assert (tmp_path / "kept.wav").stat().st_size == 50_000
        assert_prefix(tmp_path / "kept.wav", noise, recording.duration_s)

    @pytest.mark.skipif(sys.platform == "win32", reason="signals have names on POSIX only")
    def test_what_a_killed_process_left_is_kept(
        self, make_host: MakeHost, noise_wav: Path, noise: Any, tmp_path: Path
    ) -> None:
        host = make_host(noise_wav)
        running = Running(host, tmp_path / "kept.wav")
        running.levels.wait_for_second(1.0)
        assert host.pid
        os.kill(host.pid, signal.SIGKILL)
        recording = running.result()
        assert recording.interrupted
        assert recording.interrupted.code == "audio-stopped"
        assert recording.interrupted.arguments == {"how": "SIGKILL"}
        assert recording.duration_s >= 0.7
        assert len(samples_of(tmp_path / "kept.wav")) == round(recording.duration_s * RATE_HZ)
        assert_prefix(tmp_path / "kept.wav", noise, recording.duration_s)
        assert host.devices().inputs

    def test_a_killed_process_that_kept_nothing_is_an_error(self, make_host: MakeHost, noise_wav: Path) -> None:
        host = make_host(noise_wav)
        running = Running(host, None)
        running.levels.wait_for_second(0.1)
        assert host.pid
        psutil.Process(host.pid).kill()
        with pytest.raises(AudioError) as caught:
            running.result()
        assert caught.value.code == "audio-stopped"

    def test_the_file_can_be_read_at_every_moment(
        self, make_host: MakeHost, noise_wav: Path, noise: Any, tmp_path: Path
    ) -> None:
        path, found = tmp_path / "kept.wav", []
        running = Running(make_host(noise_wav, speed=10), path, on_level=lambda at, peak: found.append((at, path)))
        # The recorder's thread goes on meanwhile: what is read is what a killed process would leave.
        copies = []
        while not found or found[-1][0] < 4.0:
            if path.exists() and len(data := path.read_bytes()) > 44:
                copies.append(data)
        running.stop.cancel()
        running.result()
        assert len({len(copy) for copy in copies}) > 20
        for copy in copies[:: max(1, len(copies) // 200)]:
            announced = int.from_bytes(copy[40:44], "little")
            assert 44 + announced <= len(copy)
            (tmp_path / "copy.wav").write_bytes(copy)
            if announced:
                assert_prefix(tmp_path / "copy.wav", noise, announced / 2 / RATE_HZ)

    def test_closing_the_host_finishes_the_file(
        self, make_host: MakeHost, noise_wav: Path, noise: Any, tmp_path: Path
    ) -> None:
        host = make_host(noise_wav, speed=10)
        running = Running(host, tmp_path / "kept.wav")
        running.levels.wait_for_second(1.5)
        last_s = running.levels.seen[-1][0]
        host.close()
        with pytest.raises(Cancelled):
            running.result()
        assert_prefix(tmp_path / "kept.wav", noise, last_s)

    @pytest.mark.skipif(sys.platform == "win32", reason="ends the parent with a signal")
    def test_a_parent_that_is_gone_finishes_the_file_and_the_process(
        self, noise_wav: Path, noise: Any, tmp_path: Path
    ) -> None:
        code = (
            f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
            "from pathlib import Path\n"
            "from workbench.audio.host import AudioHost\n"
            "from workbench.cancellation import Cancellation\n"
            f"host = AudioHost({fake_command(noise_wav, speed=10)!r})\n"
            "host.start()\n"
            f"host.record(Path({str(tmp_path / 'kept.wav')!r}), stop=Cancellation(),\n"
            "    on_level=lambda at, peak: print(host.pid, at, flush=True))\n"
        )
        parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert parent.stdout
        with parent.stdout as lines:
            pid, last_s = next((pid, float(at)) for pid, at in map(str.split, lines) if float(at) >= 1.0)
            audio = psutil.Process(int(pid))
            parent.kill()
            parent.wait()
        audio.wait(10)
        assert_prefix(tmp_path / "kept.wav", noise, last_s)


class TestWhatCannotBegin:
    @pytest.mark.parametrize(
        ("options", "device", "code"),
        [
            ({"no_microphone": True}, None, "audio-no-microphone"),
            ({}, "Fake/No such thing", "audio-device-unknown"),
            ({"busy": True}, None, "audio-not-opened"),
            ({"no_library": True}, None, "audio-no-library"),
            ({"no_sounddevice": True}, None, "audio-no-sounddevice"),
        ],
    )
    def test_no_device(
        self, make_host: MakeHost, tmp_path: Path, options: dict[str, Any], device: str | None, code: str
    ) -> None:
        with pytest.raises(AudioError) as caught:
            Running(make_host(**options), tmp_path / "kept.wav", device=device).result()
        assert caught.value.code == code
        assert not (tmp_path / "kept.wav").exists()

    def test_no_folder(self, make_host: MakeHost, tmp_path: Path) -> None:
        running = Running(make_host(), tmp_path / "none" / "kept.wav")
        with pytest.raises(AudioError, match=r"kept\.wav cannot be written") as caught:
            running.result()
        assert caught.value.code == "recording-not-written"
        assert running.levels.seen == []

    def test_a_device_that_hangs(self, make_host: MakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(host_module, "BEGIN_TIMEOUT_S", 0.5)
        host = make_host(hang="record")
        host.start()
        pid = host.pid
        with pytest.raises(AudioError) as caught:
            Running(host, tmp_path / "kept.wav").result()
        assert caught.value.code == "audio-not-responding"
        assert not (tmp_path / "kept.wav").exists()
        assert pid
        assert not psutil.pid_exists(pid)
        assert host.devices().inputs

    def test_a_cancel_does_not_wait_for_a_device_that_hangs(self, make_host: MakeHost, tmp_path: Path) -> None:
        host = make_host(hang="record")
        host.start()
        running = Running(host, tmp_path / "kept.wav")
        running.cancellation.cancel()
        with pytest.raises(Cancelled):
            running.result()
        assert host.pid

    def test_a_stop_ends_a_process_that_does_not_obey(
        self, make_host: MakeHost, noise_wav: Path, noise: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(host_module, "STOP_TIMEOUT_S", 0.2)
        host = make_host(noise_wav)
        running = Running(host, tmp_path / "kept.wav")
        running.levels.wait_for_second(0.5)
        send = Child.request
        monkeypatch.setattr(Child, "request", lambda child, body: send(child, {"method": "devices"}))
        running.stop.cancel()
        recording = running.result()
        assert recording.interrupted
        assert recording.interrupted.code == "audio-not-responding"
        assert_prefix(tmp_path / "kept.wav", noise, 0.3)
