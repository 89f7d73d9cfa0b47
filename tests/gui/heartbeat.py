"""Measures how long the GUI thread did not come round."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import Qt, QTimer

__all__ = ["Heartbeat", "beating"]

BEAT_MS = 5


class Heartbeat:
    """Beats every 5 ms as long as the GUI thread is free."""

    def __init__(self) -> None:
        self.beats: list[float] = [time.perf_counter()]

    def beat(self) -> None:
        self.beats.append(time.perf_counter())

    @property
    def longest_s(self) -> float:
        """The longest time between two beats."""
        return max((b - a for a, b in itertools.pairwise(self.beats)), default=0.0)


@contextmanager
def beating() -> Iterator[Heartbeat]:
    """A heartbeat within this block; the time from the last beat to the end counts as well."""
    heart = Heartbeat()
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.setInterval(BEAT_MS)
    timer.timeout.connect(heart.beat)
    timer.start()
    try:
        yield heart
    finally:
        timer.stop()
        heart.beat()
