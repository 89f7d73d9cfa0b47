"""The parent side of the audio process: devices, recording, playing. Brings neither PortAudio nor numpy along."""

from __future__ import annotations

import os
import threading
import wave
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.audio.devices import Device, Devices
from workbench.audio.patience import Patience
from workbench.cancellation import Cancellation
from workbench.children import Child, ChildGone, Pending, module_command
from workbench.errors import AudioError, Cancelled, Notice, WorkbenchError
from workbench.wire import Buffer, Message

__all__ = ["AudioHost", "Block", "Device", "Devices", "Recording"]

HELLO_TIMEOUT_S = 10.0
DEVICES_TIMEOUT_S = 10.0
BEGIN_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 5.0
QUEUED_BLOCKS = 2
TURN_S = 0.1


@dataclass(frozen=True)
class Recording:
    """What was recorded. ``path`` is None where only the level was wanted; ``interrupted`` says why it ended early."""

    path: Path | None
    duration_s: float
    rate_hz: int
    interrupted: Notice | None = None


@dataclass(frozen=True)
class Block:
    """A stretch of one channel to play: int16 or float32 of shape [n]; ``at_s`` is its place in the whole sound."""

    samples: Buffer
    rate_hz: int
    at_s: float


class AudioHost:
    """One audio process, started with the first request (or by :meth:`start`) and again after it died.

    Every method blocks and may be called from many threads. All raise AudioError, and Cancelled after :meth:`close`.
    """

    def __init__(self, command: Sequence[str] | None = None, on_log: Callable[[str], None] | None = None) -> None:
        self._command = list(command) if command is not None else module_command("workbench.audio")
        self._on_log = on_log
        self._lock = threading.Lock()
        self._listing = threading.Lock()
        self._playing = threading.Lock()
        self._child: Child | None = None
        self._streams = 0
        self._stale = False
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process id of the running audio process; None where there is none."""
        child = self._child
        return None if child is None or child.gone else child.pid

    def start(self) -> None:
        """Start the process and wait until it is ready; done early, nobody waits for it later."""
        with self._lock:
            self._running()

    def devices(self, refresh: bool = False) -> Devices:
        """The microphones and loudspeakers.

        PortAudio knows only what was plugged in when it was started: ``refresh`` starts it again, unless something is
        being recorded or played.
        """
        with self._listing:
            if refresh:
                self._retire()
            for again in (True, False):
                with self._lock:
                    child = self._running()
                pending = child.request({"method": "devices"})
                with Patience(DEVICES_TIMEOUT_S, pending.cancel) as patience:
                    try:
                        return Devices.from_json(pending.wait())
                    except (Cancelled, ChildGone) as error:
                        if not again or patience.over or self._closed:
                            raise self._explained(error, patience) from error
            raise AssertionError("the second time returns or raises")

    def record(
        self,
        path: Path | None,
        device: str | None = None,
        *,
        stop: Cancellation,
        on_level: Callable[[float, float], None] = lambda seconds, peak: None,
        cancellation: Cancellation | None = None,
    ) -> Recording:
        """Record one channel into a WAV file at ``path`` until ``stop`` is requested, or listen to the level only.

        ``device`` is an id, None the default one. ``on_level`` gets the seconds so far and the largest sample of the
        last stretch (0 to 1) about 20 times a second, in another thread. ``cancellation`` raises Cancelled and leaves
        the file as well. What ends a recording early, be it the end of the process, is told in ``interrupted`` if any
        sound was kept, else it is raised.
        """
        with self._streaming() as child:
            begun = threading.Event()

            def on_event(message: Message) -> None:
                patience.end()
                begun.set()
                on_level(float(message.body["done"]), float(message.body["peak"]))

            late = Patience(STOP_TIMEOUT_S, child.kill)

            def finish() -> None:
                late.start()
                child.request({"method": "stop", "record": pending.number})

            patience = Patience(BEGIN_TIMEOUT_S, lambda: pending.cancel())
            body = {"method": "record", "path": None if path is None else str(path), "device": device}
            pending = child.request(body, on_event)
            with patience, late.unstarted(), stop.calling(finish):
                try:
                    answer = pending.wait(cancellation)
                    if self._closed:
                        raise Cancelled
                    return _recording(answer)
                except ChildGone as gone:
                    kept = _on_disk(path) if begun.is_set() and path and not self._closed else None
                    error = self._explained(gone, late if late.over else patience)
                    if kept is None or not isinstance(error, AudioError):
                        raise error from gone
                    frames, rate_hz = kept
                    return Recording(path, frames / rate_hz, rate_hz, Notice.of(error.code, **error.arguments))
                except Cancelled as error:
                    raise self._explained(error, patience) from error

    def play(
        self,
        blocks: Iterable[Block],
        device: str | None = None,
        *,
        on_position: Callable[[float], None] = lambda seconds: None,
        cancellation: Cancellation | None = None,
    ) -> None:
        """Play the blocks one after the other without a gap, and return when the last one was heard.

        The next block is asked for when at most two are queued. ``on_position`` gets the place in the sound in seconds
        about 20 times a second, in another thread. A second call waits until the first is done.
        """
        cancellation = cancellation or Cancellation()
        with self._turn(cancellation), self._streaming() as child:
            queued: list[Pending] = []

            def drop() -> None:
                for pending in reversed(list(queued)):  # the last one first: the others would be heard meanwhile
                    pending.cancel()

            def on_event(message: Message) -> None:
                patience.end()
                on_position(float(message.body["done"]))

            patience = Patience(BEGIN_TIMEOUT_S, drop)
            try:
                with patience.unstarted(), cancellation.calling(drop):
                    for block in blocks:
                        cancellation.check()
                        body = {"samples": block.samples, "rate_hz": block.rate_hz, "at_s": block.at_s}
                        queued.append(child.request({"method": "play", "device": device, **body}, on_event))
                        patience.start()
                        if cancellation.requested:
                            drop()
                        while len(queued) >= QUEUED_BLOCKS:
                            _finish(queued, patience)
                    while queued:
                        _finish(queued, patience)
            except (Cancelled, ChildGone) as error:
                if cancellation.requested:
                    raise Cancelled from error
                raise self._explained(error, patience) from error
            finally:
                drop()
                for pending in queued:
                    with suppress(WorkbenchError, Cancelled, ChildGone):
                        pending.wait()

    def close(self) -> None:
        """End the process; a recording's file is finished before. Requests in flight raise Cancelled."""
        with self._lock:
            self._closed = True
            child, self._child = self._child, None
        if child:
            child.close()

    def _running(self) -> Child:
        """The child, started where there is none. The lock is held."""
        if self._closed:
            raise Cancelled
        self._end_stale()
        if self._child is not None and self._child.gone is None:
            return self._child
        if self._child is not None:
            self._child.close()
            self._child = None
        try:
            child = Child("audio", self._command, os.environ | {"PYTHONUTF8": "1"}, self._on_log)
            child.hello(HELLO_TIMEOUT_S)
        except ChildGone as gone:
            detail = gone.log.splitlines()[-1] if gone.log else gone.how
            raise AudioError("audio-not-started", detail=detail) from gone
        self._child = child
        return child

    @contextmanager
    def _streaming(self) -> Iterator[Child]:
        """The child, which is not started anew meanwhile."""
        with self._lock:
            child = self._running()
            self._streams += 1
        try:
            yield child
        finally:
            with self._lock:
                self._streams -= 1
                self._end_stale()

    @contextmanager
    def _turn(self, cancellation: Cancellation) -> Iterator[None]:
        while not self._playing.acquire(timeout=TURN_S):
            cancellation.check()
        try:
            yield
        finally:
            self._playing.release()

    def _retire(self) -> None:
        """End the child as soon as nothing is recorded or played."""
        with self._lock:
            self._stale = self._child is not None
            self._end_stale()

    def _end_stale(self) -> None:
        if self._stale and not self._streams and self._child is not None:
            self._child.close()
            self._child, self._stale = None, False

    def _explained(self, error: Cancelled | ChildGone, patience: Patience) -> Exception:
        """What the caller is told: the child hung, or was closed, or died, or it was cancelled."""
        if patience.over:
            self._retire()
            return AudioError("audio-not-responding", seconds=round(patience.seconds))
        if self._closed:
            return Cancelled()
        return AudioError("audio-stopped", how=error.how) if isinstance(error, ChildGone) else error


def _finish(queued: list[Pending], patience: Patience) -> None:
    """Wait until the first block was heard; it stays in the queue meanwhile, for a cancel to reach it."""
    queued[0].wait()
    patience.end()
    queued.pop(0)


def _recording(body: Mapping[str, Any]) -> Recording:
    path, notice = body["path"], body["interrupted"]
    return Recording(
        None if path is None else Path(path),
        float(body["duration_s"]),
        int(body["rate_hz"]),
        None if notice is None else Notice.from_json(notice),
    )


def _on_disk(path: Path) -> tuple[int, int] | None:
    """Frames and rate in Hz by the header of what a process that died left; None where it holds no sound."""
    try:
        with wave.open(str(path), "rb") as file:
            frames, rate_hz = file.getnframes(), file.getframerate()
    except (OSError, EOFError, wave.Error):
        return None
    return (frames, rate_hz) if frames and rate_hz else None
