"""Receipts made by hand, and a core that measures by a script, from a thread, with progress, errors and stops."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from workbench.cancellation import Cancellation
from workbench.errors import Cancelled, Notice
from workbench.library.entries import Entry
from workbench.receipts.receipt import Agreed, Machine, Receipt, ReceiptRow, SampleSet, Speed, WorstSample
from workbench.receipts.verdicts import verdicts
from workbench.tasks.catalog import TASKS

__all__ = ["NAME", "TASK", "FakeWorkbench", "agreed", "entry", "receipt", "speed"]

NAME = "sentence-transformers/all-MiniLM-L6-v2"
TASK = "sentence-similarity"
WORST = (
    WorstSample(3, "The train was <b>late</b>.", "0.12 -0.04 …", "0.13 -0.05 …", 0.9712),
    WorstSample(17, "She bakes bread.", "0.02 0.14 …", "0.03 0.15 …", 0.9823),
    WorstSample(20, "The same.", "0.1 …", "0.1 …", 1.0),
)
FAILED = {
    "type": "ProviderError",
    "code": "provider-unknown",
    "message": "there is no provider",
    "arguments": {"provider": "cuda", "known": "cpu"},
}


def agreed(mean: float, differing: int = 0, worst: tuple[WorstSample, ...] = (), metric: str = "cosine") -> Agreed:
    return Agreed(metric, mean, mean - 0.002, min(1.0, mean + 0.001), 26, differing, worst)


def speed(per_s: float) -> Speed:
    return Speed(0.16, 2 / per_s, 1 / per_s, 1.2 / per_s, per_s, 200, 2, 214_000_000)


def receipt(*, created: str = "2026-11-29T21:40:00+00:00", failed: bool = False, **changes: Any) -> Receipt:
    """fp32 and int8 on the CPU; with ``failed`` one on CUDA that could not be measured."""
    rows = (
        ReceiptRow("fp32", "cpu", 90_900_000, agreed(1.0), speed(160), providers_got=("cpu",)),
        ReceiptRow("int8", "cpu", 23_100_000, agreed(0.9921, 2, WORST), speed(320), providers_got=("cpu",)),
    )
    if failed:
        rows += (ReceiptRow("int8", "cuda", 23_100_000, None, None, error=FAILED),)
    made = Receipt(
        repo_id=NAME,
        commit="e8f90b98aa",
        task=TASK,
        created=created,
        machine=Machine("Linux x86_64", "Some processor", 2, 8_000_000_000, ("avx512_vnni",)),
        versions={"workbench": "0.1.0", "onnxruntime": "1.32.0"},
        reference="torch",
        samples=SampleSet("built-in", 26, "ab" * 32),
        rows=rows,
        recommended="int8",
    )
    return replace(made, **changes)


def entry(name: str = NAME) -> Entry:
    return Entry(
        name=name,
        modality="text",
        standing="ready",
        reason=None,
        task=TASK,
        tasks=(TASK,),
        precisions={TASK: ("fp32", "int8")},
        size_bytes=1,
        recommended={TASK: "int8"},
    )


@dataclass
class FakeWorkbench:
    """Has what :class:`workbench.gui.receipts.Receipts` calls. ``script`` is what one measurement does: progress to
    tell, gates to wait at, errors to raise, and the receipt it comes to."""

    stored: list[Receipt] = field(default_factory=list)
    script: list[Any] = field(default_factory=list)
    problem: Exception | None = None
    kept: bool = True
    warnings: tuple[Notice, ...] = ()
    samples: list[Any] = field(default_factory=list)
    looks: int = 0

    def measured_model(self, name: str, *, task: str) -> Any:
        if self.problem:
            raise self.problem
        return SimpleNamespace(name=name, task=TASKS[task])

    def stored_receipts(self, model: Any) -> Any:
        self.looks += 1
        return SimpleNamespace(receipts=tuple(self.stored), warnings=self.warnings)

    def verdicts(self, receipt: Receipt) -> tuple[Notice, ...]:
        return verdicts(receipt)

    def new_receipt(
        self,
        model: Any,
        *,
        samples: Any,
        on_progress: Callable[[Mapping[str, Any]], None],
        cancellation: Cancellation,
    ) -> Any:
        self.samples.append(samples)
        made = receipt()
        for step in self.script:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, threading.Event):
                wait_at(step, cancellation)
            elif isinstance(step, Receipt):
                made = step
            else:
                on_progress(step)
        if self.kept:
            self.stored.insert(0, made)
        return SimpleNamespace(receipt=made, file=Path("receipt.json") if self.kept else None, warnings=())


def wait_at(gate: threading.Event, cancellation: Cancellation) -> None:
    """Until the gate opens or the stop is asked for; Cancelled then."""
    with cancellation.calling(gate.set):
        gate.wait()
    if cancellation.requested:
        raise Cancelled
