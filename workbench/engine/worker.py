"""One thread per loaded model: jobs queue there, interactive ones first, and long jobs give way between their items."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from workbench.cancellation import Cancellation
from workbench.engine.loading import LoadedModel, load_model
from workbench.engine.request import ModelChoice
from workbench.engine.residents import MEMORY_PER_FILE_BYTE, Residents
from workbench.errors import Cancelled
from workbench.library.variants import variant_bytes
from workbench.runtime.memory import give_back

__all__ = ["Job", "ModelWorker", "Steps"]

INTERACTIVE, BATCH = 0, 1

Steps = Generator[None, None, None]


@dataclass
class Job:
    """Work on one model. ``steps`` is made once the model is loaded; each step is one item, then others may go first.

    ``finish`` is called once, with None or with what went wrong; ``ended`` says that it is that far.
    """

    steps: Callable[[LoadedModel], Steps]
    finish: Callable[[BaseException | None], None]
    cancellation: Cancellation
    interactive: bool = True
    running: Steps | None = field(default=None, init=False)
    ended: bool = field(default=False, init=False)


class ModelWorker:
    """A model that is loaded with its first job and does its jobs one step at a time."""

    def __init__(self, choice: ModelChoice, residents: Residents) -> None:
        self.name = choice.name
        self.choice = choice
        self.cost_bytes = int(variant_bytes(choice.paths) * MEMORY_PER_FILE_BYTE)
        self._residents = residents
        self._queue: queue.PriorityQueue[tuple[int, int, Job | None]] = queue.PriorityQueue()
        self._order = itertools.count()
        self._lock = threading.Lock()
        self._waiting = 0
        self._current: Job | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._live, name=f"model-{choice.name}", daemon=True)
        self._thread.start()

    @property
    def idle(self) -> bool:
        with self._lock:
            return self._waiting == 0

    def submit(self, job: Job) -> bool:
        """Queue a job; False when this worker has ended meanwhile and another must be made."""
        with self._lock:
            if self._ended:
                return False
            self._waiting += 1
            self._put(job)
            return True

    def give_up(self, job: Job) -> None:
        """End a cancelled job that waits for its turn; the one that is being worked on hears of it by itself."""
        with self._lock:
            if job is self._current or job.ended:
                return
            self._close(job)
        self._tell(job, Cancelled())

    def unload(self) -> None:
        """Let go of the model once all queued jobs are done."""
        with self._lock:
            self._ended = True
            self._queue.put((BATCH + 1, next(self._order), None))

    def join(self) -> None:
        """Wait until an unloaded model is gone, and with it every hold on its files."""
        self._thread.join()

    def _put(self, job: Job) -> None:
        self._queue.put((INTERACTIVE if job.interactive else BATCH, next(self._order), job))

    def _put_back(self, job: Job) -> bool:
        """Queue a job for its next step; False where it was cancelled while it was worked on, after its last look."""
        with self._lock:
            if job.cancellation.requested:
                return False
            self._current = None
            self._put(job)
            return True

    def _live(self) -> None:
        self._work()
        give_back()

    def _work(self) -> None:
        model: LoadedModel | None = None
        while (job := self._queue.get()[2]) is not None:
            with self._lock:
                if job.ended:  # cancelled while it waited
                    continue
                self._current = job
            try:
                if model is None:
                    self._residents.admit(self.choice.key, self, job.cancellation)
                    model = self._load()
                if job.running is None:
                    job.running = job.steps(model)
                job.cancellation.check()
                next(job.running)
            except StopIteration:
                self._finish(job, None)
            except BaseException as error:  # whatever it is, the one who asked must hear of it
                self._finish(job, error)
            else:
                if not self._put_back(job):
                    self._finish(job, Cancelled())

    def _load(self) -> LoadedModel:
        try:
            return load_model(self.choice)
        except BaseException:
            self._residents.drop(self.choice.key)
            raise

    def _finish(self, job: Job, error: BaseException | None) -> None:
        with self._lock:
            self._current = None
            self._close(job)
        self._tell(job, error)

    def _close(self, job: Job) -> None:
        """Count a job out; the lock is held."""
        job.ended = True
        if job.running is not None:
            job.running.close()
        self._waiting -= 1

    def _tell(self, job: Job, error: BaseException | None) -> None:
        self._residents.used(self.choice.key)
        self._residents.changed()
        job.finish(error)
