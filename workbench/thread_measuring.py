"""The short measurement behind :mod:`workbench.thread_choice`: a few inputs with each thread count worth trying."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from workbench.cancellation import Cancellation
from workbench.engine.host import EngineHost
from workbench.engine.request import ModelChoice
from workbench.errors import Notice, WorkbenchError
from workbench.thread_choice import ThreadChoices, candidates

__all__ = ["measure_threads"]

# What is spent on running all graphs of a model, without loading them; no turn begins after the second number of
# seconds, whatever loading takes.
RUNNING_S, LATEST_S = 2.4, 6.0
# Each count has its turn twice, so that other work of the machine does not hit one of them alone.
TURNS = 2
INPUTS = 2


def measure_threads(
    host: EngineHost,
    choices: Sequence[ModelChoice],
    inputs: Sequence[Any],
    params: Mapping[str, Any],
    kept: ThreadChoices,
    cancellation: Cancellation | None = None,
    *,
    skip_unreadable: bool = False,
) -> None:
    """Measure and keep the best count of each of these variants on the CPU that nothing is known of yet.

    One that does not run, or takes too long, stays unknown: whoever measures it next has its error. Raises Cancelled.
    """
    counts = candidates()
    unknown = [choice for choice in choices if not kept.known(choice)]
    if len(counts) == 1:
        for choice in unknown:
            kept.keep(choice, {counts[0]: 1.0})
        return
    latest = time.monotonic() + LATEST_S
    budget_s = RUNNING_S / max(1, len(unknown) * len(counts) * TURNS)
    for choice in unknown:
        rates: dict[int, float] = {}
        for count in counts * TURNS:
            if time.monotonic() > latest:
                break
            body = {
                "model": replace(choice, threads=count).to_body(),
                "inputs": list(inputs[:INPUTS]),
                "params": dict(params),
                "budget_s": budget_s,
                "skip_unreadable": skip_unreadable,
            }
            doing = Notice.of("doing-threads", model=choice.name)
            try:
                found = host.call("bench", body, doing=doing, cancellation=cancellation)
            except WorkbenchError:
                break
            rates[count] = max(rates.get(count, 0.0), float(found["throughput_per_s"]))
        if len(rates) == len(counts):
            kept.keep(choice, rates)
