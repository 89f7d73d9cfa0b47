"""``receipt`` and ``verify``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from textwrap import fill
from typing import Any

from workbench.api import Workbench
from workbench.cancellation import Cancellation
from workbench.cli.lists import providers_of, words_of
from workbench.cli.output import ProgressLine, cut, print_json, printable, table
from workbench.errors import Notice, UsageError
from workbench.receipts.proving import Proof
from workbench.receipts.receipt import Receipt, ReceiptRow, SampleSet, receipt_json
from workbench.samples.sources import SampleSource, read_samples
from workbench.tasks.catalog import TaskInfo
from workbench.units import duration, size

__all__ = ["receipt", "receipt_text", "verify"]

WIDTH = 80
# Of a user's own.
DEFAULT_SAMPLES = 200
# Inputs that could not be read, and worst samples of a row, that are shown; --json has all.
MAX_SKIPPED, MAX_WORST = 5, 3
STAGES = {
    "answers": "asking for answers",
    "files": "checking files",
    "bench": "timing",
    "time": "timing",
    "verify": "comparing",
}
REFERENCES = {"torch": "the original model", "fp32": "the fp32 graph"}


def receipt(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> int:
    """Show the newest receipt; measure one where there is none that fits, or where that is asked for."""
    asked, providers = words_of("--precision", arguments.precision), providers_of(arguments.provider)
    model = workbench.measured_model(arguments.model, revision=arguments.revision, task=arguments.task)
    precisions = model.chosen(asked)
    samples = _samples(arguments, model.task)
    stored = workbench.stored_receipts(model)
    warnings = list(stored.warnings)
    found = None
    if samples is None and not arguments.measure:
        found = next((item for item in stored.receipts if _has(item, precisions, providers)), None)
    file = None
    if found is None:
        line = ProgressLine()
        made = workbench.new_receipt(
            model,
            samples=samples,
            providers=providers or None,
            precisions=precisions,
            on_progress=lambda body: _show(line, body),
            cancellation=cancellation,
        )
        line.clear()
        shown, file = made.receipt, made.file
        warnings += made.warnings
    else:
        shown = _only(found, precisions, providers)
    _tell(warnings, shown.samples)
    verdicts = workbench.verdicts(shown)
    if arguments.json:
        print_json(
            {
                "receipt": receipt_json(shown),
                "verdicts": [verdict.to_json() for verdict in verdicts],
                "measured_now": found is None,
                "file": str(file) if file else None,
                "warnings": [warning.to_json() for warning in warnings],
            }
        )
    else:
        print(receipt_text(shown, verdicts))
        if file:
            print(f"\nkept as {printable(str(file))}")
    if all(row.error for row in shown.rows):
        print(f"workbench: {verdicts[0]}", file=sys.stderr)
        return 1
    return 0


def verify(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> int:
    """Check an export's files and answers here. Exit status 1, and one line that says why, where it does not hold."""
    precisions, providers = words_of("--precision", arguments.precision), providers_of(arguments.provider, ("auto",))
    model = workbench.measured_model(arguments.model, revision=arguments.revision, task=arguments.task)
    line = ProgressLine()
    proof = workbench.verify(
        model,
        precisions=precisions or None,
        providers=providers or None,
        threshold=arguments.threshold,
        on_progress=lambda body: _show(line, body),
        cancellation=cancellation,
    )
    line.clear()
    if arguments.json:
        print_json(proof.to_json())
    else:
        print(_proof_text(proof))
    if proof.failure:
        print(f"workbench: {proof.failure}", file=sys.stderr)
    return 0 if proof.holds else 1


def receipt_text(shown: Receipt, verdicts: tuple[Notice, ...]) -> str:
    """A receipt for a terminal of 80 columns: the verdicts first, then what they rest on."""
    said = "\n".join(_wrapped(str(verdict)) for verdict in verdicts)
    parts = [_heading(shown), said, _answers(shown), _speeds(shown)]
    parts += [_worst(shown, row) for row in shown.rows]
    return "\n\n".join(part for part in parts if part)


def _heading(shown: Receipt) -> str:
    machine = shown.machine
    kind = "built-in samples" if shown.samples.kind == "built-in" else "samples of yours"
    features = f" ({', '.join(machine.features)})" if machine.features else ""
    graphics = f"; {machine.gpu}" if machine.gpu else ""
    metric = next((f": {row.agreement.metric}" for row in shown.rows if row.agreement), "")
    versions = ", ".join(f"{name} {version}" for name, version in shown.versions.items())
    lines = [
        f"{shown.repo_id} ({shown.task})",
        f"measured {shown.created[:16].replace('T', ' ')} UTC on {shown.samples.count} {kind}",
        f"compared with {REFERENCES[shown.reference]}{metric}",
        f"{machine.processor}, {machine.cores} cores{features}, {size(machine.memory_bytes)}{graphics}",
        versions,
    ]
    return "\n".join(_wrapped(printable(line)) for line in lines)


