"""``bench``: how fast a model runs here, one variant or many compared."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

from workbench.api import RunTarget, Workbench
from workbench.cancellation import Cancellation
from workbench.cli.inputs import gathered_inputs
from workbench.cli.lists import numbers_of, providers_of, words_of
from workbench.cli.output import ProgressLine, print_json, table
from workbench.cli.runs import params_of, target_of
from workbench.comparing import CompareRow, Plan, plan_rows, ranked
from workbench.errors import Cancelled, UsageError
from workbench.tasks.catalog import check_params
from workbench.thread_choice import candidates
from workbench.thread_limit import most_threads
from workbench.units import duration, size

__all__ = ["bench"]

BAR_COLUMNS = (20, 60)
MAX_BATCH = 4096
DEFAULT_ROUNDS = 20


def bench(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> int:
    """Measure one variant, or with ``--compare`` all that the words name."""
    if arguments.compare:
        return _compare(workbench, arguments, cancellation)
    for option in ("precision", "provider", "threads", "batch"):
        value = getattr(arguments, option)
        if value and ("," in value or option == "batch"):
            raise UsageError("usage-compare-only", option=f"--{option}", value=value)
    return _one(workbench, arguments, cancellation)


def _one(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> int:
    auto = arguments.threads == "auto"
    if arguments.provider:
        providers_of(arguments.provider, ("auto",))
    arguments.threads = (
        None if auto or not arguments.threads else numbers_of("--threads", arguments.threads, 0, most_threads())[0]
    )
    target = target_of(workbench, arguments)
    params = check_params(target.task, params_of(arguments.param))
    line = ProgressLine()
    with gathered_inputs(target.task, arguments, cancellation) as inputs:
        items = inputs or workbench.samples(target.task)
        if auto:
            target = workbench.choose_threads(
                target, items, params, lambda what, done, total: line.show(what, done, total, "turns"), cancellation
            )
        report = workbench.bench(
            target,
            items,
            params,
            rounds=arguments.rounds or DEFAULT_ROUNDS,
            on_progress=lambda body: line.show("measuring", body["done"], body["total"], body["unit"]),
            cancellation=cancellation,
        )
    line.clear()
    if arguments.json:
        print_json(report.to_json())
        return 0
    rows = [
        ("model", f"{report.model} ({report.task})"),
        ("variant", report.variant),
        ("provider", f"asked {report.provider_asked}, got {', '.join(report.providers_got)}"),
        ("threads", str(report.threads) if report.threads else "as onnxruntime chooses"),
        ("load", duration(report.load_s)),
        ("first run", duration(report.first_s)),
        ("median of " + str(report.runs), duration(report.median_s)),
        ("95th percentile", duration(report.p95_s)),
        ("throughput", f"{report.throughput_per_s:.1f} inputs/s"),
        ("peak memory", size(report.peak_memory_bytes)),
    ]
    if report.bare_s is not None and report.paired_s is not None:
        bare = f"its graph by bare session.run {duration(report.bare_s)}"
        rows.append(("first input", f"{duration(report.paired_s)}, {bare}"))
    print(table(("", ""), rows).lstrip("\n"))
    return 0


def _compare(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> int:
    """All rows; exit status 1 where none could be measured. A stop still shows what was measured by then."""
    plans = _plans(workbench, arguments, cancellation)
    task = plans[0].target.task
    params = check_params(task, params_of(arguments.param))
    line, rows = ProgressLine(), list[CompareRow]()
    with gathered_inputs(task, arguments, cancellation) as inputs:
        try:
            comparison = workbench.compare(
                plans,
                inputs or workbench.samples(task),
                params,
                arguments.rounds or DEFAULT_ROUNDS,
                on_row=rows.append,
                on_progress=lambda what, done, total: line.show(what, done, total, "turns"),
                cancellation=cancellation,
            )
        except Cancelled:
            line.clear()
            if rows and not arguments.json:
                print(_table(ranked(rows)))
            raise
    line.clear()
    if arguments.json:
        print_json(comparison.to_json())
    else:
        print(_table(comparison.rows))
    return 0 if any(row.report for row in comparison.rows) else 1


def _plans(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> list[Plan]:
    words = arguments.threads
    threads = numbers_of("--threads", words, 0, most_threads()) if words not in (None, "auto") else candidates()
    batches = numbers_of("--batch", arguments.batch, 1, MAX_BATCH) if arguments.batch is not None else (1,)
    precisions: Sequence[str] = words_of("--precision", arguments.precision)
    providers = providers_of(arguments.provider, ("auto",)) or workbench.working_providers(cancellation)
    if not precisions:
        precisions = workbench.precisions(arguments.model, revision=arguments.revision, task=arguments.task)
    targets = [_target(workbench, arguments, precision) for precision in precisions or (None,)]
    return plan_rows(targets, providers, batches, threads)


def _target(workbench: Workbench, arguments: Any, precision: str | None) -> RunTarget:
    if arguments.allow_fallback:  # a row is about its provider
        raise UsageError("usage-bad-list", option="--allow-fallback", value="yes", expected="nothing with --compare")
    return workbench.target(
        arguments.model,
        revision=arguments.revision,
        task=arguments.task,
        precision=precision,
        provider="cpu",
        node_fallback=not arguments.no_node_fallback,
        threads=0,
    )


def _table(rows: Sequence[CompareRow]) -> str:
    """The rows with a bar for the throughput of each, and what those that failed ended with below."""
    highest = max((row.throughput_per_s for row in rows), default=0.0)
    least, most = BAR_COLUMNS
    columns = max(least, min(most, shutil.get_terminal_size().columns - 100))
    cells = []
    for row in rows:
        named = (row.precision, row.provider, row.batch, row.threads or "auto")
        if row.report is None:
            cells.append((*named, "failed", "", "", "", "", ""))
            continue
        bar = "█" * max(1, round(columns * row.throughput_per_s / highest)) if highest else ""
        cells.append(
            (
                *named,
                f"{row.throughput_per_s:.1f}",
                f"{row.ratio:.2f}×" if row.ratio is not None else "",
                duration(row.report.median_s),
                duration(row.report.load_s),
                size(row.report.peak_memory_bytes),
                bar + (" best" if row.best else ""),
            )
        )
    headings = ("precision", "provider", "batch", "threads", "inputs/s", "ratio", "median", "load", "memory", "")
    parts = [table(headings, cells, right=(2, 3, 4, 5, 6, 7, 8))]
    parts += [f"{row.precision} on {row.provider}, batch {row.batch}: {row.error}" for row in rows if row.error]
    return "\n".join(parts)
