"""A planned export from its toolchain to its report: the job, verified by the engine, its log kept in a file."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from workbench.cancellation import Cancellation
from workbench.engine.host import EngineHost
from workbench.errors import Cancelled, ModelError, Notice, WorkbenchError
from workbench.exporting.answers import Checkpoint
from workbench.exporting.job import run_export
from workbench.exporting.report import ExportedVariant, ExportReport
from workbench.exporting.spec import Event, ExportOutcome, LogLine, Progress, StageStarted
from workbench.exporting.toolchains import locate_toolchain
from workbench.library.artifacts import read_artifact
from workbench.library.variants import choose_variant, find_variants
from workbench.planning import ExportPlan
from workbench.receipts.files import RECEIPTS, newest_receipt
from workbench.receipts.measured_model import of_artifact
from workbench.receipts.measuring import measure
from workbench.receipts.receipt import Receipt
from workbench.receipts.verdicts import is_of_this_machine
from workbench.receipts.verification import verify_variant
from workbench.settings import Settings, data_dir
from workbench.targets import recommended_precision
from workbench.tasks.catalog import task_info

__all__ = ["export"]


def export(
    settings: Settings,
    engine: EngineHost,
    plan: ExportPlan,
    log_file: Path,
    on_event: Callable[[Event], None] | None = None,
    cancellation: Cancellation | None = None,
    *,
    receipt: bool = True,
) -> ExportReport:
    """Export, verify, publish, and measure a receipt unless nobody wants one.

    Raises ExportError, ToolchainError, Cancelled; none of them once the export is published: what became of its receipt
    then is a warning in the report.
    """
    began = time.monotonic()
    toolchain = locate_toolchain(data_dir(), python=settings.toolchain_python)
    tell = on_event or (lambda event: None)

    def verify(staged: Path, task: str, precision: str) -> Mapping[str, Any]:
        graphs = choose_variant(
            find_variants(staged), task_info(task).layouts, folder=staged, precision=precision
        ).graphs
        return verify_variant(
            engine,
            staged,
            graphs,
            task,
            precision,
            on_progress=lambda body: tell(Progress("verify", body["done"], body["total"], body["unit"])),
            cancellation=cancellation,
        )

    with _Log(log_file) as log:

        def keep(event: Event) -> None:
            if isinstance(event, LogLine):
                log.write(event.line)
            tell(event)

        outcome = run_export(
            plan.spec,
            toolchain=toolchain,
            artifacts_dir=settings.artifacts_folder,
            data_dir=data_dir(),
            verify=verify,
            on_event=keep,
            cancellation=cancellation,
        )
    measured = _Measured()
    if receipt:
        measured = _measure(settings, outcome, began, tell, cancellation)
    artifact = read_artifact(outcome.folder, f"{outcome.folder.parent.name}/{outcome.folder.name}")
    assert artifact.manifest is not None
    best = recommended_precision(artifact)
    variants = tuple(
        ExportedVariant(
            precision=item.precision,
            bytes=item.bytes,
            verification=item.verification,
            recommended=item.precision == best,
            added=item.precision in outcome.added,
        )
        for item in artifact.manifest.variants
    )
    elapsed_s = time.monotonic() - began
    return ExportReport(
        artifact=outcome.folder,
        variants=variants,
        total_s=elapsed_s,
        times_s={**outcome.times_s, **measured.times_s},
        worker_peak_bytes=outcome.worker_peak_bytes,
        receipt=measured.receipt,
        warnings=(*_left_out(plan, outcome), *measured.warnings),
    )


def _left_out(plan: ExportPlan, outcome: ExportOutcome) -> tuple[Notice, ...]:
    """Which precisions were not published, and which of a user's own samples not used, and why."""
    found = [Notice.of("export-left-out", **error.arguments) for error in outcome.left_out]
    if plan.skipped:
        name, reason = plan.skipped[0]
        found.append(Notice.of("samples-skipped", count=len(plan.skipped), sample=name, reason=reason))
    if outcome.skipped:
        number, reason = outcome.skipped[0]
        shown = str(plan.spec.samples[number])[:80]
        found.append(Notice.of("export-samples-skipped", count=len(outcome.skipped), sample=shown, reason=reason))
    if plan.spec.own_samples and not outcome.added:
        found.append(Notice.of("export-samples-not-used"))
    return tuple(found)


@dataclass(frozen=True)
class _Measured:
    receipt: Receipt | None = None
    warnings: tuple[Notice, ...] = ()
    times_s: Mapping[str, float] = field(default_factory=dict)


def _measure(
    settings: Settings,
    outcome: ExportOutcome,
    began: float,
    tell: Callable[[Event], None],
    cancellation: Cancellation | None,
) -> _Measured:
    """The receipt of what was published. Nothing was added and there is one of this machine: it is kept."""
    artifact = read_artifact(outcome.folder, outcome.folder.name)
    stored = newest_receipt(outcome.folder / RECEIPTS)
    if stored and not outcome.added and is_of_this_machine(stored):
        return _Measured(stored)
    started = time.monotonic()
    tell(StageStarted("receipt", started - began))

    def no_checkpoint() -> Checkpoint:
        raise ModelError("receipt-no-checkpoint", model=outcome.folder.name, commit="")

    try:
        model = of_artifact(artifact)
        count = len(model.variants)

        def progress(body: Mapping[str, Any]) -> None:
            # Each variant is timed and compared, on each provider: nobody knows yet on how many.
            place = [*model.variants].index(body["precision"]) if "precision" in body else 0
            tell(Progress("receipt", place + 1, count, "precisions"))

        made = measure(model, settings, checkpoint=no_checkpoint, on_progress=progress, cancellation=cancellation)
    except Cancelled:
        return _Measured(warnings=(Notice.of("receipt-stopped"),))
    except WorkbenchError as error:
        reason = [Notice(error.code, error.arguments).to_json()]
        return _Measured(warnings=(Notice.of("receipt-not-measured", reason=reason),))
    except OSError as error:
        reason = [Notice.of("verdict-other-reason", reason=error.strerror or str(error)).to_json()]
        return _Measured(warnings=(Notice.of("receipt-not-measured", reason=reason),))
    return _Measured(made.receipt, made.warnings, {"receipt": time.monotonic() - started})


class _Log:
    """A file of lines, begun with the first of them. That it cannot be written is no reason to lose an export."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: IO[str] | None = None

    def __enter__(self) -> _Log:
        return self

    def __exit__(self, *error: object) -> None:
        if self._stream:
            with contextlib.suppress(OSError):
                self._stream.close()

    def write(self, line: str) -> None:
        with contextlib.suppress(OSError):
            if self._stream is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._stream = self._path.open("w", encoding="utf-8", errors="backslashreplace", buffering=1)
            self._stream.write(line + "\n")
