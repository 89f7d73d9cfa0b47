"""Where a model ran, as tables for a terminal."""

from __future__ import annotations

from workbench.cli.output import table
from workbench.receipts.receipt import Placement
from workbench.reports import PlacesReport
from workbench.units import duration

__all__ = ["places_text"]

MAX_OPERATORS = 10


def places_text(report: PlacesReport) -> str:
    """Nodes and time by graph and provider, the operators that took longest, what fell back and why, and what the first
    run cost more than the next."""
    rows = [
        (item.graph, item.provider, item.nodes, "–" if item.time_s is None else duration(item.time_s), _fallen(item))
        for item in report.placements
    ]
    parts = [table(("graph", "provider", "nodes", "time", "fell back"), rows, right=(2, 3))]
    times = sorted(
        (
            (seconds, item.graph, item.provider, operator)
            for item in report.placements
            for operator, seconds in item.operator_times_s.items()
        ),
        reverse=True,
    )
    total = sum(seconds for seconds, *_ in times)
    slowest = [
        (operator, graph, provider, duration(seconds), f"{seconds / total:.0%}")
        for seconds, graph, provider, operator in times[:MAX_OPERATORS]
    ]
    if slowest and total:
        parts.append(table(("operator", "graph", "provider", "time", "of all"), slowest, right=(3, 4)))
    reasons = dict.fromkeys(f"{item.provider}: {item.reason}" for item in report.placements if item.reason)
    parts += reasons
    extra = duration(max(0.0, report.first_s - report.steady_s))
    said = f"load {duration(report.load_s)}, first run {duration(report.first_s)} ({extra} more than the next)"
    cut = f"; only the first {report.calls} calls of its graphs were looked at" if report.cut else ""
    parts.append(f"{said}, then {duration(report.steady_s)}{cut}")
    return "\n\n".join(parts)


def _fallen(item: Placement) -> str:
    if not item.reason:
        return ""
    return ", ".join(f"{operator} ×{count}" for operator, count in item.operators.items())
