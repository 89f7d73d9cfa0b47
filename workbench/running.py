"""Parent side of a run: from a chosen variant and inputs to a report, through the engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from workbench.attempts import Attempt, Listeners
from workbench.cancellation import Cancellation
from workbench.engine.host import EngineHost
from workbench.engine.request import ModelChoice
from workbench.errors import Notice
from workbench.providers import short_provider
from workbench.receipts.receipt import Placement
from workbench.reports import BenchReport, ItemReport, PlacesReport, RunReport, placement_json
from workbench.results import Result
from workbench.wire import Message

__all__ = [
    "BenchReport",
    "ItemReport",
    "PlacesReport",
    "RunReport",
    "bench",
    "placement_json",
    "placements_of",
    "places",
    "run",
    "short_provider",
]


def run(
    host: EngineHost,
    choice: ModelChoice,
    variant: str,
    inputs: Sequence[Any],
    params: Mapping[str, Any],
    *,
    interactive: bool = True,
    on_item: Callable[[int, ItemReport], None] | None = None,
    on_partial: Callable[[int, Result], None] | None = None,
    on_progress: Callable[[Mapping[str, Any]], None] | None = None,
    cancellation: Cancellation | None = None,
) -> RunReport:
    """Answer all inputs. An input that fails has its error in its report; other failures are raised.

    ``on_item`` and ``on_partial`` are called as answers come, in the receiving thread. Where a provider other than the
    CPU fails or takes the engine with it, what it did not answer is run once more on the CPU, with a warning, unless
    the user named that provider without allowing the fallback. ``host`` remembers that: where nobody names a provider,
    that model runs on the CPU from then on, with a warning.
    """
    listeners = Listeners(on_item, on_partial, on_progress)
    priority = "interactive" if interactive else "batch"
    key = (choice.folder, tuple(sorted(choice.graphs.items())), choice.task)
    before = host.failed_providers.get(key) if choice.provider == "auto" else None
    attempt = Attempt(replace(choice, provider="cpu") if before else choice, inputs, params, priority, listeners)
    started = time.perf_counter()
    warnings: tuple[Notice, ...]
    died = attempt.run(host, tuple(range(len(inputs))), cancellation)
    got = attempt.got
    if before:
        provider, reason = before
        warnings = (Notice.of("provider-died-before", provider=provider, model=choice.name, reason=reason),)
        result = attempt.facts
    elif died is not None:
        host.failed_providers[key] = (attempt.provider, died)
        warnings = (Notice.of("provider-died", provider=attempt.provider, model=choice.name, reason=died),)
        again = Attempt(replace(choice, provider="cpu"), inputs, params, priority, listeners, last=True)
        again.run(host, attempt.open, cancellation)
        attempt.items |= again.items
        result = again.facts
        got = tuple(dict.fromkeys((*(got if len(again.items) < len(inputs) else ()), *again.got)))
    else:
        result = attempt.facts
        warnings = _fallback(choice, result, got)
        if choice.provider != "auto" and choice.provider in got:
            host.failed_providers.pop(key, None)  # it works again, and is tried again where nobody names it
    return RunReport(
        task=choice.task,
        model=choice.name,
        variant=variant,
        provider_asked=choice.provider,
        providers_got=got,
        load_s=result["load_s"],
        total_s=time.perf_counter() - started,
        items=tuple(attempt.items[index] for index in range(len(inputs))),
        warnings=warnings,
        threads=choice.threads,
        placements=placements_of(result),
    )


def places(
    host: EngineHost,
    choice: ModelChoice,
    item: Any,
    params: Mapping[str, Any],
    on_progress: Callable[[Mapping[str, Any]], None] | None = None,
    cancellation: Cancellation | None = None,
) -> PlacesReport:
    """Where the nodes of a model run and what time they take for one input, cold and warm.

    The model is loaded once more for that, beside one that may be loaded already, and let go again.

    Raises WorkbenchError where the input fails, or Cancelled.
    """

    def receive(message: Message) -> None:
        if on_progress:
            on_progress(message.body)

    body = {"model": replace(choice, profiled=True).to_body(), "input": item, "params": dict(params)}
    doing = Notice.of("doing-places", model=choice.name, task=choice.task)
    result = host.call("places", body, doing=doing, on_event=receive, cancellation=cancellation)
    return PlacesReport(
        placements=placements_of(result, result["times"]),
        load_s=result["load_s"],
        first_s=result["first_s"],
        steady_s=result["steady_s"],
        calls=result["calls"],
        cut=result["cut"],
    )


def bench(
    host: EngineHost,
    choice: ModelChoice,
    variant: str,
    inputs: Sequence[Any],
    params: Mapping[str, Any],
    rounds: int,
    on_progress: Callable[[Mapping[str, Any]], None] | None = None,
    cancellation: Cancellation | None = None,
    *,
    batch: int = 1,
    budget_s: float | None = None,
) -> BenchReport:
    """Time a variant; ``host`` should be fresh, so that its peak memory is this model's alone.

    ``batch`` inputs go through the graphs together; no round begins after ``budget_s`` seconds. Raises UsageError where
    the model takes no batches, or none so large.
    """

    def receive(message: Message) -> None:
        if on_progress:
            on_progress(message.body)

    how = {"rounds": rounds, "batch": batch, "budget_s": budget_s}
    body = {"model": choice.to_body(), "inputs": list(inputs), "params": dict(params), **how}
    doing = Notice.of("doing-measure", model=choice.name, task=choice.task)
    result = dict(host.call("bench", body, doing=doing, on_event=receive, cancellation=cancellation))
    got = tuple(short_provider(name) for name in result["providers"])
    placements = placements_of(result)
    for name in ("providers", "providers_tried", "fallback_reason", "placements"):
        del result[name]
    result["times_s"] = tuple(result["times_s"])
    return BenchReport(
        task=choice.task,
        model=choice.name,
        variant=variant,
        provider_asked=choice.provider,
        providers_got=got,
        threads=choice.threads,
        batch=batch,
        placements=placements,
        **result,
    )


def placements_of(result: Mapping[str, Any], times: Sequence[Mapping[str, Any]] = ()) -> tuple[Placement, ...]:
    """Where the nodes of a model run, out of the engine's facts of it; ``times`` are those of a profile."""
    measured = {(row["graph"], row["provider"]): row["operators"] for row in times}
    found = []
    for row in result["placements"]:
        seconds = measured.get((row["graph"], row["provider"]), {})
        time_s = sum(seconds.values()) if times else None
        found.append(Placement(**row, time_s=time_s, operator_times_s=dict(seconds)))
    return tuple(found)


def _fallback(choice: ModelChoice, result: Mapping[str, Any], got: tuple[str, ...]) -> tuple[Notice, ...]:
    """A notice where the first provider that was tried is not the one that runs."""
    wanted = choice.provider if choice.provider != "auto" else short_provider(result["providers_tried"][0])
    reason = result["fallback_reason"]
    if wanted in got or reason is None:
        return ()
    return (Notice.of("provider-fallback", wanted=wanted, got=", ".join(got), reason=Notice.from_json(reason)),)
