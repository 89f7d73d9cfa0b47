"""``export`` and ``toolchain``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from exporters.protocol import PRECISIONS
from workbench.api import Workbench
from workbench.cancellation import Cancellation
from workbench.cli.lists import words_of
from workbench.cli.output import ProgressLine, print_json, table
from workbench.errors import UsageError
from workbench.exporting.report import ExportReport
from workbench.exporting.spec import Event, LogLine, Progress, StageStarted
from workbench.planning import DEFAULT_SAMPLES, OwnSamples
from workbench.units import duration, size

__all__ = ["export", "toolchain"]

STAGE_TEXTS = {
    "stage": "copying the checkpoint",
    "load": "loading the checkpoint",
    "export": "exporting to ONNX",
    "quantize": "quantizing",
    "reference": "recording torch's answers",
    "verify": "verifying",
    "publish": "publishing",
    "receipt": "measuring speed and agreement",
}


def export(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> int:
    """Export, verify and publish; prints what each precision became."""
    plan = workbench.plan_export(
        arguments.model,
        revision=arguments.revision,
        task=arguments.task,
        precisions=words_of("--precision", arguments.precision),
        force=arguments.force,
        allow_pickle=arguments.allow_pickle,
        own=_own_samples(arguments),
        calibration=arguments.calibration,
    )
    need = plan.estimate
    print(
        f"{plan.spec.repo_id}: {plan.spec.task}, {', '.join(plan.spec.precisions)}; "
        f"needs up to {size(need.disk_bytes)} of disk and about {size(need.memory_bytes)} of memory",
        file=sys.stderr,
    )
    print(f"  log: {workbench.export_log(plan)}", file=sys.stderr)
    for name in plan.spec.precisions:
        if note := PRECISIONS[name].note:
            print(f"  {name}: {note}", file=sys.stderr)
    line = ProgressLine()

    def show(event: Event) -> None:
        match event:
            case StageStarted(stage):
                line.show(STAGE_TEXTS.get(stage, stage))
            case Progress(stage, done, total, unit):
                line.show(STAGE_TEXTS.get(stage, stage), done, total, unit)
            case LogLine():
                pass  # kept in the log

    report = workbench.export(plan, on_event=show, cancellation=cancellation, receipt=not arguments.no_receipt)
    line.clear()
    for notice in report.warnings:
        print(f"workbench: {notice}", file=sys.stderr)
    if arguments.json:
        print_json(report.to_json())
    else:
        print(_report_text(report))
        if report.receipt:
            print("\n" + "\n".join(str(verdict) for verdict in workbench.verdicts(report.receipt)))
    return 0


def _own_samples(arguments: Any) -> OwnSamples | None:
    """Raises UsageError for words about samples that are not given."""
    if arguments.samples:
        return OwnSamples(Path(arguments.samples), arguments.column, arguments.sample_count or DEFAULT_SAMPLES)
    if arguments.column or arguments.sample_count:
        raise UsageError("usage-no-samples")
    return None


def toolchain(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> int:
    """Install, look at or remove an export toolchain."""
    line = ProgressLine()
    if arguments.action == "install":
        wheelhouse = Path(arguments.wheelhouse) if arguments.wheelhouse else None
        workbench.install_toolchain(
            arguments.name,
            torch=arguments.torch,
            wheelhouse=wheelhouse,
            on_progress=lambda step, _: line.show(step),
            cancellation=cancellation,
        )
        line.clear()
        status = workbench.toolchain(arguments.name, cancellation)
        if arguments.json:
            print_json(status.to_json())
        else:
            print(status)
        return 0
    if arguments.action == "remove":
        removed = workbench.remove_toolchain(arguments.name)
        said = "removed" if removed else "was not there"
        print(f"the export toolchain {arguments.name} {said}", file=sys.stderr)
    statuses = workbench.toolchains(cancellation)
    if arguments.json:
        print_json({"toolchains": [status.to_json() for status in statuses]})
    else:
        for status in statuses:
            print(status)
    return 0


def _report_text(report: ExportReport) -> str:
    rows = []
    for variant in report.variants:
        agreement = variant.verification.get("agreement", {})
        difference = max((o["max_abs_diff"] for o in variant.verification.get("outputs", {}).values()), default=None)
        rows.append(
            (
                variant.precision + (" (recommended)" if variant.recommended else ""),
                size(variant.bytes),
                f"{agreement['metric']} {agreement['mean']:.4f}" if agreement else "–",
                "–" if difference is None else f"{difference:.2g}",
                "made now" if variant.added else "was there",
            )
        )
    text = table(("precision", "size", "agreement with torch", "largest difference", ""), rows, right=(1, 3))
    return f"{text}\n{report.artifact} ({duration(report.total_s)})"
