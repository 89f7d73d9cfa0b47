"""How long the nodes of a model take, by onnxruntime's profiling: each run's times are read out of the files it writes.

On a provider that works beside the processor (CUDA, DirectML), the time of a node is what handing it over took; only
the last of them waits for all.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.cancellation import Cancellation
from workbench.errors import Cancelled, EngineError
from workbench.providers import short_provider
from workbench.runtime.session import Session
from workbench.tasks.base import Pipeline, Run

__all__ = ["Profiled", "node_times"]

# A text makes a call for each token, and a call writes up to a megabyte: of a long one, so many calls are looked at.
MAX_CALLS = 32
# What is inside these has times of its own.
CONTROL_FLOW = frozenset({"If", "Loop", "Scan"})


class Profiled:
    """One input through a model, with :attr:`SessionOptions.profile` in its sessions: once cold, once warm."""

    def __init__(
        self,
        pipeline: Pipeline,
        sessions: Mapping[str, Session],
        item: Any,
        params: Mapping[str, Any],
        cancellation: Cancellation,
    ) -> None:
        self._pipeline, self._sessions, self._item, self._params = pipeline, sessions, item, params
        self._cancellation = cancellation
        self._runs_s: list[float] = []
        self._calls: list[dict[str, int]] = []
        self._cut = False

    def run(self) -> None:
        """Answer the input, up to a number of calls of its graphs. Raises what the pipeline raises, or Cancelled."""
        calls: dict[str, int] = dict.fromkeys(self._sessions, 0)
        enough = Cancellation()

        def watch(graph: str) -> None:
            if sum(calls.values()) == MAX_CALLS:
                enough.cancel()
            else:
                calls[graph] += 1

        for graph, session in self._sessions.items():
            session.before_call = lambda graph=graph: watch(graph)
        started = time.perf_counter()
        try:
            with self._cancellation.calling(enough.cancel):
                self._pipeline(self._item, self._params, Run(cancellation=enough))
        except Cancelled:
            self._cancellation.check()
            self._cut = True
        finally:
            for session in self._sessions.values():
                session.before_call = None
        self._runs_s.append(time.perf_counter() - started)
        self._calls.append(calls)

    def figures(self) -> dict[str, Any]:
        """Seconds of the first and of the last run, ``times`` of the nodes of the last, as ``{"graph", "provider",
        "operators": seconds by operator}``; ``calls`` of the graphs that it made, and whether there would be more."""
        times = []
        for graph, session in self._sessions.items():
            for provider, operators in node_times(session.end_profile(), self._calls[-1][graph]).items():
                times.append({"graph": graph, "provider": short_provider(provider), "operators": operators})
        return {
            "first_s": self._runs_s[0],
            "steady_s": self._runs_s[-1],
            "times": times,
            "calls": sum(self._calls[-1].values()),
            "cut": self._cut,
        }


def node_times(profile: Path, calls: int) -> dict[str, dict[str, float]]:
    """Seconds by provider and operator of the last ``calls`` runs of the graph in a file of onnxruntime's profiling.

    Raises EngineError for a file that cannot be read.
    """
    runs: list[float] = []
    nodes: list[tuple[float, str, str, float]] = []
    try:
        with profile.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:  # one event a line: such a file may be too large to be read at once
                event = _event(line)
                if event.get("name") == "model_run":
                    runs.append(float(event["ts"]))
                elif event.get("cat") == "Node" and str(event.get("name", "")).endswith("_kernel_time"):
                    about = event["args"]
                    if about["op_name"] not in CONTROL_FLOW:
                        nodes.append((float(event["ts"]), about["provider"], about["op_name"], float(event["dur"])))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError("profile-unreadable", file=profile, reason=f"{type(error).__name__}: {error}") from error
    return _summed(nodes, sorted(runs)[-calls] if 0 < calls <= len(runs) else float("inf"))


def _event(line: str) -> dict[str, Any]:
    text = line.strip().rstrip(",")
    value = json.loads(text) if text.startswith("{") else {}
    return value if isinstance(value, dict) else {}


def _summed(nodes: Sequence[tuple[float, str, str, float]], since: float) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for start, provider, operator, microseconds in nodes:
        if start >= since:
            found[provider or "CPUExecutionProvider"][operator] += microseconds / 1e6
    return {provider: dict(operators) for provider, operators in found.items()}
