"""Exports and the toolchain they need, for the window: what runs, what waits, how far it is. No widgets."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from workbench.errors import Cancelled, ToolchainError, WorkbenchError
from workbench.gui.background import Background, Job
from workbench.gui.core import Core
from workbench.gui.export_state import ExportState, InstallState, Timed

if TYPE_CHECKING:
    from workbench.exporting.report import ExportReport
    from workbench.exporting.spec import Event
    from workbench.exporting.toolchain_install import Torch
    from workbench.exporting.toolchains import ToolchainStatus
    from workbench.planning import ExportPlan, OwnSamples

__all__ = ["ExportState", "Exports", "InstallState"]

TICK_MS = 100
# What an installation can mend, where the toolchain is one of ours.
INSTALLABLE = ("toolchain-missing", "toolchain-unfinished", "toolchain-broken")


class Exports(QObject):
    """One export at a time; others wait in the order in which they were started."""

    changed = Signal(str)  # the model's name, at most some ten times a second
    finished = Signal(str)  # it ended in any way
    toolchain_changed = Signal()

    def __init__(self, core: Core, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._core = core
        self._background = background
        self._states: dict[str, ExportState] = {}
        self._jobs: dict[str, Job] = {}
        self._planning: Job | None = None
        self._checking: Job | None = None
        self._installing: Job | None = None
        self.toolchain_status: ToolchainStatus | None = None
        self.install_state: InstallState | None = None
        self._seconds: dict[str, int] = {}
        self._touched: set[str] = set()
        self._install_touched = False
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)

    # --- exports ------------------------------------------------------------------------------------------------

    def plan(
        self,
        name: str,
        task: str | None,
        precisions: tuple[str, ...],
        allow_pickle: bool,
        receiver: Callable[[ExportPlan], None],
        failed: Callable[[WorkbenchError], None],
        source: Path | None = None,
    ) -> None:
        """Work out what an export would need; only the last plan that was asked for is answered."""
        if self._planning:
            self._planning.cancel()

        def work(job: Job) -> ExportPlan:
            from workbench.exporting.estimate import check_disk

            workbench = self._core.workbench
            plan = workbench.plan_export(
                name, task=task, precisions=precisions, allow_pickle=allow_pickle, own=_own(source)
            )
            folder = workbench.settings.artifacts_folder
            # One that adds to a published artifact needs less than the estimate, and is checked when it starts.
            if not (folder / plan.spec.repo_folder / plan.spec.folder_name).exists():
                check_disk(plan.estimate, folder)
            return plan

        def answer(result: ExportPlan) -> None:
            if self._planning is job:
                receiver(result)

        def refuse(error: Exception) -> None:
            if not isinstance(error, WorkbenchError):
                raise error
            if self._planning is job:
                failed(error)

        job = self._background.start(work, done=answer, failed=refuse, lane="export-plan")
        self._planning = job

    def start(
        self,
        entry_name: str,
        task: str,
        precisions: tuple[str, ...],
        allow_pickle: bool,
        source: Path | None = None,
    ) -> None:
        """Begin an export, or put it in line; ``source`` are the user's samples. Does nothing for a model whose export
        runs or waits."""
        if entry_name in self._jobs:
            return
        state = ExportState(name=entry_name, task=task, precisions=precisions, allow_pickle=allow_pickle, source=source)

        def work(job: Job) -> ExportReport:
            job.tell(self._began, state)
            workbench = self._core.workbench
            plan = workbench.plan_export(
                entry_name, task=task, precisions=precisions, allow_pickle=allow_pickle, own=_own(source)
            )
            job.tell(self._logs_at, state, workbench.export_log(plan))
            return workbench.export(plan, lambda event: job.tell(self._event, state, event), job.cancellation)

        self._states[entry_name] = state
        self._jobs[entry_name] = self._background.start(
            work,
            done=lambda report: self._done(state, report),
            failed=lambda error: self._failed(state, error),
            cancelled=lambda: self._end(state, Cancelled()),
            lane="export",
        )
        self._timer.start()
        self.changed.emit(entry_name)

    def cancel(self, name: str) -> None:
        """Stop an export, or take it out of the line."""
        job, state = self._jobs.get(name), self._states.get(name)
        if not job or not state or state.cancelling:
            return
        state.cancelling = True
        job.cancel()
        if state.waiting:
            self._end(state, Cancelled())
        else:
            self.changed.emit(name)

    def state(self, name: str) -> ExportState | None:
        """The export of a model that runs or waits, or the last that ended."""
        return self._states.get(name)

    def forget(self, name: str) -> None:
        """Let go of what an export that ended has left to say."""
        if name not in self._jobs and name in self._states:
            del self._states[name]
            self.changed.emit(name)

    def running(self) -> tuple[str, ...]:
        """The models whose exports run or wait, in their order."""
        return tuple(self._jobs)

    def _began(self, state: ExportState) -> None:
        if state.outcome is None:
            state.started_at = time.monotonic()
            self._touched.add(state.name)

    def _logs_at(self, state: ExportState, path: Path) -> None:
        state.log_path = path

    def _event(self, state: ExportState, event: Event) -> None:
        from workbench.exporting.spec import LogLine, Progress, StageStarted

        if state.outcome is not None:
            return
        self._touched.add(state.name)
        match event:
            case StageStarted(stage, elapsed_s):
                if state.stage:
                    spent = elapsed_s - state.stage_began_s
                    state.done[state.stage] = state.done.get(state.stage, 0.0) + spent
                state.stage, state.stage_began_s, state.progress = stage, elapsed_s, (0, 0, "")
            case Progress(stage, done, total, unit):
                if stage == state.stage:
                    state.progress = (done, total, unit)
            case LogLine(line):
                state.log.add(line)

    def _done(self, state: ExportState, report: ExportReport) -> None:
        state.done = dict(report.times_s)
        self._end(state, report)

    def _failed(self, state: ExportState, error: Exception) -> None:
        if isinstance(error, ToolchainError):
            self.check_toolchain()
        elif isinstance(error, WorkbenchError) and error.code == "export-toolchain-unfit":
            self._unfit(str(error.arguments.get("reason", "")))
        self._end(state, error)
        if not isinstance(error, WorkbenchError):
            raise error  # a bug, shown as one

    def _end(self, state: ExportState, outcome: ExportReport | Exception) -> None:
        if state.outcome is not None:  # it was taken out of the line before
            return
        state.outcome = outcome
        state.ended_at = time.monotonic()
        self._jobs.pop(state.name, None)
        self._touched.discard(state.name)
        self._seconds.pop(state.name, None)
        self._rest()
        self.changed.emit(state.name)
        self.finished.emit(state.name)

    # --- toolchain ----------------------------------------------------------------------------------------------

    def check_toolchain(self) -> None:
        """Ask what the toolchain is, in the background; ``toolchain_status`` has the answer."""
        if self._checking or self._installing:
            return

        def answer(status: ToolchainStatus) -> None:
            self._checking = None
            self.toolchain_status = status
            self.toolchain_changed.emit()

        def failed(error: Exception) -> None:
            self._checking = None
            raise error  # what is wrong with a toolchain is no exception but its status

        self._checking = self._background.start(
            lambda job: self._core.workbench.toolchain(cancellation=job.cancellation), done=answer, failed=failed
        )

    @property
    def installable(self) -> bool:
        """Whether an installation is what the toolchain lacks, or would bring it up to date."""
        status = self.toolchain_status
        lacking = bool(status and status.problem and status.managed and status.problem.code in INSTALLABLE)
        return lacking or bool(status and status.outdated)

    @property
    def installing(self) -> bool:
        return self._installing is not None

    def install_toolchain(self, torch: Torch = "as-configured") -> None:
        """Install the toolchain, go on with a broken-off installation, or put a broken one anew."""
        if self._installing or not self.installable:
            return
        status = self.toolchain_status
        broken = bool(status and status.problem and status.problem.code == "toolchain-broken")
        state = InstallState(started_at=time.monotonic())

        def work(job: Job) -> None:
            workbench = self._core.workbench
            if broken:  # one that is complete by its marker would be left as it is
                job.tell(self._install_event, state, "remove", "")
                workbench.remove_toolchain()
            workbench.install_toolchain(
                torch=torch,
                on_progress=lambda step, line: job.tell(self._install_event, state, step, line),
                cancellation=job.cancellation,
            )

        self.install_state = state
        self._installing = self._background.start(
            work,
            done=lambda _: self._install_ended(state),
            failed=lambda error: self._install_ended(state, error=error),
            cancelled=lambda: self._install_ended(state, cancelled=True),
        )
        self._timer.start()
        self.toolchain_changed.emit()

    def cancel_install(self) -> None:
        if self._installing and self.install_state and not self.install_state.cancelling:
            self.install_state.cancelling = True
            self._installing.cancel()
            self.toolchain_changed.emit()

    def _install_event(self, state: InstallState, step: str, line: str) -> None:
        state.step, state.line = step, line
        if line:
            state.log.add(line)
        self._install_touched = True

    def _install_ended(self, state: InstallState, *, error: Exception | None = None, cancelled: bool = False) -> None:
        state.error, state.cancelled, state.ended_at = error, cancelled, time.monotonic()
        self._installing = None
        if not error and not cancelled:
            self.install_state = self.toolchain_status = None
        self._seconds.pop("", None)
        self._rest()
        self.check_toolchain()
        self.toolchain_changed.emit()
        if error and not isinstance(error, WorkbenchError):
            raise error  # a bug, shown as one

    def _unfit(self, reason: str) -> None:
        """An export found what a probe does not look at."""
        status = self.toolchain_status
        if status and status.usable:
            problem = ToolchainError("toolchain-broken", python=status.python, reason=reason)
            self.toolchain_status = replace(status, probe=None, problem=problem)
            self.toolchain_changed.emit()

    # --- signals, now and then ----------------------------------------------------------------------------------

    def _tick(self) -> None:
        for name in tuple(self._jobs):
            if self._due(name, self._states[name]) or name in self._touched:
                self._touched.discard(name)
                self.changed.emit(name)
        if self._installing and self.install_state and self._due("", self.install_state):
            self._install_touched = True
        if self._install_touched:
            self._install_touched = False
            self.toolchain_changed.emit()

    def _due(self, key: str, state: Timed) -> bool:
        """Whether another second has passed since the last look."""
        seconds = int(state.elapsed_s)
        before = self._seconds.get(key)
        self._seconds[key] = seconds
        return seconds != before

    def _rest(self) -> None:
        if not self._jobs and not self._installing:
            self._timer.stop()


def _own(source: Path | None) -> OwnSamples | None:
    from workbench.planning import OwnSamples

    return OwnSamples(source) if source else None
