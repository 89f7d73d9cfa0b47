"""Receipts of exported models, for the window: which there are, measuring a new one. No widgets."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from workbench.errors import Notice, WorkbenchError
from workbench.gui.background import Background, Job
from workbench.gui.core import Core

if TYPE_CHECKING:
    from workbench.api import Workbench
    from workbench.library.artifacts import Artifact
    from workbench.receipts import Receipt

__all__ = ["Judged", "ReceiptState", "Receipts"]

Key = tuple[str, str]
MOST_SAMPLES = 200


@dataclass(frozen=True)
class Judged:
    """A receipt and its verdicts in words, the recommended variant's first."""

    receipt: Receipt
    verdicts: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class ReceiptState:
    """What is known of the receipts for a model's task.

    ``artifact`` is its id, empty where what runs was not exported by us; None until that is known. ``judged`` are its
    receipts, the newest first. ``progress`` is (variant, provider, done, total), ``started_at`` as of
    ``time.monotonic``; ``problem`` is why the last measurement, or reading the receipts, failed.
    """

    artifact: str | None = None
    judged: tuple[Judged, ...] = ()
    measuring: bool = False
    cancelling: bool = False
    waiting: bool = False
    progress: tuple[str, str, int, int] = ("", "", 0, 0)
    started_at: float = 0.0
    problem: WorkbenchError | None = None

    @property
    def newest(self) -> Judged | None:
        return self.judged[0] if self.judged else None


@dataclass
class _Held:
    """A state, and the jobs that will change it."""

    state: ReceiptState = field(default_factory=ReceiptState)
    looking: Job | None = None
    measuring: Job | None = None


class Receipts(QObject):
    """Keeps what is known by the name of a model and its task. Measurements wait for each other: each wants the
    machine to itself."""

    changed = Signal(str, str)  # the model's name, the task

    def __init__(self, core: Core, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._core = core
        self._background = background
        self._held: dict[Key, _Held] = {}

    @property
    def measuring(self) -> bool:
        """Whether something is measured, or waits for that."""
        return any(held.measuring for held in self._held.values())

    def state(self, name: str, task: str) -> ReceiptState:
        return self._of((name, task)).state

    def look(self, name: str, task: str, *, again: bool = False) -> None:
        """Read the receipts in the background, unless they are known; ``again`` reads them anyway."""
        key = (name, task)
        held = self._of(key)
        if held.looking or (held.state.artifact is not None and not again):
            return

        def work(job: Job) -> tuple[str, tuple[Judged, ...]]:
            workbench = self._core.workbench
            artifact = _artifact_of(workbench, name, task)
            if artifact is None:
                return "", ()
            found = workbench.receipts(artifact)
            return artifact.id, tuple(Judged(receipt, workbench.verdicts(receipt)) for receipt in found)

        def done(found: tuple[str, tuple[Judged, ...]]) -> None:
            held.looking = None
            self._put(key, artifact=found[0], judged=found[1])

        def failed(error: Exception) -> None:
            held.looking = None
            self._fail(key, error)

        held.looking = self._background.start(work, done=done, failed=failed)

    def forget(self, name: str) -> None:
        """What was known of a model may be true no more: it was exported, or its files were touched."""
        for key, held in tuple(self._held.items()):
            if key[0] == name and not held.measuring:
                held.state = replace(held.state, artifact=None)
                self.look(*key)

    def measure(self, name: str, task: str, source: Path | None = None) -> None:
        """Measure all variants on this machine, on the built-in samples, or on those in a file or folder."""
        key = (name, task)
        held = self._of(key)
        if held.measuring:
            return

        def work(job: Job) -> tuple[str, tuple[Judged, ...]]:
            job.tell(self._began, key)
            workbench = self._core.workbench
            artifact = _artifact_of(workbench, name, task)
            if artifact is None:
                return "", ()
            workbench.measure_receipt(
                artifact,
                samples=_samples(artifact, source),
                on_progress=_told(job, lambda progress: self._progress(key, progress)),
                cancellation=job.cancellation,
            )
            found = workbench.receipts(artifact)
            return artifact.id, tuple(Judged(receipt, workbench.verdicts(receipt)) for receipt in found)

        def done(found: tuple[str, tuple[Judged, ...]]) -> None:
            self._ended(key, artifact=found[0], judged=found[1])

        def failed(error: Exception) -> None:
            self._ended(key)
            self._fail(key, error)

        held.measuring = self._background.start(
            work, done=done, failed=failed, cancelled=lambda: self._ended(key), lane="receipt"
        )
        self._put(
            key, measuring=True, waiting=True, cancelling=False, progress=("", "", 0, 0), started_at=0.0, problem=None
        )

    def cancel(self, name: str, task: str) -> None:
        """Stop a measurement, or take it out of the line."""
        held = self._of((name, task))
        if held.measuring and not held.state.cancelling:
            held.measuring.cancel()
            self._put((name, task), cancelling=True)

    def _began(self, key: Key) -> None:
        self._put(key, waiting=False, started_at=time.monotonic())

    def _progress(self, key: Key, progress: tuple[str, str, int, int]) -> None:
        if self._of(key).measuring:
            self._put(key, progress=progress)

    def _ended(self, key: Key, **found: Any) -> None:
        self._of(key).measuring = None
        self._put(key, measuring=False, waiting=False, cancelling=False, **found)

    def _fail(self, key: Key, error: Exception) -> None:
        if not isinstance(error, WorkbenchError):
            raise error  # a bug, shown as one
        self._put(key, problem=error)

    def _of(self, key: Key) -> _Held:
        return self._held.setdefault(key, _Held())

    def _put(self, key: Key, **values: Any) -> None:
        held = self._of(key)
        held.state = replace(held.state, **values)
        self.changed.emit(*key)


def _artifact_of(workbench: Workbench, name: str, task: str) -> Artifact | None:
    """The export that runs for this model and task; None where other graphs do. Raises ModelError."""
    folder = workbench.target(name, task=task).choice.folder
    return next((item for item in workbench.artifacts().artifacts if str(item.folder) == folder), None)


def _samples(artifact: Artifact, source: Path | None) -> Any:
    """The user's samples as the artifact's task takes them; None for the built-in ones. Raises InputError."""
    if source is None:
        return None
    from workbench.sample_sources import read_samples
    from workbench.tasks.catalog import task_info

    return read_samples(task_info(artifact.task or ""), source, column=None, limit=MOST_SAMPLES)


def _told(job: Job, receiver: Callable[[tuple[str, str, int, int]], None]) -> Callable[[Mapping[str, Any]], None]:
    def tell(body: Mapping[str, Any]) -> None:
        job.tell(
            receiver,
            (
                str(body.get("precision", "")),
                str(body.get("provider", "")),
                int(body.get("done", 0)),
                int(body.get("total", 0)),
            ),
        )

    return tell
