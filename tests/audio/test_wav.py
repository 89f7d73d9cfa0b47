"""Files that grow, and messages that nobody reads."""

from __future__ import annotations

import threading
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.audio.conftest import RATE_HZ, Watch
from tests.audio.fake_device import FakeBackend, options
from workbench.audio import outbox, wav
from workbench.audio.outbox import Outbox
from workbench.audio.recorder import Recorder
from workbench.audio.wav import GrowingWav, WavFull
from workbench.cancellation import Cancellation
from workbench.runtime.sound import load_audio
from workbench.wire import Message


@pytest.mark.parametrize("what", ["noise", "silence", "letters"])
def test_what_is_not_counted_yet_does_no_harm(tmp_path: Path, noise: Any, what: str) -> None:
    """A process that is killed between the data and the length leaves sound that no header counts."""
    samples = {
        "noise": noise[:1000].tobytes(),
        "silence": bytes(2000),
        "letters": b"LIST\x10\x00\x00\x00" * 250,
    }[what]
    path = tmp_path / "growing.wav"
    with GrowingWav(path, RATE_HZ) as file:
        for count in range(1, 4):
            file.write(samples)
            file.update()
            file.write(samples)
            (tmp_path / "killed.wav").write_bytes(path.read_bytes())
            with wave.open(str(tmp_path / "killed.wav"), "rb") as left:
                assert left.getnframes() == 1000 * (2 * count - 1)
            assert len(load_audio(tmp_path / "killed.wav", RATE_HZ).samples) == 1000 * (2 * count - 1)
        file.finish()
    with wave.open(str(path), "rb") as whole:
        assert (whole.getnchannels(), whole.getsampwidth(), whole.getframerate()) == (1, 2, RATE_HZ)
        assert whole.readframes(10_000) == samples * 6
    assert path.stat().st_size == 44 + 12_000


def test_a_header_counts_to_its_end_and_not_further(tmp_path: Path) -> None:
    assert wav.MAX_DATA_BYTES + wav.HEADER.size - 8 <= 0xFFFFFFFF
    path = tmp_path / "sparse.wav"
    with GrowingWav(path, RATE_HZ) as file:
        file._data_bytes = wav.MAX_DATA_BYTES - wav.MAX_DATA_BYTES % 2 - 2
        file.write(b"\1\0")
        with pytest.raises(WavFull):
            file.write(b"\1\0")
        file._data_bytes = 2  # the file itself is small
        file.finish()
    with wave.open(str(path), "rb") as whole:
        assert whole.readframes(10) == b"\1\0"


def test_a_recording_that_fills_its_file_ends_properly(
    tmp_path: Path, noise_wav: Path, noise: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wav, "MAX_DATA_BYTES", 20_001)
    backend = FakeBackend(options([str(noise_wav), "--speed", "20"]))
    recorder = Recorder(backend, tmp_path / "kept.wav", None, lambda seconds, peak: None)
    body = recorder.run(Cancellation())
    assert body["interrupted"]["code"] == "recording-too-long"
    assert body["duration_s"] == 9920 / RATE_HZ  # whole blocks of the device
    with wave.open(str(tmp_path / "kept.wav"), "rb") as file:
        assert file.readframes(20_000) == noise[:9920].tobytes()


def test_a_parent_that_does_not_read_holds_nobody_up() -> None:
    class Stuck:
        def __init__(self) -> None:
            self.sent = Watch()
            self.reading = threading.Event()

        def send(self, message: Message) -> None:
            self.sent(message)
            self.reading.wait()
            if message.id == 2:
                raise BrokenPipeError

    channel = Stuck()
    box = Outbox(channel)  # type: ignore[arg-type]
    for number in range(1000):
        box.send(Message("progress", 1, {"done": number}))
    box.send(Message("result", 2, {}))
    channel.reading.set()
    channel.sent.wait_until(lambda what: what[0].id == 2)
    assert len(channel.sent.seen) <= outbox.MAX_WAITING + 2
    np.testing.assert_array_equal([what[0].body["done"] for what in channel.sent.seen[:5]], range(5))
