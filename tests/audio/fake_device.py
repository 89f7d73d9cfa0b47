"""A sound system for tests: a sound file as the microphone, another file as the loudspeaker.

``python -m tests.audio.fake_device SOUND [options]`` speaks the framing as ``python -m workbench.audio`` does; a test
gives :func:`fake_command` to an :class:`~workbench.audio.host.AudioHost`. The file is heard once in real time, then
silence; ``--speed`` makes the time faster.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from workbench.audio.devices import Device, Devices
from workbench.errors import AudioError

ROOT = Path(__file__).parents[2]
BLOCK_S = 0.01
LATENCY_S = 0.02


def fake_command(sound: Path | None = None, **options: Any) -> list[str]:
    """The command of a fake audio process: ``fake_command(wav, speed=10, unplug_after=2.0, no_microphone=True)``."""
    words = [] if sound is None else [str(sound)]
    for name, value in options.items():
        if value is not False and value is not None:
            words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.audio.fake_device import main; main()"
    return [sys.executable, "-c", code, *words]


class FakeStream:
    """Calls ``on_block`` for each block in a thread of its own, as late as a device would."""

    def __init__(self, name: str, rate_hz: int, channels: int, speed: float, on_block: Callable[[int], bool]) -> None:
        self.name = name
        self.rate_hz = rate_hz
        self.channels = channels
        self.latency_s = LATENCY_S
        self._speed = speed
        self._on_block = on_block
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fake device", daemon=True)

    @property
    def active(self) -> bool:
        return not self._ended.is_set()

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        frames, due = int(self.rate_hz * BLOCK_S), time.monotonic()
        while self._on_block(frames):
            due += BLOCK_S / self._speed
            if self._ended.wait(max(0.0, due - time.monotonic())):
                return
        self._ended.set()


class FakeBackend:
    """A :class:`~workbench.audio.backend.Backend`; ``options`` are those of the command line."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        samples, self._rate_hz = np.zeros((0, 1), np.int16), 16_000
        if options.sound:
            samples, self._rate_hz = soundfile.read(options.sound, dtype="int16", always_2d=True)
        self._samples = samples
        self._streams: list[FakeStream] = []

    def devices(self) -> Devices:
        self._obstacles("devices")
        return self._known()

    def open_input(self, device: str | None, on_data: Callable[[bytes], None]) -> FakeStream:
        self._obstacles("record")
        name = self._name(self._known().inputs, device, "audio-no-microphone")
        at, left = 0, self._options.unplug_after
        end = None if left is None else int(left * self._rate_hz)

        def block(frames: int) -> bool:
            nonlocal at
            if end is not None and at >= end:
                return self._options.silent_unplug
            part = self._samples[at : at + frames]
            silence = np.zeros((frames - len(part), part.shape[1]), np.int16)
            on_data(np.concatenate([part, silence]).tobytes())
            at += frames
            return True

        return FakeStream(name, self._rate_hz, self._samples.shape[1], self._options.speed, block)

    def open_output(self, device: str | None, rate_hz: int, fill: Callable[[int], bytes]) -> FakeStream:
        self._obstacles("play")
        name = self._name(self._known().outputs, device, "audio-no-loudspeaker")
        played = Path(self._options.played or os.devnull)
        left = self._options.unplug_after
        done_s = 0.0

        def block(frames: int) -> bool:
            nonlocal done_s
            if left is not None and done_s >= left:
                return False
            with played.open("ab") as file:
                file.write(fill(frames))
            done_s += BLOCK_S
            return True

        return FakeStream(name, self._options.output_rate or rate_hz, 1, self._options.speed, block)

    def _known(self) -> Devices:
        inputs: tuple[Device, ...] = ()
        if not self._options.no_microphone:
            channels = self._samples.shape[1]
            inputs = (
                Device("Fake/Test microphone", "Test microphone", True, self._rate_hz, channels),
                Device("Fake/Second microphone", "Second microphone", False, self._rate_hz, channels),
            )
        outputs = () if self._options.no_loudspeaker else (Device("Fake/Speaker", "Speaker", True, 48_000, 2),)
        return Devices(inputs, outputs)

    def _obstacles(self, what: str) -> None:
        if self._options.no_library:
            raise AudioError("audio-no-library", reason="PortAudio library not found")
        if self._options.no_sounddevice:
            raise AudioError("audio-no-sounddevice")
        if self._options.busy and what != "devices":
            raise AudioError("audio-not-opened", device="Test microphone", reason="Device unavailable")
        if self._options.hang == what:
            print(f"hanging in {what}", file=sys.stderr, flush=True)
            threading.Event().wait()

    def _name(self, devices: tuple[Device, ...], device: str | None, none: str) -> str:
        if not devices:
            raise AudioError(none)
        for known in devices:
            if device in (None, known.id):
                return known.name
        raise AudioError("audio-device-unknown", device=device, known=", ".join(known.id for known in devices))


def options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("sound", nargs="?", help="what the microphone hears; without it, silence")
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--unplug-after", type=float, help="seconds after which a device goes away")
    parser.add_argument(
        "--silent-unplug", action="store_true", help="it says that it still works, but delivers nothing"
    )
    parser.add_argument("--no-microphone", action="store_true")
    parser.add_argument("--no-loudspeaker", action="store_true")
    parser.add_argument("--no-library", action="store_true", help="PortAudio is missing")
    parser.add_argument("--no-sounddevice", action="store_true")
    parser.add_argument("--busy", action="store_true", help="no device can be opened")
    parser.add_argument("--hang", choices=("devices", "record", "play"))
    parser.add_argument("--played", help="file that gets what is played, int16 without a header")
    parser.add_argument("--output-rate", type=int, help="the only rate that the loudspeaker can do")
    parser.add_argument("--disk-bytes", type=int, help="no file can become larger (POSIX)")
    return parser.parse_args(words)


def main() -> None:
    from workbench.audio.loop import serve
    from workbench.wire import claim_standard_streams

    channel = claim_standard_streams()
    chosen = options(sys.argv[1:])
    if chosen.disk_bytes:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (chosen.disk_bytes, chosen.disk_bytes))
    serve(channel, FakeBackend(chosen))


if __name__ == "__main__":
    main()
