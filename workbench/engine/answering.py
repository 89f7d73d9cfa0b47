"""The inputs of a run through a pipeline: one by one, or several at once where the pipeline can.

With batches, inputs are taken in by windows. Those of a window are prepared, sorted into batches of similar sizes and
answered batch by batch; answers go out in the order of the inputs, as soon as all before them are there. The first
windows are small, so that the first answers come soon, and none grows so large that memory would tell.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.batching import BatchLimits, batches
from workbench.errors import EngineError, WorkbenchError
from workbench.results import Result
from workbench.tasks.base import Outputs, Pipeline, Run

__all__ = ["Answered", "answer_all"]

# How many inputs the first window has, and the largest; each has twice as many as the one before.
FIRST_WINDOW, LARGEST_WINDOW = 8, 256
# A window ends earlier where its inputs fill so many batches.
WINDOW_BATCHES = 8


@dataclass
class Answered:
    """What became of one input: ``result`` or ``error``. ``run`` has its warnings and times."""

    index: int
    run: Run
    result: Result | None = None
    error: WorkbenchError | None = None
    prepared: Any = field(default=None, repr=False)

    @property
    def open(self) -> bool:
        return self.result is None and self.error is None


def answer_all(
    pipeline: Pipeline,
    inputs: Sequence[Any],
    params: Mapping[str, Any],
    run_for: Callable[[int], Run],
    done: Callable[[Answered], None],
) -> Generator[None, None, None]:
    """Answer all inputs, in their order, by ``done``; yields often, so that others may go first.

    A bad input gets its error in its place and stops nothing else.
    """
    start, size = 0, FIRST_WINDOW
    while start < len(inputs):
        limits = pipeline.batch_limits if len(inputs) > 1 else None
        if limits is None:
            item = Answered(start, run_for(start))
            _alone(pipeline, inputs[start], params, item)
            done(item)
            start += 1
            yield
        else:
            window = yield from _prepared(pipeline, inputs, params, run_for, start, size, limits)
            yield from _answered(pipeline, window, params, limits, done)
            start, size = start + len(window), min(2 * size, LARGEST_WINDOW)


def _alone(pipeline: Pipeline, value: Any, params: Mapping[str, Any], item: Answered) -> None:
    started = time.perf_counter()
    try:
        item.result = pipeline(value, params, item.run)
    except WorkbenchError as error:
        item.error = error
    item.run.times_s["total"] = time.perf_counter() - started


def _prepared(
    pipeline: Pipeline,
    inputs: Sequence[Any],
    params: Mapping[str, Any],
    run_for: Callable[[int], Run],
    start: int,
    size: int,
    limits: BatchLimits,
) -> Generator[None, None, list[Answered]]:
    """The next inputs, prepared: as many as ``size``, or as fill some batches."""
    window: list[Answered] = []
    total = 0
    for index in range(start, min(start + size, len(inputs))):
        item = Answered(index, run_for(index))
        window.append(item)
        try:
            with item.run.timed("preprocess"):
                item.prepared = pipeline.preprocess(inputs[index], params, item.run)
            total += pipeline.batch_share(item.prepared, params).size
        except WorkbenchError as error:
            item.error = error
        if total >= limits.size * WINDOW_BATCHES:
            break
        yield
    return window


def _answered(
    pipeline: Pipeline,
    window: Sequence[Answered],
    params: Mapping[str, Any],
    limits: BatchLimits,
    done: Callable[[Answered], None],
) -> Generator[None, None, None]:
    there = [item for item in window if item.open]
    shares = [pipeline.batch_share(item.prepared, params) for item in there]
    waiting = iter(window)
    first = next(waiting, None)
    for batch in [*batches(shares, limits), []]:
        _together(pipeline, [there[index] for index in batch], params)
        while first is not None and not first.open:
            first.run.times_s["total"] = sum(first.run.times_s.values())
            done(first)
            first = next(waiting, None)
        yield


def _together(pipeline: Pipeline, batch: Sequence[Answered], params: Mapping[str, Any]) -> None:
    """Answer the inputs of a batch; where they fail together, each by itself."""
    outputs: list[Outputs | None] = [None] * len(batch)
    if len(batch) > 1:
        run = Run(cancellation=batch[0].run.cancellation)
        try:
            outputs = list(pipeline.forward_batch([item.prepared for item in batch], params, run))
        except EngineError:
            run.times_s.clear()
        for item in batch:
            for step, seconds in run.times_s.items():
                item.run.times_s[step] = item.run.times_s.get(step, 0.0) + seconds / len(batch)
    for item, values in zip(batch, outputs, strict=True):
        try:
            if values is None:
                values = pipeline.forward(item.prepared, params, item.run)
            with item.run.timed("postprocess"):
                item.result = pipeline.postprocess(values, item.prepared, params, item.run)
        except WorkbenchError as error:
            item.error = error
        item.prepared = None
