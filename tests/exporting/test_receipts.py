"""The receipt that an export ends with: measured once, left out, stopped without losing the export."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workbench.api import Workbench
from workbench.cancellation import Cancellation
from workbench.errors import EngineError
from workbench.exporting.spec import Event, StageStarted
from workbench.planning import ExportPlan, OwnSamples
from workbench.receipts import measuring
from workbench.receipts.verification import MIN_COSINE
from workbench.settings import Settings

pytestmark = pytest.mark.toolchain


@pytest.fixture
def workbench(warm_toolchain: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    monkeypatch.setenv("WORKBENCH_TOOLCHAIN_PYTHON", str(warm_toolchain))
    monkeypatch.setattr(measuring, "TIMING_S", 0.02)
    with Workbench(Settings.load()) as opened:
        yield opened


def test_an_export_and_its_receipt(
    checkpoint: Callable[[str], Path], workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plan(*precisions: str) -> ExportPlan:
        return workbench.plan_export(str(checkpoint("bert")), task="text-classification", precisions=precisions)

    # Stopped while it is measured: the export is published all the same.
    cancellation = Cancellation()

    def stop(event: Event) -> None:
        if isinstance(event, StageStarted) and event.stage == "receipt":
            cancellation.cancel()

    report = workbench.export(plan("fp32"), on_event=stop, cancellation=cancellation)
    assert [notice.code for notice in report.warnings] == ["receipt-stopped"]
    assert report.receipt is None
    (artifact,) = workbench.artifacts().artifacts
    assert artifact.state == "ready"
    assert workbench.receipts(artifact) == ()

    # Nobody wants one.
    assert workbench.export(plan("fp32"), receipt=False).receipt is None

    # It cannot be measured.
    def fail(*_: object, **__: object) -> None:
        raise EngineError("engine-not-started", detail="no memory")

    with monkeypatch.context() as broken:
        broken.setattr(measuring, "working_providers", fail)
        report = workbench.export(plan("fp32"))
    assert [notice.code for notice in report.warnings] == ["receipt-not-measured"]
    assert "no memory" in str(report.warnings[0])

    # Measured, though nothing is exported; and not once more.
    first = workbench.export(plan("fp32"))
    assert first.receipt is not None
    assert first.receipt.rows[0].agreement is not None
    assert first.receipt.rows[0].agreement.mean == 1.0
    assert workbench.export(plan("fp32")).receipt == first.receipt
    assert workbench.receipts(artifact) == (first.receipt,)
    assert first.to_json()["receipt"]["rows"][0]["precision"] == "fp32"

    # Another precision makes another receipt, of all.
    stages: list[str] = []
    second = workbench.export(
        plan("int8"),
        on_event=lambda event: stages.append(event.stage) if isinstance(event, StageStarted) else None,
    )
    assert second.receipt is not None
    assert [row.precision for row in second.receipt.rows] == ["fp32", "int8"]
    assert stages[-1] == "receipt"
    assert second.times_s["receipt"] > 0
    assert workbench.receipts(artifact) == (second.receipt, first.receipt)


def test_samples_for_what_was_exported_already(
    checkpoint: Callable[[str], Path], workbench: Workbench, tmp_path: Path
) -> None:
    texts = tmp_path / "texts.csv"
    texts.write_text("text\nA good film.\nNot for me.\n", "utf-8")

    def codes(own: OwnSamples | None, *, force: bool = False) -> list[str]:
        plan = workbench.plan_export(
            str(checkpoint("bert")), task="text-classification", precisions=("fp32",), own=own, force=force
        )
        return [notice.code for notice in workbench.export(plan, receipt=False).warnings]

    assert codes(OwnSamples(texts, "text")) == []
    assert codes(None) == []
    assert codes(OwnSamples(texts, "text")) == ["export-samples-not-used"]
    assert codes(OwnSamples(texts, "text"), force=True) == []


def test_a_precision_that_disagrees_is_left_out_and_said_so(
    checkpoint: Callable[[str], Path], workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MIN_COSINE, "int8", 1.1)
    plan = workbench.plan_export(str(checkpoint("bert")), task="text-classification", precisions=("fp32", "int8"))
    report = workbench.export(plan, receipt=False)
    assert [item.precision for item in report.variants] == ["fp32"]
    assert [notice.code for notice in report.warnings] == ["export-left-out"]
    assert "int8 was left out" in str(report.warnings[0])
