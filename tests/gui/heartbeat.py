"""Measures how long the GUI thread did not come round, and sees where it was meanwhile."""

from __future__ import annotations

import faulthandler
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import Qt, QTimer

__all__ = ["LIMIT_S", "Heartbeat", "beating", "freest"]

BEAT_MS = 5
LOOK_S = 0.02
LATE_S = 0.06
ATTEMPTS = 3
# For how long an action may hold the GUI thread up. That is asked for when a test runs alone (``pytest -n0``); side by
# side, tests share caches and the units of a core, on machines whose hosts share them out again, and only what stalls a
# window by itself (loading, exporting, thousands of files) takes longer than this.
LIMIT_S = 0.4 if "PYTEST_XDIST_WORKER" in os.environ else 0.1


class Heartbeat:
    """Beats every 5 ms as long as the GUI thread is free.

    Time in which the thread wanted to go on and the system gave the processor to others does not count, where the
    system tells it (Linux): what the app does is measured, not what else the machine has to do.
    """

    def __init__(self) -> None:
        self.last_s = time.perf_counter()
        self._waited_s = waited_for_processor_s()
        self.longest_s = 0.0
        self.seen: list[str] = []  # where the GUI thread was when it was late

    def beat(self) -> None:
        now, waited_s = time.perf_counter(), waited_for_processor_s()
        self.longest_s = max(self.longest_s, now - self.last_s - (waited_s - self._waited_s))
        self.last_s, self._waited_s = now, waited_s

    def __repr__(self) -> str:
        longest = f"at most {self.longest_s * 1000:.0f} ms between beats"
        return "\n".join((f"<Heartbeat, {longest}>", *self.seen[-3:]))

    def watch(self, end: threading.Event) -> None:
        while not end.wait(LOOK_S):
            late_s = time.perf_counter() - self.last_s
            if late_s > LATE_S:
                self.seen.append(f"late by {late_s * 1000:.0f} ms:\n{_stacks()}")


def _stacks() -> str:
    """Where all threads are. Frames are not touched: one that is let go in this thread takes Qt's objects with it, and
    Qt and Python then wait for each other's lock."""
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file)
        file.seek(0)
        return file.read()


def waited_for_processor_s() -> float:
    """For how long the calling thread was ready to run and did not; 0 where the system does not tell."""
    try:  # "time on the processor, time waiting for it, turns", in ns
        return int(Path(f"/proc/self/task/{threading.get_native_id()}/schedstat").read_text("ascii").split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


@contextmanager
def beating() -> Iterator[Heartbeat]:
    """A heartbeat within this block; the time from the last beat to the end counts as well."""
    heart, end = Heartbeat(), threading.Event()
    watcher = threading.Thread(target=heart.watch, args=(end,), name="heartbeat")
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.setInterval(BEAT_MS)
    timer.timeout.connect(heart.beat)
    timer.start()
    watcher.start()
    try:
        yield heart
    finally:
        timer.stop()
        heart.beat()
        end.set()
        watcher.join()


def freest(scenario: Callable[[], Heartbeat], limit_s: float) -> Heartbeat:
    """The best of up to three attempts, each from the beginning: other processes hold a thread up now and then, while
    what blocks by itself does so every time."""
    best: Heartbeat | None = None
    for _ in range(ATTEMPTS):
        heart = scenario()
        if best is None or heart.longest_s < best.longest_s:
            best = heart
        if best.longest_s < limit_s:
            break
    assert best is not None
    return best
