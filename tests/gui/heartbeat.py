"""Measures how long the GUI thread did not come round, and sees where it was meanwhile."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PySide6.QtCore import Qt, QTimer

__all__ = ["Heartbeat", "beating", "freest"]

BEAT_MS = 5
LOOK_S = 0.02
LATE_S = 0.06
ATTEMPTS = 3


class Heartbeat:
    """Beats every 5 ms as long as the GUI thread is free."""

    def __init__(self) -> None:
        self.beats: list[float] = [time.perf_counter()]
        self.seen: list[str] = []  # where the GUI thread was when it was late

    def beat(self) -> None:
        self.beats.append(time.perf_counter())

    @property
    def longest_s(self) -> float:
        """The longest time between two beats."""
        return max((b - a for a, b in itertools.pairwise(self.beats)), default=0.0)

    def __repr__(self) -> str:
        return f"<Heartbeat, at most {self.longest_s * 1000:.0f} ms between beats>\n" + "\n".join(self.seen[-3:])

    def watch(self, end: threading.Event) -> None:
        main = threading.main_thread().ident
        while not end.wait(LOOK_S):
            late_s = time.perf_counter() - self.beats[-1]
            if late_s > LATE_S and main is not None:
                self.seen.append(f"late by {late_s * 1000:.0f} ms:\n" + _where(main))


def _where(thread: int) -> str:
    """Where a thread is. Its frames are let go at once, and no file is read meanwhile: a frame that is held keeps what
    is in it, and a painter that outlives its paint event makes Qt crash."""
    frame = sys._current_frames().get(thread)
    places = []
    while frame is not None and len(places) < 6:
        places.append(f"  {frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}\n")
        frame = frame.f_back
    return "".join(reversed(places))


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
