"""Work beside the window: the only place where threads meet Qt.

A job runs a function of the core in a thread. What it tells on its way and how it ended arrives as calls in the GUI
thread, in order, a few milliseconds' worth at a time, so that a flood of events never stalls the window.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from workbench.cancellation import Cancellation
from workbench.errors import Cancelled

__all__ = ["Background", "Collections", "Job", "Work", "cancel_beside", "hand_over_quickly"]

THREADS = 8
SWITCH_S = 0.001
COLLECTIONS_MS = 1000
SLICE_S = 0.008  # half a frame: what is left of the events waits for the next turn of Qt's loop

Work = Callable[["Job"], Any]


def hand_over_quickly() -> None:
    """Let threads take turns five times as often as usual, so that the GUI thread gets its turn soon."""
    sys.setswitchinterval(SWITCH_S)


def cancel_beside(cancellation: Cancellation) -> None:
    """Ask for a stop in a thread of its own: what that has to do may wait for a lock or a process, and must not stand
    in line behind other jobs."""
    threading.Thread(target=cancellation.cancel, name="cancel", daemon=True).start()


class Job:
    """One piece of work. ``cancel`` asks for its stop; ``tell`` is for the work itself, from any thread."""

    def __init__(self, background: Background, lane: str) -> None:
        self._background = background
        self.lane = lane
        self.cancellation = Cancellation()
        self.ended = False

    def tell(self, receiver: Callable[..., None], *args: Any) -> None:
        """Call ``receiver`` in the GUI thread."""
        self._background.post(self, receiver, args)

    def cancel(self) -> None:
        """Ask the work to stop; how it ended is told as always."""
        if not self.cancellation.requested:
            cancel_beside(self.cancellation)


class Background(QObject):
    """Runs jobs. Those of one ``lane`` run one after the other; without one they overlap. Lives in the GUI thread."""

    _posted = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(THREADS, "job")
        self._lanes: dict[str, ThreadPoolExecutor] = {}
        self._events: deque[tuple[Job, Callable[..., None], tuple[Any, ...]]] = deque()
        self._lock = threading.Lock()
        self._woken = False
        self._jobs: set[Job] = set()
        self._posted.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def start(
        self,
        work: Work,
        *,
        done: Callable[[Any], None] | None = None,
        failed: Callable[[Exception], None] | None = None,
        cancelled: Callable[[], None] | None = None,
        lane: str = "",
    ) -> Job:
        """Run ``work(job)`` in a thread. Exactly one of ``done(result)``, ``failed(error)`` and ``cancelled()`` is
        called in the GUI thread. What nobody takes as a failure goes to ``sys.excepthook``."""
        job = Job(self, lane)
        self._jobs.add(job)

        def run() -> None:
            try:
                job.cancellation.check()
                result = work(job)
            except Cancelled:
                self.post(job, self._end, (job, cancelled, ()))
            except Exception as error:  # told in the GUI thread
                self.post(job, self._end, (job, failed or _unforeseen, (error,)))
            else:
                self.post(job, self._end, (job, done, (result,)))

        self._executor(lane).submit(run)
        return job

    @property
    def jobs(self) -> frozenset[Job]:
        """Those that have not ended."""
        return frozenset(self._jobs)

    def post(self, job: Job, receiver: Callable[..., None], args: tuple[Any, ...]) -> None:
        """Have ``receiver(*args)`` called in the GUI thread. From any thread."""
        with self._lock:
            self._events.append((job, receiver, args))
            wake, self._woken = not self._woken, True
        if wake:
            self._posted.emit()

    def cancel(self) -> None:
        """Ask all jobs to stop."""
        for job in tuple(self._jobs):
            job.cancellation.cancel()

    def close(self) -> None:
        """Cancel all jobs, wait for their threads, and drop what they still had to tell."""
        self.cancel()
        for executor in (self._pool, *self._lanes.values()):
            executor.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            self._events.clear()
        self._jobs.clear()

    def _executor(self, lane: str) -> ThreadPoolExecutor:
        if not lane:
            return self._pool
        return self._lanes.setdefault(lane, ThreadPoolExecutor(1, f"job-{lane}"))

    @Slot()
    def _deliver(self) -> None:
        until = time.perf_counter() + SLICE_S
        while time.perf_counter() < until:
            with self._lock:
                if not self._events:
                    self._woken = False
                    return
                _, receiver, args = self._events.popleft()
            try:
                receiver(*args)
            except Exception as error:  # a bug in one receiver must not keep the others from hearing
                _unforeseen(error)
        self._posted.emit()

    def _end(self, job: Job, receiver: Callable[..., None] | None, args: tuple[Any, ...]) -> None:
        job.ended = True
        self._jobs.discard(job)
        if receiver:
            receiver(*args)


class Collections(QObject):
    """Has Python's cyclic garbage collected in the GUI thread alone.

    A collection runs in whichever thread happens to make objects, and would delete widgets in the thread of a job,
    which Qt does not survive.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self)
        self._timer.setInterval(COLLECTIONS_MS)
        self._timer.timeout.connect(self.look)
        self._timer.start()

    def look(self) -> None:
        """Collect the oldest generation that is due by the usual thresholds."""
        counts, thresholds = gc.get_count(), gc.get_threshold()
        for generation in (2, 1, 0):
            if counts[generation] > thresholds[generation]:
                gc.collect(generation)
                return

    def close(self) -> None:
        self._timer.stop()
        gc.enable()


def _unforeseen(error: Exception) -> None:
    sys.excepthook(type(error), error, error.__traceback__)