def _wrapped(line: str) -> str:
    """Within the width, if its words are."""
    return fill(line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _answers(shown: Receipt) -> str:
    rows = []
    extras = dict.fromkeys(name for row in shown.rows if row.agreement for name in row.agreement.extra)
    for row in shown.rows:
        agreed = row.agreement
        if agreed is None:
            continue
        difference = max((output["max_abs_diff"] for output in row.outputs.values()), default=None)
        rows.append(
            (
                _name(shown, row),
                f"{agreed.mean:.4f}",
                f"{agreed.low:.4f}–{agreed.high:.4f}",
                f"{agreed.differing}/{agreed.samples}",
                "–" if difference is None else f"{difference:.2g}",
                *(f"{agreed.extra[name]:.4g}" if name in agreed.extra else "–" for name in extras),
            )
        )
    if not rows:
        return ""
    names = (_extra_name(name) for name in extras)
    headings = ("answers", "agree", "95 % interval", "differ", "largest", *names)
    return table(headings, rows, right=range(1, len(headings)))


def _speeds(shown: Receipt) -> str:
    rows = [
        (
            _name(shown, row),
            size(row.bytes),
            duration(row.speed.load_s),
            duration(row.speed.first_s),
            duration(row.speed.median_s),
            duration(row.speed.p95_s),
            f"{row.speed.throughput_per_s:.3g}",
            size(row.speed.peak_memory_bytes),
        )
        for row in shown.rows
        if row.speed
    ]
    if not rows:
        return ""
    headings = ("speed", "size", "load", "first", "median", "p95", "per s", "memory")
    text = table(headings, rows, right=range(1, len(headings)))
    counts = [f"{_name(shown, row)} {row.speed.threads or 'auto'}" for row in shown.rows if row.speed]
    return f"{text}\nthreads: {', '.join(counts)}"


def _worst(shown: Receipt, row: ReceiptRow) -> str:
    if row.agreement is None or not row.agreement.worst:
        return ""
    lines = [f"farthest from {REFERENCES[shown.reference]}: {row.precision}{_where(shown, row)}"]
    for item in row.agreement.worst[:MAX_WORST]:
        lines.append(cut(printable(f"  {item.value:.4f}  #{item.index + 1}  {item.input}"), WIDTH))
        if item.got or item.wanted:
            lines.append(cut(printable(f"          got     {item.got}"), WIDTH))
            lines.append(cut(printable(f"          wanted  {item.wanted}"), WIDTH))
    return "\n".join(lines)


def _name(shown: Receipt, row: ReceiptRow) -> str:
    return row.precision + _where(shown, row)


def _where(shown: Receipt, row: ReceiptRow) -> str:
    """The provider, where there are several, and another that did the work in its place."""
    got = f" ({row.providers_got[0]})" if row.providers_got and row.providers_got[0] != row.provider else ""
    return (f" on {row.provider}" if len({item.provider for item in shown.rows}) > 1 else "") + got


def _extra_name(name: str) -> str:
    short = {"word_error_rate": "WER", "rank_correlation": "rank corr.", "reference_perplexity": "wanted"}
    return short.get(name, name.replace("_", " "))


def _proof_text(proof: Proof) -> str:
    rows = []
    for row in proof.rows:
        agreed = row.agreement
        rows.append(
            (
                row.precision,
                ", ".join(row.providers_got) or row.provider,
                f"{agreed.metric} {agreed.mean:.4f}" if agreed else "–",
                "–" if row.recorded is None else f"{row.recorded:.4f}",
                f"{row.least:.4f}",
                "holds" if row.holds else "FAILS",
            )
        )
    model = proof.model
    text = table(("precision", "ran on", "agreement here", "at export", "least", ""), rows, right=(3, 4))
    head = f"{model.repo_id} ({model.task.id}): {proof.files} files, {size(proof.bytes)}, all as published"
    return f"{printable(head)}\n\n{text}"


def _samples(arguments: Any, task: TaskInfo) -> SampleSource | None:
    if arguments.samples is None:
        for name in ("column", "sample_count"):
            if getattr(arguments, name) is not None:
                raise UsageError("usage-needs-samples", option="--" + name.replace("_", "-"))
        return None
    count = DEFAULT_SAMPLES if arguments.sample_count is None else arguments.sample_count
    return read_samples(task, Path(arguments.samples), column=arguments.column, limit=count)


def _has(item: Receipt, precisions: tuple[str, ...], providers: tuple[str, ...]) -> bool:
    """Whether a receipt tells of all of these."""
    there = {row.precision for row in item.rows}
    return there.issuperset(precisions) and {row.provider for row in item.rows}.issuperset(providers)


def _only(item: Receipt, precisions: tuple[str, ...], providers: tuple[str, ...]) -> Receipt:
    rows = (row for row in item.rows if row.precision in precisions and (not providers or row.provider in providers))
    return replace(item, rows=tuple(rows))


def _show(line: ProgressLine, body: Mapping[str, Any]) -> None:
    stage = STAGES.get(str(body["stage"]), str(body["stage"]))
    of = f" {body['precision']} on {body['provider']}" if "precision" in body else ""
    line.show(stage + of, body["done"], body["total"], body["unit"])


def _tell(warnings: list[Notice], samples: SampleSet) -> None:
    """What is to be known beside a receipt goes to stderr."""
    for notice in warnings:
        print(f"workbench: {notice}", file=sys.stderr)
    for name, reason in samples.skipped[:MAX_SKIPPED]:
        print(f"workbench: passed over: {printable(name)} ({printable(reason)})", file=sys.stderr)
    if len(samples.skipped) > MAX_SKIPPED:
        print(f"workbench: passed over: {len(samples.skipped) - MAX_SKIPPED} more", file=sys.stderr)
    if samples.kind == "own":
        kept = "the receipt keeps short excerpts of the farthest samples, and nothing else of yours"
        print(f"workbench: {kept}", file=sys.stderr)
