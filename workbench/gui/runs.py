"""Running a model, for the window: one run at a time, its answers as they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from workbench.gui.background import Background, Job
from workbench.gui.core import Core

if TYPE_CHECKING:
    from workbench.api import RunTarget
    from workbench.results import Result
    from workbench.running import ItemReport

__all__ = ["Order", "Runs"]


@dataclass(frozen=True)
class Order:
    """What to run: names as the library has them, inputs as the task takes them, ``titles`` to show for each input
    and ``model_title`` for the model.

    ``precision`` None is the recommended one. ``params`` are those that differ from the defaults.
    """

    model: str
    task: str
    precision: str | None
    provider: str
    inputs: Sequence[Any]
    titles: Sequence[str]
    params: Mapping[str, Any]
    model_title: str = ""


class Runs(QObject):
    """Emits what happens to the run that goes on. A new order waits for nobody: the one before is cancelled."""

    started = Signal(object)  # Order
    loaded = Signal(object)  # RunTarget: what was chosen
    item_done = Signal(int, object)  # ItemReport
    partial = Signal(int, object)  # Result, still growing
    progress = Signal(object)  # mapping with stage, done, total, unit
    finished = Signal(object)  # RunReport
    failed = Signal(object)  # Exception
    cancelled = Signal()
    dropped = Signal()  # nobody is interested any more; nothing else of it is told

    def __init__(self, core: Core, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._core = core
        self._background = background
        self._job: Job | None = None

    @property
    def running(self) -> bool:
        return self._job is not None

    def start(self, order: Order) -> None:
        self.drop()
        holder: list[Job] = []

        def mine(signal: Any, *args: Any) -> None:
            if holder and self._job is holder[0]:  # what an older run still tells is of no interest
                signal.emit(*args)

        def end(signal: Any, *args: Any) -> None:
            if holder and self._job is holder[0]:
                self._job = None
                signal.emit(*args)

        def work(job: Job) -> Any:
            from workbench.tasks.catalog import check_params

            workbench = self._core.workbench
            target: RunTarget = workbench.target(
                order.model, task=order.task, precision=order.precision, provider=order.provider
            )
            job.tell(mine, self.loaded, target)

            def item(index: int, report: ItemReport) -> None:
                job.tell(mine, self.item_done, index, report)

            def growing(index: int, result: Result) -> None:
                job.tell(mine, self.partial, index, result)

            return workbench.run(
                target,
                order.inputs,
                check_params(target.task, order.params),
                on_item=item,
                on_partial=growing,
                on_progress=lambda body: job.tell(mine, self.progress, dict(body)),
                cancellation=job.cancellation,
            )

        job = self._background.start(
            work,
            done=lambda report: end(self.finished, report),
            failed=lambda error: end(self.failed, error),
            cancelled=lambda: end(self.cancelled),
        )
        holder.append(job)
        self._job = job
        self.started.emit(order)

    def drop(self) -> None:
        """Stop the run and forget it at once."""
        if self._job:
            self._job.cancel()
            self._job = None
            self.dropped.emit()

    def cancel(self) -> None:
        """Stop the run; ``cancelled`` comes when it has stopped, unless another was started meanwhile."""
        if self._job:
            self._job.cancel()
