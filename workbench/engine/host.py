"""The parent side of the engine: starts it, restarts it when it dies, and turns its end into one clear error."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from workbench.cancellation import Cancellation
from workbench.children import Child, ChildGone, module_command
from workbench.errors import Cancelled, EngineError, Notice
from workbench.wire import Message

__all__ = ["EngineHost", "engine_environment"]

CRASH_LIMIT = 3
CRASH_WINDOW_S = 60.0


TUNABLES = "GLIBC_TUNABLES"
# glibc asks the system for pages of 2 MB where it has them. A step of a language model reads all weights once, and with
# pages of 4 KB it waits for their addresses, too. So that most weights lie in large ones, what is smaller than such a
# page must not get memory of its own, and all threads must use the one heap that grows without end: of SmolLM2 in int8
# 206 of 228 MB do then, and 42 without the last two. It writes 5 to 20 % more tokens a second than with small pages.
# A step asks for some 3,500 small pieces besides, more of a size than a thread keeps at hand (7): all of them at hand
# take a third less time, which is a sixtieth of the step.
MALLOC = {
    "glibc.malloc.hugetlb": "1",
    "glibc.malloc.mmap_threshold": str(32 << 20),
    "glibc.malloc.arena_max": "1",
    "glibc.malloc.tcache_count": "4096",
}


def engine_environment() -> dict[str, str]:
    """The environment of the engine: telemetry off before onnxruntime is imported, no hub, UTF-8 on every system, large
    pages where the C library is glibc (others do not look at the variable) and the user has not decided otherwise."""
    tunables = [item for item in os.environ.get(TUNABLES, "").split(":") if item]
    decided = {item.partition("=")[0] for item in tunables}
    tunables += [f"{name}={value}" for name, value in MALLOC.items() if name not in decided]
    return os.environ | {
        "ORT_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUTF8": "1",
        TUNABLES: ":".join(tunables),
    }


class EngineHost:
    """One engine process, started with the first request (or by :meth:`start`) and again after it died.

    Requests may come from many threads.
    """

    def __init__(self, memory_budget_bytes: int | None = None, on_log: Callable[[str], None] | None = None) -> None:
        self._budget_bytes = memory_budget_bytes
        self._on_log = on_log
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._crashes: deque[tuple[float, Notice]] = deque(maxlen=CRASH_LIMIT)
        self._closed = False
        self._providers: tuple[str, ...] = ()
        # What runs of this session told of providers that failed, with the reason; whoever runs models keeps it here.
        self.failed_providers: dict[tuple[Any, ...], tuple[str, Notice | str]] = {}

    @property
    def providers(self) -> tuple[str, ...]:
        """Short names of the providers that the engine's onnxruntime was built with; empty before its first start."""
        return self._providers

    @property
    def pid(self) -> int | None:
        """The process id of the running engine; None where there is none."""
        child = self._child
        return None if child is None or child.gone else child.pid

    def start(self) -> None:
        """Start the engine and wait until it is ready; done early, nobody waits for it later. Raises EngineError."""
        self._running()

    def call(
        self,
        method: str,
        body: Mapping[str, Any],
        *,
        doing: Notice,
        on_event: Callable[[Message], None] | None = None,
        cancellation: Cancellation | None = None,
    ) -> Mapping[str, Any]:
        """Do one request and return the body of its result. ``doing`` says what it is, for errors.

        Raises WorkbenchError (EngineError if the engine died of it) or Cancelled. After a crash the engine has been
        started again when this raises. A request that was only in the way of another's forced end is done once more.
        """
        while True:
            child = self._running()
            pending = child.request({"method": method, **body}, on_event)
            try:
                return pending.wait(cancellation)
            except ChildGone as gone:
                if self._closed:
                    raise Cancelled from gone
                if not child.killed:
                    raise self._crashed(child, gone, doing) from gone

    def close(self) -> None:
        """End the engine. Requests in flight raise Cancelled."""
        with self._lock:
            self._closed = True
            child, self._child = self._child, None
        if child:
            child.close()

    def _running(self) -> Child:
        with self._lock:
            if self._closed:
                raise Cancelled
            if self._child is not None and self._child.gone is None:
                return self._child
            if self._child is not None:
                self._child.close()
            self._child = self._spawn()
            return self._child

    def _spawn(self) -> Child:
        try:
            child = Child("engine", module_command("workbench.engine"), engine_environment(), self._on_log)
            self._providers = tuple(child.hello().get("providers", ()))
        except ChildGone as gone:
            from workbench.doctor.wheels import runtime_problem  # only where something is wrong

            detail = runtime_problem() or (gone.log.splitlines()[-1] if gone.log else gone.how)
            raise EngineError("engine-not-started", detail=detail) from gone
        if self._budget_bytes is not None:
            child.request({"method": "configure", "memory_budget_bytes": self._budget_bytes}).wait()
        return child

    def _crashed(self, child: Child, gone: ChildGone, doing: Notice) -> EngineError:
        """Note a crash once per process, and start the engine again unless it keeps dying."""
        now = time.monotonic()
        with self._lock:
            if self._child is child:
                self._crashes.append((now, doing))
                child.close()
                self._child = None
        recent = [what for when, what in self._crashes if now - when < CRASH_WINDOW_S]
        if len(recent) >= CRASH_LIMIT:
            return EngineError("engine-keeps-stopping", count=len(recent), seconds=int(CRASH_WINDOW_S), doing=doing)
        self._running()
        return EngineError("engine-stopped", doing=doing, how=gone.how)
