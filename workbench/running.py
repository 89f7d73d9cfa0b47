"""Parent side of a run: from a chosen variant and inputs to a report, through the engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.cancellation import Cancellation
from workbench.engine.host import EngineHost
from workbench.engine.request import ModelChoice
from workbench.errors import Notice, WorkbenchError, error_from_wire, error_to_wire
from workbench.packing import unpack
from workbench.results import Result
from workbench.wire import Message

__all__ = ["BenchReport", "ItemReport", "RunReport", "bench", "run", "short_provider"]

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

    ``load_s`` is what loading the model cost when it was loaded, ``total_s`` the wall time of this run.
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
            "timing_ms": {name: round(seconds * 1000, 3) for name, seconds in self.times_s.items()},
            "warnings": [notice.to_json() for notice in self.warnings],
            "results": [item.to_json() for item in self.items],
        }


@dataclass(frozen=True)
class BenchReport:
    """How fast a variant is. Seconds and bytes; ``bare_s`` and ``paired_s`` are the same graph calls and whole runs,
    measured in turns, None where the calls were too many to be repeated."""

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

    def to_json(self) -> dict[str, Any]:
        def ms(seconds: float | None) -> float | None:
            return None if seconds is None else round(seconds * 1000, 3)

        return {
            "task": self.task,
            "model": self.model,
            "variant": self.variant,
            "providers": {"asked": self.provider_asked, "got": list(self.providers_got)},
            "threads": self.threads,
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

    ``on_item`` and ``on_partial`` are called as answers come, in the receiving thread.
    """
    items: dict[int, ItemReport] = {}

    def receive(message: Message) -> None:
        body = message.body
        if message.kind == "progress":
            if on_progress:
                on_progress(body)
        elif "stream" in body:
            if on_partial:
                on_partial(body["index"], unpack(body["stream"]))
        else:
            index = body["index"]
            items[index] = _item(inputs[index], body)
            if on_item:
                on_item(index, items[index])

    body = {
        "model": choice.to_body(),
        "inputs": list(inputs),
        "params": dict(params),
        "priority": "interactive" if interactive else "batch",
    }
    started = time.perf_counter()
    doing = f"running {choice.name} ({choice.task})"
    result = host.call("run", body, doing=doing, on_event=receive, cancellation=cancellation)
    got = tuple(short_provider(name) for name in result["providers"])
    return RunReport(
        task=choice.task,
        model=choice.name,
        variant=variant,
        provider_asked=choice.provider,
        providers_got=got,
        load_s=result["load_s"],
        total_s=time.perf_counter() - started,
        items=tuple(items[index] for index in range(len(inputs))),
        warnings=_fallback(choice, result, got),
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
) -> BenchReport:
    """Time a variant; ``host`` should be fresh, so that its peak memory is this model's alone."""

    def receive(message: Message) -> None:
        if on_progress:
            on_progress(message.body)

    body = {"model": choice.to_body(), "inputs": list(inputs), "params": dict(params), "rounds": rounds}
    doing = f"measuring {choice.name} ({choice.task})"
    result = dict(host.call("bench", body, doing=doing, on_event=receive, cancellation=cancellation))
    got = tuple(short_provider(name) for name in result.pop("providers"))
    result.pop("providers_tried")
    return BenchReport(
        task=choice.task,
        model=choice.name,
        variant=variant,
        provider_asked=choice.provider,
        providers_got=got,
        threads=choice.threads,
        **result,
    )


def short_provider(name: str) -> str:
    """``"CPUExecutionProvider"`` → ``"cpu"``, as users say it."""
    return name.removesuffix("ExecutionProvider").lower()


def _item(item: Any, body: Mapping[str, Any]) -> ItemReport:
    return ItemReport(
        input=item,
        result=unpack(body["result"]) if "result" in body else None,
        error=error_from_wire(body["error"]) if "error" in body else None,
        warnings=tuple(Notice.from_json(value) for value in body["warnings"]),
        times_s=body["times_s"],
    )


def _fallback(choice: ModelChoice, result: Mapping[str, Any], got: tuple[str, ...]) -> tuple[Notice, ...]:
    """A notice where the first provider that was tried is not the one that runs."""
    wanted = choice.provider if choice.provider != "auto" else short_provider(result["providers_tried"][0])
    if wanted in got:
        return ()
    return (Notice.of("provider-fallback", wanted=wanted, got=", ".join(got)),)
