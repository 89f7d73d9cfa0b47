"""All that a front may call: one :class:`Workbench` over the library, the engine and the exporter.

Methods block and may be called from any thread; a front with a window calls them from threads of its own. Importing
this module brings no runtime, no toolchain and no decoder with it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporters.protocol import CALIBRATIONS
from workbench.cancellation import Cancellation
from workbench.chatting import can_chat
from workbench.engine.host import EngineHost
from workbench.errors import AudioError, Notice, WorkbenchError
from workbench.exporting.spec import DEFAULT_TOOLCHAIN, Event
from workbench.library.artifacts import Artifact
from workbench.receipt_methods import ReceiptMethods
from workbench.settings import data_dir
from workbench.targets import RunTarget, Wish, choose_target, precisions_of, with_threads
from workbench.tasks.catalog import TASKS, TaskInfo
from workbench.tasks.samples import samples
from workbench.thread_choice import ThreadChoices, candidates, threads_file

# What only a run, a preview, an export, a comparison or the doctor needs is imported by the methods that do those:
# models are listed sooner in a window that opens.
if TYPE_CHECKING:
    from workbench import previews
    from workbench.audio.host import Devices, Recording
    from workbench.comparing import CompareRow, Comparison, Plan
    from workbench.doctor.diagnosis import Diagnosis
    from workbench.exporting.report import ExportReport
    from workbench.exporting.toolchain_install import Torch
    from workbench.exporting.toolchains import ToolchainStatus
    from workbench.planning import ExportPlan, OwnSamples
    from workbench.reports import BenchReport, ItemReport, PlacesReport, RunReport
    from workbench.results import Result

__all__ = ["RunTarget", "Wish", "Workbench"]


class Workbench(ReceiptMethods):
    """The core, opened with settings and closed by ``close`` or at the end of a ``with`` block."""

    # --- run ----------------------------------------------------------------------------------------------------

    def tasks(self) -> tuple[TaskInfo, ...]:
        return tuple(TASKS.values())

    def samples(self, task: TaskInfo) -> tuple[Any, ...]:
        """Built-in inputs of a task."""
        found = samples(task.id)
        return (list(found),) if task.gathers else found

    def target(
        self,
        model: str,
        *,
        revision: str | None = None,
        task: str | None = None,
        precision: str | None = None,
        provider: str | None = None,
        allow_fallback: bool = False,
        node_fallback: bool = True,
        threads: int | None = None,
    ) -> RunTarget:
        """What would run. Raises ModelError for a model that cannot, UsageError for words that are off.

        Without ``threads``, the setting counts; where that is 0, what was measured for this model and machine.
        """
        wish = Wish(
            task=task,
            precision=precision,
            provider=provider or self._settings.provider,
            allow_fallback=allow_fallback,
            threads=self._settings.usable_threads if threads is None else threads,
            node_fallback=node_fallback,
        )
        target = choose_target(self.find(model, revision), wish, self.artifacts)
        if threads is None and wish.threads == 0:
            target = with_threads(target, self.thread_choices.known(target.choice))
        return target

    def precisions(self, model: str, *, revision: str | None = None, task: str | None = None) -> tuple[str, ...]:
        """The precisions a model can run in, the most exact first. Raises ModelError, UsageError."""
        return precisions_of(self.find(model, revision), Wish(task=task), self.artifacts)

    def can_chat(self, target: RunTarget) -> bool:
        """Whether a conversation can be held with what would run: it writes text, and has a chat template."""
        return target.task.id == "text-generation" and can_chat(Path(target.choice.folder))

    def run(
        self,
        target: RunTarget,
        inputs: Sequence[Any],
        params: Mapping[str, Any],
        *,
        interactive: bool = True,
        on_item: Callable[[int, ItemReport], None] | None = None,
        on_partial: Callable[[int, Result], None] | None = None,
        on_progress: Callable[[Mapping[str, Any]], None] | None = None,
        cancellation: Cancellation | None = None,
    ) -> RunReport:
        """Answer all inputs, see :func:`workbench.running.run`. ``params`` come from ``check_params``.

        Raises ModelError for an export whose files are not those that were published.
        """
        from workbench import running

        self._check_files(target, on_progress, cancellation)
        return running.run(
            self.engine,
            target.choice,
            target.variant,
            inputs,
            params,
            interactive=interactive,
            on_item=on_item,
            on_partial=on_partial,
            on_progress=on_progress,
            cancellation=cancellation,
        )

    def places(
        self,
        target: RunTarget,
        item: Any,
        params: Mapping[str, Any],
        on_progress: Callable[[Mapping[str, Any]], None] | None = None,
        cancellation: Cancellation | None = None,
    ) -> PlacesReport:
        """Where the nodes of a model run, and their times, for one input; see :func:`workbench.running.places`."""
        from workbench import running

        self._check_files(target, on_progress, cancellation)
        return running.places(self.engine, target.choice, item, params, on_progress, cancellation)

    def picture(self, path: Path, max_px: int, cancellation: Cancellation | None = None) -> previews.Picture:
        """A picture file to show, with no side over ``max_px``. Raises InputError."""
        from workbench import previews

        return previews.picture(self.engine, path, max_px, cancellation)

    def overlay(self, path: Path, result: Result, cancellation: Cancellation | None = None) -> bytes:
        """A PNG of a picture file with boxes, masks or depth drawn over it. Raises InputError."""
        from workbench import previews

        return previews.overlay(self.engine, path, result, cancellation)

    def waveform(self, path: Path, buckets: int, cancellation: Cancellation | None = None) -> previews.Waveform:
        """The outline of a sound file to show. Raises InputError."""
        from workbench import previews

        return previews.waveform(self.engine, path, buckets, cancellation)

    def bench(
        self,
        target: RunTarget,
        inputs: Sequence[Any],
        params: Mapping[str, Any],
        rounds: int,
        on_progress: Callable[[Mapping[str, Any]], None] | None = None,
        cancellation: Cancellation | None = None,
    ) -> BenchReport:
        """Time a variant in an engine of its own, so that the peak memory is this model's alone."""
        from workbench import running

        self._check_files(target, on_progress, cancellation)
        host = EngineHost(self._settings.memory_limit_bytes)
        try:
            return running.bench(host, target.choice, target.variant, inputs, params, rounds, on_progress, cancellation)
        finally:
            host.close()

    def compare(
        self,
        plans: Sequence[Plan],
        inputs: Sequence[Any],
        params: Mapping[str, Any],
        rounds: int,
        *,
        on_row: Callable[[CompareRow], None] | None = None,
        on_progress: Callable[[str, int, int], None] | None = None,
        cancellation: Cancellation | None = None,
    ) -> Comparison:
        """Measure variants × providers × batches × threads, see :func:`workbench.comparing.compare`.

        What it tells of thread counts is kept for the runs to come.
        """
        from workbench.comparing import compare, thread_rates

        for target in {plan.target.variant: plan.target for plan in plans}.values():
            self._check_files(target, None, cancellation)
        comparison = compare(
            plans,
            inputs,
            params,
            rounds=rounds,
            memory_limit_bytes=self._settings.memory_limit_bytes,
            on_row=on_row,
            on_progress=on_progress,
            cancellation=cancellation,
        )
        rates = thread_rates(comparison.rows)
        for plan in {plan.target.variant: plan for plan in plans}.values():
            if plan.target.variant in rates:
                self.thread_choices.keep(plan.target.choice, rates[plan.target.variant])
        return comparison

    @property
    def thread_choices(self) -> ThreadChoices:
        """What is known of how many threads models run best with here."""
        return ThreadChoices(threads_file(data_dir()))

    def threads_of(self, artifact: Artifact) -> dict[str, int]:
        """By precision, how many threads an export runs best with on this machine's processor; of those that were
        measured here."""
        found: dict[str, int] = {}
        for variant in artifact.manifest.variants if artifact.manifest else ():
            with contextlib.suppress(WorkbenchError):  # of what cannot run nothing is known
                target = self.target(artifact.id, task=artifact.task, precision=variant.precision, threads=0)
                if threads := self.thread_choices.known(target.choice):
                    found[variant.precision] = threads
        return found

    def choose_threads(
        self,
        target: RunTarget,
        inputs: Sequence[Any],
        params: Mapping[str, Any],
        on_progress: Callable[[str, int, int], None] | None = None,
        cancellation: Cancellation | None = None,
    ) -> RunTarget:
        """The target with the number of threads that it runs best with on the CPU, measured now and kept; takes some
        seconds a count. Raises WorkbenchError where it does not run, or Cancelled."""
        from workbench.comparing import MAX_ROUNDS, plan_rows

        plans = plan_rows([target], ["cpu"], [1], candidates())
        comparison = self.compare(plans, inputs, params, MAX_ROUNDS, on_progress=on_progress, cancellation=cancellation)
        best = comparison.rows[0]
        if best.error:
            raise best.error
        return with_threads(target, self.thread_choices.known(target.choice) or best.threads)

    def working_providers(self, cancellation: Cancellation | None = None) -> tuple[str, ...]:
        """Short names of the providers that run a graph here, best first; takes a second. Raises WorkbenchError."""
        answer = self.engine.call("providers", {}, doing=Notice.of("doing-providers"), cancellation=cancellation)
        return tuple(row["name"] for row in answer["providers"] if row["works"])

    # --- microphone and loudspeaker -----------------------------------------------------------------------------

    @property
    def recordings_folder(self) -> Path:
        """Where recordings are kept, each a WAV file named by the time it began."""
        return data_dir() / "recordings"

    def microphones(self, refresh: bool = False) -> Devices:
        """What there is to record from and to play to; ``refresh`` looks for what was plugged in. Raises AudioError."""
        return self.audio.devices(refresh)

    def record(
        self,
        *,
        device: str | None,
        stop: Cancellation,
        on_level: Callable[[float, float], None],
        cancellation: Cancellation | None = None,
    ) -> Recording:
        """Record into a new file of ``recordings_folder`` until ``stop``, see :meth:`AudioHost.record`."""
        folder = self.recordings_folder
        path = folder / f"{time.strftime('%Y-%m-%d %H.%M.%S')}.wav"
        for number in range(2, 100):
            if not path.exists():
                break
            path = path.with_stem(f"{path.stem.partition(' (')[0]} ({number})")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise AudioError("recording-not-written", file=path, reason=reason) from error
        return self.audio.record(path, device, stop=stop, on_level=on_level, cancellation=cancellation)

    def play(
        self,
        path: Path,
        start_s: float,
        on_position: Callable[[float], None],
        cancellation: Cancellation | None = None,
    ) -> None:
        """Play a sound file from ``start_s`` to its end. Raises InputError, AudioError, Cancelled."""
        from workbench import previews

        blocks = previews.stretches(self.engine, path, start_s, cancellation)
        self.audio.play(blocks, on_position=on_position, cancellation=cancellation)

    # --- export -------------------------------------------------------------------------------------------------

    def plan_export(
        self,
        model: str,
        *,
        revision: str | None = None,
        task: str | None = None,
        precisions: tuple[str, ...] = (),
        force: bool = False,
        allow_pickle: bool = False,
        own: OwnSamples | None = None,
        calibration: str = CALIBRATIONS[0],
    ) -> ExportPlan:
        """What an export would be and need. Raises what :func:`workbench.planning.plan_export` raises."""
        from workbench.planning import plan_export

        return plan_export(
            self.find(model, revision),
            task=task,
            precisions=precisions,
            force=force,
            allow_pickle=allow_pickle,
            artifacts_dir=self._settings.artifacts_folder,
            own=own,
            calibration=calibration,
        )

    def export(
        self,
        plan: ExportPlan,
        on_event: Callable[[Event], None] | None = None,
        cancellation: Cancellation | None = None,
        *,
        receipt: bool = True,
    ) -> ExportReport:
        """Export, verify, publish, and measure a receipt. What libraries say is kept in ``export_log(plan)`` too.

        Raises ExportError, ToolchainError, Cancelled; none of them once the export is published.
        """
        from workbench.exporting.whole import export

        log = self.export_log(plan)
        return export(self._settings, self.engine, plan, log, on_event, cancellation, receipt=receipt)

    def export_log(self, plan: ExportPlan) -> Path:
        """Where the log of this export is kept; the last one of its kind."""
        return data_dir() / "logs" / f"export-{plan.spec.key}.log"

    def toolchains(self, cancellation: Cancellation | None = None) -> tuple[ToolchainStatus, ...]:
        """Every toolchain there can be and what is known of it; asking one for the first time takes some seconds."""
        from workbench.exporting.toolchains import available_toolchains

        return tuple(self.toolchain(name, cancellation) for name in available_toolchains())

    def toolchain(self, name: str = DEFAULT_TOOLCHAIN, cancellation: Cancellation | None = None) -> ToolchainStatus:
        """One toolchain. A missing or a broken one raises nothing: that is its ``problem``. Raises Cancelled."""
        from workbench.exporting.toolchains import toolchain_status

        python = self._settings.toolchain_python if name == DEFAULT_TOOLCHAIN else None
        return toolchain_status(data_dir(), name, python, cancellation)

    def install_toolchain(
        self,
        name: str = DEFAULT_TOOLCHAIN,
        *,
        torch: Torch = "as-configured",
        wheelhouse: Path | None = None,
        on_progress: Callable[[str, str], None] | None = None,
        cancellation: Cancellation | None = None,
    ) -> None:
        """Install or finish installing a toolchain. Raises UsageError, ToolchainError, Cancelled."""
        from workbench.exporting.toolchain_install import install_toolchain

        install_toolchain(
            data_dir(),
            name,
            torch=torch,
            wheelhouse=wheelhouse,
            on_progress=on_progress,
            cancellation=cancellation,
        )

    def remove_toolchain(self, name: str = DEFAULT_TOOLCHAIN) -> bool:
        """Remove a toolchain that the workbench installed; False when there was none.

        Raises UsageError, ToolchainError.
        """
        from workbench.exporting.toolchains import remove_toolchain

        return remove_toolchain(data_dir(), name)

    # --- the rest -----------------------------------------------------------------------------------------------

    def doctor(self, cancellation: Cancellation | None = None) -> Diagnosis:
        """Versions, wheels, providers, PortAudio, toolchains, folders; takes a second or two. Raises Cancelled."""
        from workbench.doctor.diagnosis import diagnose

        return diagnose(self._settings, self.engine, self.toolchains(cancellation), cancellation)
