"""What came of a run or a measurement, for any front: plain data with its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.errors import Notice, WorkbenchError, error_to_wire
from workbench.receipts.receipt import Placement
from workbench.results import Result

__all__ = ["BenchReport", "ItemReport", "PlacesReport", "RunReport", "placement_json"]

STEPS = ("preprocess", "session", "postprocess")


@dataclass(frozen=True)
class ItemReport:
    """What became of one input: a result or an error, warnings, and seconds by step (and ``"total"``)."""

    input: Any
    result: Result | None
    error: WorkbenchError | None
    warnings: tuple[Notice, ...]
    times_s: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {
            "input": self.input,
            "result": self.result.to_json() if self.result is not None else None,
            "warnings": [notice.to_json() for notice in self.warnings],
        }
        return value if self.error is None else value | {"error": error_to_wire(self.error)}


@dataclass(frozen=True)
class RunReport:
    """A whole run. ``providers_got`` are short names, the one that does the work first; times are seconds.

    ``load_s`` is what loading the model cost when it was loaded, ``total_s`` the wall time of this run. ``placements``
    say which nodes went to which provider. ``threads`` 0 is onnxruntime's own choice.
    """

    task: str
    model: str
    variant: str
    provider_asked: str
    providers_got: tuple[str, ...]
    load_s: float
    total_s: float
    items: tuple[ItemReport, ...]
    warnings: tuple[Notice, ...]
    threads: int = 0
    placements: tuple[Placement, ...] = ()

    @property
    def times_s(self) -> dict[str, float]:
        """Seconds by step, over all inputs: ``load``, ``preprocess``, ``session``, ``postprocess``, ``total``."""
        steps = {step: sum(item.times_s.get(step, 0.0) for item in self.items) for step in STEPS}
        return {"load": self.load_s, **steps, "total": self.total_s}

    def to_json(self) -> dict[str, Any]:
        return {
            "task": self.task,
            "model": self.model,
            "variant": self.variant,
            "providers": {"asked": self.provider_asked, "got": list(self.providers_got)},
            "threads": self.threads,
            "placements": [placement_json(item) for item in self.placements],
            "timing_ms": {name: round(seconds * 1000, 3) for name, seconds in self.times_s.items()},
            "warnings": [notice.to_json() for notice in self.warnings],
            "results": [item.to_json() for item in self.items],
        }


@dataclass(frozen=True)
class PlacesReport:
    """Where the nodes of a model ran for one input, with the time of each. ``first_s`` is the first run, which warms
    everything up, ``steady_s`` the one after it; both end after ``calls`` calls of the graphs, where ``cut`` says that
    there would have been more."""

    placements: tuple[Placement, ...]
    load_s: float
    first_s: float
    steady_s: float
    calls: int
    cut: bool

    def to_json(self) -> dict[str, Any]:
        return {"placements": [placement_json(item) for item in self.placements], **self.first_run_json()}

    def first_run_json(self) -> dict[str, Any]:
        """What the first run cost beside the next."""
        return {
            "load_ms": round(self.load_s * 1000, 3),
            "first_ms": round(self.first_s * 1000, 3),
            "steady_ms": round(self.steady_s * 1000, 3),
            "calls": self.calls,
            "cut": self.cut,
        }


@dataclass(frozen=True)
class BenchReport:
    """How fast a variant is. Seconds and bytes; where ``batch`` inputs went together, seconds of a batch.

    ``bare_s`` and ``paired_s`` are the same graph calls and whole runs, measured in turns, None where the calls were
    too many to be repeated. ``times_s`` are those of all runs, in no order.
    """

    task: str
    model: str
    variant: str
    provider_asked: str
    providers_got: tuple[str, ...]
    threads: int
    load_s: float
    first_s: float
    median_s: float
    p95_s: float
    throughput_per_s: float
    runs: int
    bare_s: float | None
    paired_s: float | None
    peak_memory_bytes: int
    placements: tuple[Placement, ...] = ()
    batch: int = 1
    times_s: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        def ms(seconds: float | None) -> float | None:
            return None if seconds is None else round(seconds * 1000, 3)

        return {
            "task": self.task,
            "model": self.model,
            "variant": self.variant,
            "providers": {"asked": self.provider_asked, "got": list(self.providers_got)},
            "threads": self.threads,
            "batch": self.batch,
            "load_ms": ms(self.load_s),
            "first_ms": ms(self.first_s),
            "median_ms": ms(self.median_s),
            "p95_ms": ms(self.p95_s),
            "throughput_per_s": round(self.throughput_per_s, 2),
            "runs": self.runs,
            "bare_session_ms": ms(self.bare_s),
            "whole_run_ms": ms(self.paired_s),
            "peak_memory_bytes": self.peak_memory_bytes,
        }


def placement_json(item: Placement) -> dict[str, Any]:
    """A placement as JSON; times in milliseconds, None where they were not measured."""
    return {
        "graph": item.graph,
        "provider": item.provider,
        "nodes": item.nodes,
        "operators": dict(item.operators),
        "time_ms": None if item.time_s is None else round(item.time_s * 1000, 3),
        "operator_times_ms": {name: round(seconds * 1000, 3) for name, seconds in item.operator_times_s.items()},
        "reason": item.reason,
    }
