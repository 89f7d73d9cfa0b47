"""What is done with a loaded model, as steps between which other requests may go first."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.cancellation import Cancellation
from workbench.engine.answering import Answered, answer_all
from workbench.engine.loading import LoadedModel
from workbench.engine.recording import record
from workbench.engine.verification import verify
from workbench.engine.worker import Steps
from workbench.errors import InputError, error_to_wire
from workbench.packing import pack
from workbench.results import Result
from workbench.runtime.benchmark import Benchmark
from workbench.runtime.profiles import Profiled
from workbench.tasks.base import Run
from workbench.tasks.catalog import task_info

__all__ = ["bench_steps", "places_steps", "record_steps", "run_steps", "verify_steps"]

Send = Callable[[Any, Mapping[str, Any]], None]


def run_steps(
    model: LoadedModel, body: Mapping[str, Any], cancellation: Cancellation, send: Send, result: dict[str, Any]
) -> Steps:
    """Answer each of ``body["inputs"]``, in their order. Each answer goes out as a ``partial`` of its own, so that
    memory stays flat.

    A bad input gets its error in its place and stops nothing else.
    """
    result |= model.facts()
    send("partial", {"model": result})  # before any graph runs, so that the front knows what it died on

    def done(item: Answered) -> None:
        answer: dict[str, Any]
        answer = {"result": pack(item.result)} if item.result is not None else {}
        if item.error is not None:
            answer = {"error": error_to_wire(item.error)}
        answer |= {
            "index": item.index,
            "warnings": [notice.to_json() for notice in item.run.notices],
            "times_s": item.run.times_s,
        }
        send("partial", answer)

    def run_for(index: int) -> Run:
        return _run_for(index, cancellation, send)

    yield from answer_all(model.pipeline, body["inputs"], body["params"], run_for, done)


def bench_steps(
    model: LoadedModel, body: Mapping[str, Any], cancellation: Cancellation, send: Send, result: dict[str, Any]
) -> Steps:
    """Time ``body["inputs"]`` again and again, and the same graphs by bare ``session.run`` in between.

    ``budget_s``: no further round begins after so many seconds; without ``rounds`` the inputs alone are timed for so
    long. ``batch``: so many inputs go together. ``skip_unreadable``: those that can be read.
    """
    inputs = body["inputs"]
    if body.get("skip_unreadable"):
        inputs = _readable(model, inputs, body["params"], cancellation)
    bench = Benchmark(model.pipeline, model.sessions, inputs, body["params"], cancellation, int(body.get("batch", 1)))
    if "rounds" not in body:
        for spent_s in bench.budgeted(body["budget_s"]):
            done = min(spent_s, body["budget_s"])
            send("progress", {"stage": "bench", "done": done, "total": body["budget_s"], "unit": "s"})
            yield
    else:
        ends = time.perf_counter() + float(body.get("budget_s") or float("inf"))
        for round_ in range(int(body["rounds"])):
            bench.round()
            send("progress", {"stage": "bench", "done": round_ + 1, "total": body["rounds"], "unit": "rounds"})
            yield
            if time.perf_counter() > ends:
                break
    result |= model.facts() | bench.figures()


def _readable(
    model: LoadedModel, inputs: Sequence[Any], params: Mapping[str, Any], cancellation: Cancellation
) -> list[Any]:
    """The inputs without those that cannot be read. Raises InputError where none can."""
    readable, last = [], None
    for item in inputs:
        try:
            model.pipeline.preprocess(item, params, Run(cancellation=cancellation))
        except InputError as error:
            last = error
        else:
            readable.append(item)
    if last is not None and not readable:
        raise last
    return readable


def verify_steps(
    model: LoadedModel, body: Mapping[str, Any], cancellation: Cancellation, send: Send, result: dict[str, Any]
) -> Steps:
    """Compare with the recorded answers in ``body["reference"]``; see :func:`workbench.engine.verification.verify`."""
    comparison = yield from verify(
        model.pipeline,
        body["reference"],
        body["params"],
        cancellation,
        send,
        skip_unreadable=bool(body.get("skip_unreadable")),
    )
    result |= model.facts() | comparison


def record_steps(
    model: LoadedModel, body: Mapping[str, Any], cancellation: Cancellation, send: Send, result: dict[str, Any]
) -> Steps:
    """Write what this variant answers to ``body["inputs"]`` into the folder ``body["reference"]``."""
    result |= yield from record(
        model.pipeline,
        task_info(body["model"]["task"]),
        body["inputs"],
        body["params"],
        Path(body["reference"]),
        cancellation,
        send,
    )


def places_steps(
    model: LoadedModel, body: Mapping[str, Any], cancellation: Cancellation, send: Send, result: dict[str, Any]
) -> Steps:
    """Which nodes of a profiled model run where, and how long they take for ``body["input"]`` once it is warm."""
    profiled = Profiled(model.pipeline, model.sessions, body["input"], body["params"], cancellation)
    for stage in ("warming up", "measuring"):
        send("progress", {"stage": stage, "done": 0, "total": 0, "unit": ""})
        profiled.run()
        yield
    result |= model.facts() | profiled.figures()
    if model.profiles is not None:
        model.profiles.cleanup()


def _run_for(index: int, cancellation: Cancellation, send: Send) -> Run:
    def partial(value: Result) -> None:
        send("partial", {"index": index, "stream": pack(value)})

    def progress(stage: str, done: float, total: float, unit: str) -> None:
        send("progress", {"index": index, "stage": stage, "done": done, "total": total, "unit": unit})

    return Run(cancellation=cancellation, on_partial=partial, on_progress=progress)
