"""How long a model takes, and how much of it is the graph: the pipeline and bare ``session.run``, in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workbench.batching import BatchLimits, batches
from workbench.cancellation import Cancellation
from workbench.errors import UsageError
from workbench.runtime.memory import peak_memory_bytes
from workbench.runtime.session import Call, Session
from workbench.tasks.base import Pipeline, Run

__all__ = ["Benchmark", "is_settled"]

# A generation makes a call per token, each with a grown cache; more than this is not kept to be repeated bare.
MAX_RECORDED_CALLS = 64
# A measurement within a budget is over before, once so much time and so many runs agree: the medians of their halves
# differ by no more than a part. Other work of the machine keeps them apart, and takes the budget.
SETTLED_S, SETTLED_RUNS, SETTLED_PART = 2.0, 128, 0.03
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
        batch: int = 1,
    ) -> None:
        """With ``batch``, so many inputs go through the graphs together; raises UsageError where the model cannot."""
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
        self._repeatable = batch == 1 and few and all(call.feeds is not None for call in self._calls)
        self._batch = batch
        self._answered = 0
        if batch > 1:
            self._inputs = [inputs[n % len(inputs)] for n in range(-(-len(inputs) // batch) * batch)]
            self._together(self._gathered()[0])  # what batches need besides is warmed up, too
            self._answered = 0

    def budgeted(self, budget_s: float) -> Iterator[float]:
        """Every input again and again, without bare calls, until so many seconds are spent or the times have settled;
        each at least once, unless that takes :data:`MAX_OVER` times as long. Yields the seconds spent after each.
        """
        started = time.perf_counter()
        spent_s, count = 0.0, 0
        while not count or spent_s < budget_s or (count < len(self._inputs) and spent_s < MAX_OVER * budget_s):
            self._times_s.append(self._time(self._inputs[count % len(self._inputs)]))
            self._answered += 1
            count += 1
            spent_s = time.perf_counter() - started
            yield spent_s
            if count % len(self._inputs) == 0 and spent_s >= SETTLED_S and is_settled(self._times_s, len(self._inputs)):
                break

    def round(self) -> None:
        """Every input once, and after the first input its graph calls bare."""
        if self._batch > 1:
            for gathered in self._gathered():
                started = time.perf_counter()
                self._together(gathered)
                self._times_s.append(time.perf_counter() - started)
            return
        for index, item in enumerate(self._inputs):
            self._times_s.append(self._time(item))
            self._answered += 1
            if index == 0 and self._repeatable:
                self._paired_s.append(self._times_s[-1])
                started = time.perf_counter()
                for call in self._calls:
                    call.session.run(call.outputs, call.feeds)
                self._bare_s.append(time.perf_counter() - started)

    def figures(self) -> dict[str, Any]:
        """Seconds, bytes and counts; seconds are those of a batch, ``throughput_per_s`` counts inputs.

        ``bare_s`` is the median of the first input's graph calls alone and ``paired_s`` that of its whole runs, made in
        turns; both are None where the calls were too many to be repeated, or changed what they read.
        """
        ordered = sorted(self._times_s)
        return {
            "first_s": self._first_s,
            "median_s": statistics.median(ordered),
            "p95_s": ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))],
            "throughput_per_s": self._answered / sum(ordered),
            "runs": len(ordered),
            "bare_s": statistics.median(self._bare_s) if self._bare_s else None,
            "paired_s": statistics.median(self._paired_s) if self._paired_s else None,
            "times_s": ordered,
            "peak_memory_bytes": peak_memory_bytes(),
        }

    def _gathered(self) -> list[list[Any]]:
        """The inputs, as many together as was asked for."""
        limits = self._pipeline.batch_limits
        if limits is None:
            raise UsageError("bench-no-batches")
        if limits.items < self._batch:
            raise UsageError("bench-batch-too-large", batch=self._batch, limit=limits.items)
        return [list(self._inputs[start : start + self._batch]) for start in range(0, len(self._inputs), self._batch)]

    def _together(self, items: Sequence[Any]) -> None:
        """Answer these inputs as a run does: those of one kind and of similar sizes go through the graphs together."""
        run = Run(cancellation=self._cancellation)
        pipeline, limits = self._pipeline, self._pipeline.batch_limits
        if limits is None:
            raise UsageError("bench-no-batches")
        prepared = [pipeline.preprocess(item, self._params, run) for item in items]
        shares = [pipeline.batch_share(item, self._params) for item in prepared]
        for indices in batches(shares, BatchLimits(self._batch, limits.size)):
            group = [prepared[index] for index in indices]
            run.cancellation.check()
            if len(group) == 1:
                found = [pipeline.forward(group[0], self._params, run)]
            else:
                found = pipeline.forward_batch(group, self._params, run)
            for item, outputs in zip(group, found, strict=True):
                pipeline.postprocess(outputs, item, self._params, run)
        self._answered += len(items)

    def _time(self, item: Any) -> float:
        started = time.perf_counter()
        self._pipeline(item, self._params, Run(cancellation=self._cancellation))
        return time.perf_counter() - started


def is_settled(times_s: Sequence[float], inputs: int) -> bool:
    """Whether more runs would hardly tell another median. ``times_s`` are those of ``inputs`` in turns, again and
    again; each half is of whole turns, so that both are of the same inputs."""
    half = len(times_s) // inputs // 2 * inputs
    if len(times_s) < SETTLED_RUNS or not half:
        return False
    first, second = statistics.median(times_s[:half]), statistics.median(times_s[-half:])
    return abs(first - second) <= SETTLED_PART * min(first, second)
