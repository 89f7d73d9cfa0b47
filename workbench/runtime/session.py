"""Graphs loaded by onnxruntime: sessions that tell which provider they got, can be cancelled and keep time."""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # must be set before onnxruntime is imported: its wheel calls home otherwise

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnxruntime as ort

from workbench.errors import Cancelled, EngineError, Notice, WorkbenchError
from workbench.providers import PROVIDERS, short_provider
from workbench.runtime.binding import Binding, stoppable
from workbench.runtime.opening import (
    EXACT_INT8,
    SessionOptions,
    available_providers,
    first_line,
    is_memory,
    open_graph,
    runtime_version,
)
from workbench.tasks.base import Array, Outputs, Run

__all__ = ["EXACT_INT8", "Call", "Session", "SessionOptions", "available_providers", "runtime_version"]

DTYPES: dict[str, str] = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(bool)": "bool",
}


Value = TypeVar("Value")


@dataclass(frozen=True)
class Call:
    """One call of onnxruntime, kept so that it can be repeated bare; ``feeds`` is None where that cannot be done, since
    the call changed the memory that it read."""

    session: ort.InferenceSession
    outputs: list[str]
    feeds: dict[str, Array] | None


class Session:
    """One graph, loaded. ``run`` is for one thread at a time; cancelling is for any."""

    def __init__(self, path: Path, options: SessionOptions | None = None) -> None:
        """Raises ModelError for what is not a whole graph, ProviderError where a named provider cannot be had."""
        self.path = path
        self.recorded: list[Call] | None = None  # a benchmark has its calls noted here
        self.before_call: Callable[[], None] | None = None  # called before each run of the graph
        opened = open_graph(path, options or SessionOptions())
        self._nodes = opened.nodes
        self._session = opened.session
        self.providers_tried = opened.tried
        self.providers_got: tuple[str, ...] = tuple(opened.session.get_providers())
        self.fallback_reason: Notice | None = opened.reason
        self.input_names = tuple(item.name for item in self._session.get_inputs())
        self.output_names = tuple(item.name for item in self._session.get_outputs())

    @cached_property
    def places(self) -> list[dict[str, Any]]:
        """Which provider took how many nodes: ``provider`` (short), ``nodes``, ``operators`` (nodes by operator, most
        first), ``reason`` and ``notice`` (why they fell back to it, as a text and as a code; none where it is the
        provider that was to take all)."""
        first = self.providers_tried[0]
        rows: dict[str, dict[str, int]] = {}
        for (provider, operator), count in self._nodes.most_common():
            rows.setdefault(provider, {})[operator] = count
        asked = short_provider(first)
        not_taken = self.fallback_reason or Notice.of("nodes-not-taken", provider=asked)
        return [
            {
                "provider": short_provider(provider),
                "nodes": sum(operators.values()),
                "operators": operators,
                "reason": "" if provider == first else str(not_taken),
                "notice": None if provider == first else not_taken.to_json(),
            }
            for provider, operators in sorted(rows.items(), key=lambda row: row[0] != first)
        ]

    def end_profile(self) -> Path:
        """Close the file of times that ``SessionOptions.profile`` asked for. The session stays usable."""
        return Path(self._session.end_profiling())

    @cached_property
    def _device(self) -> str:
        known = {item.onnxruntime: item.device for item in PROVIDERS.values()}
        return known.get(self.providers_got[0], "cpu")

    @cached_property
    def input_dtypes(self) -> Mapping[str, np.dtype[Any]]:
        return {item.name: np.dtype(DTYPES.get(item.type, "O")) for item in self._session.get_inputs()}

    @cached_property
    def optional_inputs(self) -> Mapping[str, np.dtype[Any]]:
        """Inputs that have a default, by their types."""
        found = self._session.get_overridable_initializers()
        return {item.name: np.dtype(DTYPES.get(item.type, "O")) for item in found}

    @cached_property
    def input_shapes(self) -> Mapping[str, tuple[int | str | None, ...]]:
        """Sizes of each input; a name or None where the size is free."""
        return {item.name: tuple(item.shape) for item in self._session.get_inputs()}

    def run(self, feeds: Mapping[str, Array], run: Run, outputs: tuple[str, ...] | None = None) -> Outputs:
        """The outputs (all, or those named) for these inputs. Adds its time to ``run`` under ``"session"``.

        Raises Cancelled when the run's cancellation was asked for, before or while the graph ran.
        """
        names = list(outputs if outputs is not None else self.output_names)
        if self.recorded is not None:
            self.recorded.append(Call(self._session, names, dict(feeds)))
        values = self._watched(run, lambda settings: self._session.run(names, dict(feeds), settings))
        return dict(zip(names, values, strict=True))

    def tried(self, feeds: Mapping[str, Array], outputs: tuple[str, ...]) -> Outputs | None:
        """The outputs for these inputs, None where the graph fails on them, which is then not logged."""
        settings = ort.RunOptions()
        settings.log_severity_level = 4
        try:
            values = self._session.run(list(outputs), dict(feeds), settings)
        except Exception:
            return None
        return dict(zip(outputs, values, strict=True))

    def bind(self) -> Binding:
        """Memory for inputs and outputs that stays from run to run."""
        return Binding(self._session.io_binding(), self._device, self._run_bound)

    def _run_bound(self, binding: ort.IOBinding, settings: ort.RunOptions, run: Run) -> None:
        if self.recorded is not None:
            self.recorded.append(Call(self._session, [], None))
        self._timed(run, lambda: self._session.run_with_iobinding(binding, settings))

    def _watched(self, run: Run, call: Callable[[ort.RunOptions], Value]) -> Value:
        settings, stop = stoppable()
        with run.cancellation.calling(stop):
            return self._timed(run, lambda: call(settings))

    def _timed(self, run: Run, call: Callable[[], Value]) -> Value:
        started = time.perf_counter()
        if self.before_call is not None:
            self.before_call()
        run.cancellation.check()
        try:
            value = call()
        except Exception as error:
            if run.cancellation.requested:
                raise Cancelled from error
            raise _run_failure(self.path, error) from error
        run.times_s["session"] = run.times_s.get("session", 0.0) + time.perf_counter() - started
        return value


def _run_failure(path: Path, error: Exception) -> WorkbenchError:
    reason = first_line(error)
    if is_memory(reason):
        return EngineError("engine-out-of-memory", model=path.name)
    return EngineError("graph-failed", file=path.name, reason=reason)
