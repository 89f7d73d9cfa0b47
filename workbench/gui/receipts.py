"""Receipts of exported models, for the window: which there are, measuring a new one. No widgets."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from workbench.errors import Notice, WorkbenchError
from workbench.gui.background import Background, Job
from workbench.gui.core import Core

if TYPE_CHECKING:
    from workbench.api import Workbench
    from workbench.receipts.measured_model import MeasuredModel
    from workbench.receipts.receipt import Receipt

__all__ = ["Judged", "MeasureProgress", "ReceiptState", "Receipts"]

Key = tuple[str, str]
MOST_SAMPLES = 200


@dataclass(frozen=True)
class Judged:
    """A receipt and its verdicts in words, one for each of its rows."""

    receipt: Receipt
    verdicts: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class MeasureProgress:
    """``stage`` is ``answers`` (the original is asked), ``time`` or ``verify``; empty before the first."""

    stage: str = ""
    precision: str = ""
    provider: str = ""
    done: int = 0
    total: int = 0

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> MeasureProgress:
        """From what the core tells."""
        stage, precision, provider = (str(body.get(name, "")) for name in ("stage", "precision", "provider"))
        return cls(stage, precision, provider, int(body.get("done", 0)), int(body.get("total", 0)))


@dataclass(frozen=True)
class ReceiptState:
    """What is known of the receipts for a model's task.

    ``measurable`` is whether it can run and so be measured, None until that is known. ``judged`` are its receipts, the
    newest first; ``warnings`` are about those that cannot be read, or about the one measured last. ``started_at`` is
    as of ``time.monotonic``; ``problem`` is why the last measurement failed.
    """

    measurable: bool | None = None
    judged: tuple[Judged, ...] = ()
    warnings: tuple[Notice, ...] = ()
    measuring: bool = False
    cancelling: bool = False
    waiting: bool = False
    progress: MeasureProgress = MeasureProgress()
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
        if held.looking or (held.state.measurable is not None and not again):
            return

        def work(job: Job) -> dict[str, Any]:
            workbench = self._core.workbench
            return _stored(workbench, workbench.measured_model(name, task=task))

        def done(found: dict[str, Any]) -> None:
            held.looking = None
            self._put(key, **found)

        def failed(error: Exception) -> None:
            held.looking = None
            if not isinstance(error, WorkbenchError):
                raise error  # a bug, shown as one
            self._put(key, measurable=False, judged=(), warnings=())

        held.looking = self._background.start(work, done=done, failed=failed)

    def forget(self, name: str) -> None:
        """What was known of a model may be true no more: it was exported, or its files were touched."""
        for key, held in tuple(self._held.items()):
            if key[0] == name and not held.measuring:
                held.state = replace(held.state, measurable=None)
                self.look(*key)

    def measure(self, name: str, task: str, source: Path | None = None) -> None:
        """Measure all variants on this machine, on the built-in samples, or on those in a file or folder."""
        key = (name, task)
        held = self._of(key)
        if held.measuring:
            return

        def work(job: Job) -> dict[str, Any]:
            job.tell(self._began, key)
            workbench = self._core.workbench
            model = workbench.measured_model(name, task=task)
            made = workbench.new_receipt(
                model,
                samples=_samples(model, source),
                on_progress=lambda body: job.tell(self._progress, key, MeasureProgress.of(body)),
                cancellation=job.cancellation,
            )
            found = _stored(workbench, model)
            if made.file is None:  # it could not be kept, and is shown all the same
                found["judged"] = (Judged(made.receipt, workbench.verdicts(made.receipt)), *found["judged"])
            return {**found, "warnings": (*made.warnings, *found["warnings"])}

        def failed(error: Exception) -> None:
            self._ended(key, problem=error if isinstance(error, WorkbenchError) else None)
            if not isinstance(error, WorkbenchError):
                raise error  # a bug, shown as one

        held.measuring = self._background.start(
            work,
            done=lambda found: self._ended(key, **found),
            failed=failed,
            cancelled=lambda: self._ended(key),
            lane="receipt",
        )
        fresh = {"progress": MeasureProgress(), "started_at": 0.0, "problem": None, "warnings": ()}
        self._put(key, measuring=True, waiting=True, cancelling=False, **fresh)

    def cancel(self, name: str, task: str) -> None:
        """Stop a measurement, or take it out of the line."""
        held = self._of((name, task))
        if held.measuring and not held.state.cancelling:
            held.measuring.cancel()
            self._put((name, task), cancelling=True)

    def _began(self, key: Key) -> None:
        self._put(key, waiting=False, started_at=time.monotonic())

    def _progress(self, key: Key, progress: MeasureProgress) -> None:
        if self._of(key).measuring:
            self._put(key, progress=progress)

    def _ended(self, key: Key, **found: Any) -> None:
        self._of(key).measuring = None
        self._put(key, measuring=False, waiting=False, cancelling=False, **found)

    def _of(self, key: Key) -> _Held:
        return self._held.setdefault(key, _Held())

    def _put(self, key: Key, **values: Any) -> None:
        held = self._of(key)
        held.state = replace(held.state, **values)
        self.changed.emit(*key)


def _stored(workbench: Workbench, model: MeasuredModel) -> dict[str, Any]:
    """What is known of a model's receipts, as fields of a state."""
    stored = workbench.stored_receipts(model)
    judged = tuple(Judged(receipt, workbench.verdicts(receipt)) for receipt in stored.receipts)
    return {"measurable": True, "judged": judged, "warnings": stored.warnings}


def _samples(model: MeasuredModel, source: Path | None) -> Any:
    """The user's samples as the model's task takes them; None for the built-in ones. Raises InputError."""
    if source is None:
        return None
    from workbench.samples.sources import read_samples

    return read_samples(model.task, source, column=None, limit=MOST_SAMPLES)
