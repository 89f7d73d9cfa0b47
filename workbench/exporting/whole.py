"""A planned export from its toolchain to its report: the job, verified by the engine, its log kept in a file."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from workbench.cancellation import Cancellation
from workbench.engine.host import EngineHost
from workbench.exporting.job import run_export
from workbench.exporting.report import ExportedVariant, ExportReport
from workbench.exporting.spec import Event, LogLine, Progress
from workbench.exporting.toolchains import locate_toolchain
from workbench.library.artifacts import read_artifact
from workbench.library.variants import choose_variant, find_variants
from workbench.planning import ExportPlan
from workbench.settings import Settings, data_dir
from workbench.targets import recommended_precision
from workbench.tasks.catalog import task_info
from workbench.verification import verify_variant

__all__ = ["export"]


def export(
    settings: Settings,
    engine: EngineHost,
    plan: ExportPlan,
    log_file: Path,
    on_event: Callable[[Event], None] | None = None,
    cancellation: Cancellation | None = None,
) -> ExportReport:
    """Export, verify, publish. Raises ExportError, ToolchainError, Cancelled."""
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
    return ExportReport(outcome.folder, variants, elapsed_s, outcome.times_s, outcome.worker_peak_bytes)


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
