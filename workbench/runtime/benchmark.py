"""How long a model takes, and how much of it is the graph: the pipeline and bare ``session.run``, in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workbench.cancellation import Cancellation
from workbench.runtime.memory import peak_memory_bytes
from workbench.runtime.session import Call, Session
from workbench.tasks.base import Pipeline, Run

__all__ = ["Benchmark"]

# A generation makes a call per token, each with a grown cache; more than this is not kept to be repeated bare.
MAX_RECORDED_CALLS = 64
# How much more time than it was given a measurement takes to have run every input once.
MAX_OVER = 4


class Benchmark:
    """Rounds over all inputs. The very first run, which warms everything up, is told apart."""

    def __init__(
        self,
        pipeline: Pipeline,
        sessions: Mapping[str, Session],
        inputs: Sequence[Any],
        params: Mapping[str, Any],
        cancellation: Cancellation,
    ) -> None:
        self._pipeline = pipeline
        self._inputs = inputs
        self._params = params
        self._cancellation = cancellation
        self._times_s: list[float] = []
        self._bare_s: list[float] = []
        self._paired_s: list[float] = []
        self._calls: list[Call] = []
        for session in sessions.values():
            session.recorded = self._calls
        try:
            self._first_s = self._time(inputs[0])
        finally:
            for session in sessions.values():
                session.recorded = None
        few = len(self._calls) <= MAX_RECORDED_CALLS
        self._repeatable = few and all(call.feeds is not None for call in self._calls)

    def budgeted(self, budget_s: float) -> Iterator[float]:
        """Every input again and again, without bare calls, until so many seconds are spent; each at least once, unless
        that takes :data:`MAX_OVER` times as long. Yields the seconds spent after each.
        """
        started = time.perf_counter()
        spent_s, count = 0.0, 0
        while not count or spent_s < budget_s or (count < len(self._inputs) and spent_s < MAX_OVER * budget_s):
            self._times_s.append(self._time(self._inputs[count % len(self._inputs)]))
            count += 1
            spent_s = time.perf_counter() - started
            yield spent_s

    def round(self) -> None:
        """Every input once, and after the first input its graph calls bare."""
        for index, item in enumerate(self._inputs):
            self._times_s.append(self._time(item))
            if index == 0 and self._repeatable:
                self._paired_s.append(self._times_s[-1])
                started = time.perf_counter()
                for call in self._calls:
                    call.session.run(call.outputs, call.feeds)
                self._bare_s.append(time.perf_counter() - started)

    def figures(self) -> dict[str, Any]:
        """Seconds, bytes and counts.

        ``bare_s`` is the median of the first input's graph calls alone and ``paired_s`` that of its whole runs, made in
        turns; both are None where the calls were too many to be repeated, or changed what they read.
        """
        ordered = sorted(self._times_s)
        return {
            "first_s": self._first_s,
            "median_s": statistics.median(ordered),
            "p95_s": ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))],
            "throughput_per_s": len(ordered) / sum(ordered),
            "runs": len(ordered),
            "bare_s": statistics.median(self._bare_s) if self._bare_s else None,
            "paired_s": statistics.median(self._paired_s) if self._paired_s else None,
            "peak_memory_bytes": peak_memory_bytes(),
        }

    def _time(self, item: Any) -> float:
        started = time.perf_counter()
        self._pipeline(item, self._params, Run(cancellation=self._cancellation))
        return time.perf_counter() - started
