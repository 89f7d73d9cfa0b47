"""Variants of a model × providers × batch sizes × thread counts, each measured in an engine of its own.

They are measured in turns, a part of the rounds of each, so that what else the machine does hits all of them alike.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from workbench import running
from workbench.cancellation import Cancellation
from workbench.engine.host import EngineHost
from workbench.errors import Cancelled, WorkbenchError, error_to_wire
from workbench.reports import BenchReport
from workbench.targets import RunTarget

__all__ = ["CompareRow", "Comparison", "Plan", "compare", "joined", "plan_rows", "thread_rates"]

# What one row may take, after loading and warming up.
BUDGET_S = 5.0
# More rounds say nothing more; a short graph has made so many long before the time is over.
MAX_ROUNDS = 50
# In how many parts a row is measured.
TURNS = 4


@dataclass(frozen=True)
class Plan:
    """One row to be measured. ``threads`` 0 is onnxruntime's own choice."""

    target: RunTarget
    batch: int = 1

    @property
    def provider(self) -> str:
        return self.target.choice.provider

    @property
    def threads(self) -> int:
        return self.target.choice.threads


@dataclass(frozen=True)
class CompareRow:
    """What came of a row: figures, or the error that it ended with. ``ratio`` is its throughput by that of the first
    row that was measured."""

    precision: str
    provider: str
    batch: int
    threads: int
    report: BenchReport | None
    error: WorkbenchError | None
    ratio: float | None = None
    best: bool = False

    @property
    def throughput_per_s(self) -> float:
        return self.report.throughput_per_s if self.report else 0.0

    def to_json(self) -> dict[str, Any]:
        figures = self.report.to_json() if self.report else {}
        names = ("load_ms", "first_ms", "median_ms", "p95_ms", "throughput_per_s", "runs", "peak_memory_bytes")
        value: dict[str, Any] = {
            "precision": self.precision,
            "provider": self.provider,
            "providers_got": figures["providers"]["got"] if figures else [],
            "batch": self.batch,
            "threads": self.threads,
            **{name: figures.get(name) for name in names},
            "ratio": None if self.ratio is None else round(self.ratio, 3),
            "best": self.best,
        }
        return value if self.error is None else value | {"error": error_to_wire(self.error)}


@dataclass(frozen=True)
class Comparison:
    """All rows, the fastest first and those that failed last."""

    task: str
    model: str
    rows: tuple[CompareRow, ...]

    def to_json(self) -> dict[str, Any]:
        return {"task": self.task, "model": self.model, "rows": [row.to_json() for row in self.rows]}


def plan_rows(
    targets: Sequence[RunTarget], providers: Sequence[str], batches: Sequence[int], threads: Sequence[int]
) -> list[Plan]:
    """One row for each that can be told apart: threads are the CPU's, other providers get the first count alone.

    A row is about its provider, so it may not be replaced by another; that is an error of the row.
    """
    found: list[Plan] = []
    for target in targets:
        for provider in providers:
            counts = threads if provider == "cpu" else threads[:1]
            for count in counts:
                choice = replace(target.choice, provider=provider, allow_fallback=False, threads=count)
                found += [Plan(replace(target, choice=choice), batch) for batch in batches]
    return found


def compare(
    plans: Sequence[Plan],
    inputs: Sequence[Any],
    params: Mapping[str, Any],
    *,
    rounds: int,
    memory_limit_bytes: int,
    on_row: Callable[[CompareRow], None] | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
    cancellation: Cancellation | None = None,
) -> Comparison:
    """Measure all rows, in turns. One that fails, or takes its engine with it, has its error, and the others go on.

    ``on_row`` gets each once it is measured, ``on_progress`` what is measured, how many parts of rows are done and how
    many there are. Raises Cancelled; ``on_row`` has then got what was measured of the rows by then.
    """
    parts = min(TURNS, rounds)
    measured = [_Measured(plan, memory_limit_bytes) for plan in plans]
    try:
        for part in range(parts):
            for number, item in enumerate(measured):
                if on_progress:
                    on_progress(_named(item.plan), part * len(plans) + number, parts * len(plans))
                count = rounds * (part + 1) // parts - rounds * part // parts
                item.measure(inputs, params, count, BUDGET_S / parts, cancellation)
                # Engines that together need more than there may be are started anew each time.
                if sum(other.held_bytes for other in measured) > memory_limit_bytes:
                    item.let_go()
    except Cancelled:
        if on_row:
            for item in measured:
                if item.reports or item.error:
                    on_row(item.row())
        raise
    finally:
        for item in measured:
            item.let_go()
    rows = [item.row() for item in measured]
    if on_row:
        for row in rows:
            on_row(row)
    first = plans[0].target
    return Comparison(first.task.id, first.choice.name, ranked(rows))


