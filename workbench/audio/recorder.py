"""One recording: what the sound system delivers goes into a queue, and from there into the file as it comes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from workbench.audio.backend import Backend, Stream
from workbench.audio.wav import GrowingWav, WavFull
from workbench.cancellation import Cancellation
from workbench.errors import AudioError, Notice

__all__ = ["Recorder"]

TICK_S = 0.05
UPDATE_S = 0.2
SYNC_S = 1.0
# A device that delivers nothing for so long is gone, whatever the system says of it.
SILENCE_S = 2.0

Samples = np.ndarray[Any, np.dtype[np.int16]]


class Recorder:
    """Records until :meth:`stop`, or only tells the level where ``path`` is None.

    ``on_level`` gets the seconds so far and the largest sample since the last call, 0 to 1. It must not wait.
    """

    def __init__(
        self, backend: Backend, path: Path | None, device: str | None, on_level: Callable[[float, float], None]
    ) -> None:
        self.begun = False
        self._backend = backend
        self._path = path
        self._device = device
        self._on_level = on_level
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()

    def stop(self) -> None:
        """End it after what came before this call. Safe from any thread, and more than once."""
        self._queue.put(None)

    def run(self, cancellation: Cancellation) -> dict[str, Any]:
        """Record, in the calling thread; the body of the result.

        Raises AudioError where it cannot begin or nothing came, Cancelled, the file being left then.
        """
        stream = self._backend.open_input(self._device, self._queue.put)
        try:
            cancellation.check()  # opening can take long, and nobody may be waiting any more
            frames, interrupted = self._record(stream)
        finally:
            stream.close()
        cancellation.check()
        return {
            "path": None if self._path is None else str(self._path),
            "duration_s": frames / stream.rate_hz,
            "rate_hz": stream.rate_hz,
            "interrupted": interrupted and interrupted.to_json(),
        }

    def _record(self, stream: Stream) -> tuple[int, Notice | None]:
        wav = _wav(self._path, stream.rate_hz)
        try:
            with wav or contextlib.nullcontext():
                stream.start()
                self.begun = True
                self._on_level(0.0, 0.0)
                frames, interrupted = self._take(stream, wav)
            if interrupted and not frames:
                raise AudioError(interrupted.code, **interrupted.arguments)
        except AudioError:
            if wav:
                with contextlib.suppress(OSError):
                    wav.path.unlink()  # it holds no sound
            raise
        return frames, interrupted

    def _take(self, stream: Stream, wav: GrowingWav | None) -> tuple[int, Notice | None]:
        """Write what comes; the number of frames, and why it ended before it was told to."""
        frames, peak, interrupted = 0, 0.0, None
        heard = told = updated = synced = time.monotonic()
        try:
            while True:
                try:
                    data = self._queue.get(timeout=TICK_S)
                except Empty:
                    if stream.active and time.monotonic() - heard < SILENCE_S:
                        continue
                    seconds = round(frames / stream.rate_hz, 1)
                    interrupted = Notice.of("audio-device-gone", device=stream.name, seconds=seconds)
                    break
                if data is None:
                    break
                samples = _mono(data, stream.channels)
                if wav:
                    wav.write(samples.tobytes())
                frames += len(samples)
                peak = max(peak, _peak(samples))
                heard = now = time.monotonic()
                if wav and now - updated >= UPDATE_S:
                    wav.update()
                    updated = now
                if now - told >= TICK_S:
                    self._on_level(frames / stream.rate_hz, peak)
                    told, peak = now, 0.0
                if wav and now - synced >= SYNC_S:
                    wav.sync()
                    synced = now
        except WavFull:
            interrupted = Notice.of("recording-too-long", file=self._path)
        except OSError as error:
            interrupted = Notice.of("recording-not-written", file=self._path, reason=error.strerror or error)
        if wav:
            frames = wav.frames
            try:
                wav.finish()
            except OSError as error:
                interrupted = Notice.of("recording-not-written", file=self._path, reason=error.strerror or error)
        return frames, interrupted


def _wav(path: Path | None, rate_hz: int) -> GrowingWav | None:
    if path is None:
        return None
    try:
        return GrowingWav(path, rate_hz)
    except OSError as error:
        raise AudioError("recording-not-written", file=path, reason=error.strerror or error) from error


def _mono(data: bytes, channels: int) -> Samples:
    """The mean of all channels, int16 [frames]."""
    samples = np.frombuffer(data, dtype=np.int16)
    if channels == 1:
        return samples
    mono: Samples = samples.reshape(-1, channels).mean(axis=1).round().astype(np.int16)
    return mono


def _peak(samples: Samples) -> float:
    if not len(samples):
        return 0.0
    return max(-int(samples.min()), int(samples.max())) / 32768
