"""Playing: chunks of sound that follow each other without a gap, and where in them the loudspeaker is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.audio.backend import Backend, Stream
from workbench.errors import AudioError
from workbench.runtime.resample import Resampler

__all__ = ["Chunk", "Player"]

TICK_S = 0.05
# After the last chunk the device stays open for a moment: the next one may be on its way.
LINGER_S = 0.3
SILENCE_S = 2.0
SAMPLE_BYTES = 2

Samples = np.ndarray[Any, np.dtype[Any]]


@dataclass(eq=False)
class Chunk:
    """``samples`` is float32 or int16 [n]; ``at_s`` is where it begins in the whole sound.

    ``pcm`` is what the device gets, int16 at the device's rate, and ``taken`` how many bytes of it it has;
    ``ended_s`` is the moment in which its last sample is heard (of :func:`time.monotonic`), None while unknown.
    """

    number: int
    samples: Samples
    rate_hz: int
    at_s: float
    device: str | None = None
    pcm: bytes | None = None
    taken: int = 0
    ended_s: float | None = None

    @property
    def place(self) -> tuple[str | None, int]:
        """What must be the same for two chunks to follow each other without a gap."""
        return self.device, self.rate_hz


class Player:
    """Plays chunks in the order in which they were added, in a thread of its own while there are any.

    ``on_end`` gets a chunk's number when it was heard, or with the error that prevented it; ``on_position`` the number
    and the place in the whole sound in seconds. Neither may wait.
    """

    def __init__(
        self,
        backend: Backend,
        on_end: Callable[[int, BaseException | None], None],
        on_position: Callable[[int, float], None],
    ) -> None:
        self._backend = backend
        self._on_end = on_end
        self._on_position = on_position
        self._changed = threading.Condition()
        self._chunks: list[Chunk] = []
        self._thread: threading.Thread | None = None
        self._place: tuple[str | None, int] | None = None
        self._cut = False
        self._rate_hz = 1
        self._latency_s = 0.0
        self._asked_s = 0.0

    def add(self, chunk: Chunk) -> None:
        with self._changed:
            self._chunks.append(chunk)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="player", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def drop(self, number: int) -> None:
        """Forget a chunk; if it is being heard, there is silence at once. ``on_end`` is not called for it."""
        with self._changed:
            for chunk in [chunk for chunk in self._chunks if chunk.number == number]:
                self._cut = self._cut or chunk.taken > 0
                self._chunks.remove(chunk)
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._chunks:
                    self._thread = None
                    return
                self._place = device, rate_hz = self._chunks[0].place
                self._cut = False
            try:
                stream = self._backend.open_output(device, rate_hz, self._fill)
                try:
                    self._play(stream, rate_hz)
                finally:
                    stream.close()
            except BaseException as error:  # each chunk is owed an end
                with self._changed:
                    lost = [chunk for chunk in self._chunks if chunk.place == self._place]
                    self._chunks = [chunk for chunk in self._chunks if chunk.place != self._place]
                for chunk in lost:
                    self._on_end(chunk.number, error)

    def _play(self, stream: Stream, rate_hz: int) -> None:
        """Until nothing is left for this device and rate, or what is heard was dropped. Raises AudioError."""
        with self._changed:
            self._rate_hz, self._latency_s = stream.rate_hz, stream.latency_s
            self._asked_s = busy_s = time.monotonic()
        resampler = Resampler(rate_hz, stream.rate_hz) if rate_hz != stream.rate_hz else None
        self._prepare(resampler)
        stream.start()
        while True:
            with self._changed:
                if not (self._cut or self._new()):
                    self._changed.wait(TICK_S)
                now = time.monotonic()
                ended = [chunk for chunk in self._chunks if chunk.ended_s is not None and chunk.ended_s <= now]
                self._chunks = [chunk for chunk in self._chunks if chunk not in ended]
                first = self._chunks[0] if self._chunks else None
                busy_s = now if first else busy_s
                over = self._cut or (first.place != self._place if first else now - busy_s > LINGER_S)
                lost = not stream.active or now - self._asked_s > SILENCE_S
                position_s = self._position_s(first, now) if first else 0.0
            for chunk in ended:
                self._on_end(chunk.number, None)
            if over:
                return
            if lost:
                raise AudioError("audio-output-gone", device=stream.name)
            if first:
                self._on_position(first.number, position_s)
            self._prepare(resampler)

    def _prepare(self, resampler: Resampler | None) -> None:
        """Make what the device gets of all chunks that came since; too much work for the device's own thread."""
        with self._changed:
            new = self._new()
        for chunk in new:
            chunk.pcm = _pcm(chunk.samples, resampler)

    def _new(self) -> list[Chunk]:
        return [chunk for chunk in self._chunks if chunk.pcm is None and chunk.place == self._place]

    def _fill(self, frames: int) -> bytes:
        """The next frames for the device, silence where there are none."""
        wanted, parts = frames * SAMPLE_BYTES, []
        with self._changed:
            now = self._asked_s = time.monotonic()
            for chunk in self._chunks:
                if chunk.pcm is None or chunk.place != self._place or self._cut:
                    break
                if chunk.ended_s is not None:
                    continue
                part = chunk.pcm[chunk.taken : chunk.taken + wanted]
                parts.append(part)
                chunk.taken += len(part)
                wanted -= len(part)
                if chunk.taken < len(chunk.pcm):
                    break
                done = frames - wanted // SAMPLE_BYTES
                chunk.ended_s = now + self._latency_s + done / self._rate_hz
        return b"".join(parts) + bytes(wanted)

    def _position_s(self, chunk: Chunk, now: float) -> float:
        """Where in the whole sound the loudspeaker is; a block of the device is the step in which it goes on."""
        if chunk.ended_s is not None:
            return chunk.at_s + max(0.0, len(chunk.samples) / chunk.rate_hz - (chunk.ended_s - now))
        return chunk.at_s + max(0.0, chunk.taken / SAMPLE_BYTES / self._rate_hz - self._latency_s)


def _pcm(samples: Samples, resampler: Resampler | None) -> bytes:
    """int16 at the device's rate."""
    if resampler is None and samples.dtype == np.int16:
        return samples.tobytes()
    floats = samples if samples.dtype == np.float32 else samples.astype(np.float32) / np.float32(32768)
    if resampler:
        floats = resampler.add(floats)
    rounded: Samples = np.clip(np.rint(np.nan_to_num(floats) * 32768), -32768, 32767).astype(np.int16)
    return rounded.tobytes()