class _Measured:
    """A row while it is measured: its engine, and what the turns gave."""

    def __init__(self, plan: Plan, memory_limit_bytes: int) -> None:
        self.plan = plan
        self.reports: list[BenchReport] = []
        self.error: WorkbenchError | None = None
        self._memory_limit_bytes = memory_limit_bytes
        self._host: EngineHost | None = None

    @property
    def held_bytes(self) -> int:
        return self.reports[-1].peak_memory_bytes if self._host and self.reports else 0

    def measure(
        self,
        inputs: Sequence[Any],
        params: Mapping[str, Any],
        rounds: int,
        budget_s: float,
        cancellation: Cancellation | None,
    ) -> None:
        if self.error:
            return
        self._host = self._host or EngineHost(self._memory_limit_bytes)
        target = self.plan.target
        try:
            report = running.bench(
                self._host,
                target.choice,
                target.variant,
                inputs,
                params,
                rounds,
                cancellation=cancellation,
                batch=self.plan.batch,
                budget_s=budget_s,
            )
        except WorkbenchError as caught:
            self.error = caught
            self.let_go()
        else:
            self.reports.append(report)

    def let_go(self) -> None:
        if self._host:
            self._host.close()
            self._host = None

    def row(self) -> CompareRow:
        plan = self.plan
        report = None if self.error or not self.reports else joined(self.reports)
        return CompareRow(plan.target.variant, plan.provider, plan.batch, plan.threads, report, self.error)


def joined(reports: Sequence[BenchReport]) -> BenchReport:
    """One report of the parts of a measurement: all their times; loading and the first run are those of the first."""
    times = sorted(time_s for report in reports for time_s in report.times_s)
    spent_s = [sum(report.times_s) for report in reports]
    answered = sum(report.throughput_per_s * seconds for report, seconds in zip(reports, spent_s, strict=True))
    return replace(
        reports[0],
        median_s=statistics.median(times),
        p95_s=times[min(len(times) - 1, int(0.95 * len(times)))],
        throughput_per_s=answered / sum(spent_s),
        runs=len(times),
        peak_memory_bytes=max(report.peak_memory_bytes for report in reports),
        times_s=tuple(times),
    )


def ranked(rows: Sequence[CompareRow]) -> tuple[CompareRow, ...]:
    """The rows with their ratios to the first that was measured, the fastest first."""
    base = next((row.throughput_per_s for row in rows if row.report), 0.0)
    ordered = sorted(rows, key=lambda row: -row.throughput_per_s)
    return tuple(
        replace(row, ratio=row.throughput_per_s / base if row.report else None, best=row.report is not None and n == 0)
        for n, row in enumerate(ordered)
    )


def thread_rates(rows: Sequence[CompareRow]) -> dict[str, dict[int, float]]:
    """Inputs a second by threads, of each precision that ran on the CPU one input at a time with several counts."""
    found: dict[str, dict[int, float]] = {}
    for row in rows:
        if row.report and row.provider == "cpu" and row.batch == 1 and row.threads > 0:
            found.setdefault(row.precision, {})[row.threads] = row.throughput_per_s
    return {precision: rates for precision, rates in found.items() if len(rates) > 1}


def _named(plan: Plan) -> str:
    parts = [plan.target.variant, f"on {plan.provider}"]
    if plan.batch > 1:
        parts.append(f"batch {plan.batch}")
    if plan.threads:
        parts.append(f"{plan.threads} threads")
    return ", ".join(parts)
