"""A core that exports nothing and does it as the real one: from a thread, with events, errors and cancellation."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from workbench.cancellation import Cancellation
from workbench.errors import Cancelled, Notice, ToolchainError, WorkbenchError
from workbench.exporting.estimate import ExportEstimate
from workbench.exporting.report import ExportedVariant, ExportReport
from workbench.exporting.spec import Event, ExportSpec
from workbench.exporting.toolchains import ToolchainProbe, ToolchainStatus
from workbench.library.entries import Entry
from workbench.library.model import Support
from workbench.offers import Offer
from workbench.planning import ExportPlan
from workbench.receipts.receipt import Receipt
from workbench.receipts.verdicts import verdicts

__all__ = ["BROKEN", "MISSING", "NAME", "PICKLE", "USABLE", "FakeWorkbench", "Script", "entry", "report"]

NAME = "sentence-transformers/all-MiniLM-L6-v2"
TASKS = ("sentence-similarity", "feature-extraction")
PROBE = ToolchainProbe("3.11.7", {"torch": "2.13.0+cpu", "optimum": "2.1.0"}, {"bert": ("feature-extraction",)})
PYTHON = Path("/data/toolchains/optimum/bin/python")
USABLE = ToolchainStatus("optimum", PYTHON, True, PROBE, None)
MISSING = ToolchainStatus("optimum", None, True, None, ToolchainError("toolchain-missing", name="optimum"))
PICKLE = Notice.of("export-pickle-only", folder="/hub/old-bert", files="pytorch_model.bin")
BROKEN = ToolchainStatus(
    "optimum", PYTHON, True, None, ToolchainError("toolchain-broken", python=PYTHON, reason="no module named torch")
)


def entry(
    name: str = NAME,
    tasks: tuple[str, ...] = TASKS,
    *,
    there: tuple[str, ...] = (),
    confirm: Notice | None = None,
) -> Entry:
    return Entry(
        name=name,
        modality="text",
        standing="ready" if there else "export",
        reason=None,
        task=tasks[0],
        tasks=tasks if there else (),
        precisions=dict.fromkeys(tasks, there) if there else {},
        size_bytes=91_618_861,
        export=Support("confirm" if confirm else "yes", confirm, tasks),
    )


def report(folder: Path, precisions: tuple[str, ...] = ("fp32", "int8"), metric: str = "cosine") -> ExportReport:
    means = {"fp32": 1.0, "fp16": 0.99998, "int8": 0.9921}
    sizes = {"fp32": 90_900_000, "fp16": 45_500_000, "int8": 23_100_000}
    variants = tuple(
        ExportedVariant(
            precision=name,
            bytes=sizes[name],
            verification={"samples": 26, "outputs": {}, "agreement": {"metric": metric, "mean": means[name]}},
            recommended=name == precisions[-1],
            added=True,
        )
        for name in precisions
    )
    return ExportReport(folder, variants, 42.3, {"stage": 0.2, "load": 3.1, "export": 12.0}, 1_200_000_000)


@dataclass
class Script:
    """What one export does: ``steps`` are events to tell, errors to raise, and gates to wait at."""

    steps: list[Event | threading.Event | Exception] = field(default_factory=list)
    result: ExportReport | None = None


class FakeWorkbench:
    """Has what the export page calls. ``scripts`` are by the name of the model, for one export each."""

    def __init__(self, folder: Path) -> None:
        self.settings = SimpleNamespace(artifacts_folder=folder / "artifacts")
        self.settings.artifacts_folder.mkdir(parents=True)
        self.folder = folder
        self.status = USABLE
        self.scripts: dict[str, Script] = {}
        self.install_script: list[tuple[str, str] | threading.Event | Exception] = []
        self.disk_bytes = 160_000_000
        self.plan_error: WorkbenchError | None = None
        self.offers: tuple[Offer, ...] = ()
        self.calls: list[tuple[Any, ...]] = []
        self.own: list[Any] = []
        self.skipped: tuple[tuple[str, str], ...] = ()
        self.measured: tuple[Receipt, ...] = ()

    def plan_export(
        self, name: str, *, task: str | None, precisions: tuple[str, ...], allow_pickle: bool = False, own: Any = None
    ) -> ExportPlan:
        self.calls.append(("plan", name, task, precisions, allow_pickle))
        self.own.append(own)
        if self.plan_error:
            raise self.plan_error
        spec = ExportSpec(self.folder, name, "e8f90b98", task or "", "feature-extraction", precisions)
        estimate = ExportEstimate(22_700_000, 120_000_000, self.disk_bytes, 1_279_000_000)
        return ExportPlan(spec, estimate, self.offers, skipped=self.skipped)

    def export(
        self,
        plan: ExportPlan,
        on_event: Callable[[Event], None] | None = None,
        cancellation: Cancellation | None = None,
    ) -> ExportReport:
        name = plan.spec.repo_id
        self.calls.append(("export", name, plan.spec.task, plan.spec.precisions))
        script = self.scripts.pop(name, Script())
        assert on_event
        assert cancellation
        for step in script.steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, threading.Event):
                wait_at(step, cancellation)
            else:
                on_event(step)
            cancellation.check()
        return script.result or report(self.settings.artifacts_folder / "made")

    def measured_model(self, name: str, *, task: str) -> Any:
        return SimpleNamespace(name=name)

    def stored_receipts(self, model: Any) -> Any:
        return SimpleNamespace(receipts=self.measured, warnings=())

    def verdicts(self, receipt: Receipt) -> tuple[Notice, ...]:
        return verdicts(receipt)

    def export_log(self, plan: ExportPlan) -> Path:
        return self.folder / "logs" / f"export-{plan.spec.key}.log"

    def toolchain(self, name: str = "optimum", cancellation: Cancellation | None = None) -> ToolchainStatus:
        self.calls.append(("toolchain",))
        return self.status

    def remove_toolchain(self, name: str = "optimum") -> bool:
        self.calls.append(("remove",))
        return True

    def install_toolchain(
        self,
        name: str = "optimum",
        *,
        torch: str = "as-configured",
        on_progress: Callable[[str, str], None] | None = None,
        cancellation: Cancellation | None = None,
    ) -> None:
        self.calls.append(("install", torch))
        assert on_progress
        assert cancellation
        for step in self.install_script:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, threading.Event):
                wait_at(step, cancellation)
            else:
                on_progress(*step)
            cancellation.check()
        self.status = USABLE

    def said(self, what: str) -> list[tuple[Any, ...]]:
        return [call for call in self.calls if call[0] == what]


def wait_at(gate: threading.Event, cancellation: Cancellation) -> None:
    """Until the gate opens or the stop is asked for; Cancelled then."""
    with cancellation.calling(gate.set):
        gate.wait()
    if cancellation.requested:
        raise Cancelled
