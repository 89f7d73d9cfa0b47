"""The audio process's main loop: devices, recordings and playing, each answered exactly once.

No request waits in the thread that reads: a sound system that hangs must not keep a recording from being stopped.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workbench import __version__
from workbench.audio.backend import Backend
from workbench.audio.outbox import Outbox
from workbench.audio.player import Chunk, Player
from workbench.audio.recorder import Recorder
from workbench.cancellation import Cancellation
from workbench.errors import AudioError, Cancelled, WorkbenchError, error_to_wire
from workbench.wire import VERSION, Buffer, Channel, Message, WireError

__all__ = ["serve"]

FINISH_S = 1.5  # the parent ends a child that takes longer than two
MIN_RATE_HZ = 1_000
MAX_RATE_HZ = 768_000


def serve(channel: Channel, backend: Backend) -> None:
    """Answer requests until the parent is gone, finish the recordings, and end the process."""
    channel.send(Message("hello", 0, {"name": "audio", "wire": VERSION, "version": __version__, "pid": os.getpid()}))
    audio = Audio(channel, backend)
    try:
        while (message := channel.receive()) is not None:
            audio.receive(message)
    except (WireError, OSError) as error:
        print(f"the line to the front broke: {error}", file=sys.stderr)
    audio.finish()
    os._exit(0)  # the sound system's threads may hang


class Audio:
    """Dispatches messages."""

    def __init__(self, channel: Channel, backend: Backend) -> None:
        self._outbox = Outbox(channel)
        self._backend = backend
        self._cancellations: dict[int, Cancellation] = {}
        self._lock = threading.Lock()
        self._recorders: dict[int, tuple[Recorder, threading.Thread]] = {}
        self._player = Player(backend, lambda number, error: self._answer(number, {}, error), self._tell_position)
        self._methods: dict[str, Callable[[Message, Cancellation], None]] = {
            "devices": self._devices,
            "record": self._record,
            "stop": self._stop,
            "play": self._play,
        }

    def receive(self, message: Message) -> None:
        if message.kind == "cancel":
            with self._lock:
                cancellation = self._cancellations.get(message.id)
            if cancellation:
                cancellation.cancel()
            return
        if message.kind != "request":
            return
        cancellation = Cancellation()
        with self._lock:
            self._cancellations[message.id] = cancellation
        try:
            method = str(message.body.get("method"))
            if method not in self._methods:
                raise AudioError("audio-unknown-method", method=method)
            self._methods[method](message, cancellation)
        except BaseException as error:  # an answer is owed, whatever went wrong
            self._answer(message.id, {}, error)

    def finish(self) -> None:
        """End all recordings, so that their files are whole."""
        running = list(self._recorders.values())
        for recorder, _ in running:
            recorder.stop()
        deadline = time.monotonic() + FINISH_S
        for recorder, thread in running:
            if recorder.begun:  # else its device may hang, and there is no sound to save
                thread.join(max(0.0, deadline - time.monotonic()))

    def _devices(self, message: Message, cancellation: Cancellation) -> None:
        # It can't be interrupted, so a cancel is answered at once and its answer dropped.
        cancellation.on_request(lambda: self._answer(message.id, {}, Cancelled()))
        self._start(message.id, lambda: self._backend.devices().to_json())

    def _record(self, message: Message, cancellation: Cancellation) -> None:
        number, path = message.id, message.body["path"]

        def tell(seconds: float, peak: float) -> None:
            self._progress(number, "record", seconds, peak=peak)

        def cancel() -> None:
            recorder.stop()
            if not recorder.begun:  # the device may hang; what opens later sees the cancellation
                self._answer(number, {}, Cancelled())

        def run() -> dict[str, Any]:
            try:
                return recorder.run(cancellation)
            finally:
                self._recorders.pop(number, None)

        recorder = Recorder(self._backend, None if path is None else Path(path), message.body["device"], tell)
        cancellation.on_request(cancel)
        thread = self._start(number, run, begin=False)
        self._recorders[number] = (recorder, thread)
        thread.start()

    def _stop(self, message: Message, cancellation: Cancellation) -> None:
        """End a recording with a result; one that has ended already is as well."""
        found = self._recorders.get(int(message.body["record"]))
        if found:
            found[0].stop()
        self._answer(message.id, {}, None)

    def _play(self, message: Message, cancellation: Cancellation) -> None:
        number, body = message.id, message.body
        samples, rate_hz = body["samples"], body["rate_hz"]
        known = isinstance(samples, Buffer) and samples.dtype in ("int16", "float32") and len(samples.shape) == 1
        if not known or type(rate_hz) is not int or not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
            dtype, shape = getattr(samples, "dtype", None), list(getattr(samples, "shape", ()))
            raise AudioError("audio-bad-samples", dtype=dtype, shape=shape, rate=rate_hz)

        def cancel() -> None:
            self._player.drop(number)
            self._answer(number, {}, Cancelled())

        cancellation.on_request(cancel)
        self._player.add(Chunk(number, samples.array(), rate_hz, float(body["at_s"]), body["device"]))

    def _start(self, number: int, work: Callable[[], dict[str, Any]], *, begin: bool = True) -> threading.Thread:
        """A thread that works and answers."""

        def run() -> None:
            try:
                self._answer(number, work(), None)
            except BaseException as error:  # an answer is owed, whatever went wrong
                self._answer(number, {}, error)

        thread = threading.Thread(target=run, name=f"request-{number}", daemon=True)
        if begin:
            thread.start()
        return thread

    def _tell_position(self, number: int, seconds: float) -> None:
        self._progress(number, "play", seconds)

    def _progress(self, number: int, stage: str, done_s: float, **more: float) -> None:
        body = {"stage": stage, "done": done_s, "total": 0, "unit": "s", **more}
        self._outbox.send(Message("progress", number, body))

    def _answer(self, number: int, result: Mapping[str, Any], error: BaseException | None) -> None:
        with self._lock:
            if self._cancellations.pop(number, None) is None:
                return  # it was answered when it was cancelled
        if error is None:
            self._outbox.send(Message("result", number, result))
        elif isinstance(error, Cancelled):
            self._outbox.send(Message("error", number, {"code": "cancelled"}))
        else:
            self._outbox.send(Message("error", number, error_to_wire(_for_user(error))))


def _for_user(error: BaseException) -> WorkbenchError:
    if isinstance(error, WorkbenchError):
        return error
    traceback.print_exception(error, file=sys.stderr)
    return AudioError("audio-bug", detail=f"{type(error).__name__}: {error}")
