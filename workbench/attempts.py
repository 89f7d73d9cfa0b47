"""Inputs through the engine, once: the answers as they come, and whether the CPU is to do what a provider did not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.cancellation import Cancellation
from workbench.engine.host import EngineHost
from workbench.engine.request import ModelChoice
from workbench.errors import EngineError, Notice, WorkbenchError, error_from_wire
from workbench.packing import unpack
from workbench.providers import PROVIDERS, short_provider
from workbench.reports import ItemReport
from workbench.results import Result
from workbench.wire import Message

__all__ = ["Attempt", "Listeners"]

# The engine is gone; the graph failed in it, or had no memory.
ENGINE_DIED = ("engine-stopped", "engine-keeps-stopping")
PROVIDER_FAILED = ("graph-failed", "engine-out-of-memory")


@dataclass(frozen=True)
class Listeners:
    item: Callable[[int, ItemReport], None] | None
    partial: Callable[[int, Result], None] | None
    progress: Callable[[Mapping[str, Any]], None] | None


class Attempt:
    """Inputs through one choice, once. ``items`` are the answers, ``facts`` what the engine says of the model."""

    def __init__(
        self,
        choice: ModelChoice,
        inputs: Sequence[Any],
        params: Mapping[str, Any],
        priority: str,
        listeners: Listeners,
        *,
        last: bool = False,
    ) -> None:
        self._choice, self._inputs, self._params, self._priority = choice, inputs, params, priority
        self._listeners = listeners
        self._last = last
        self.items: dict[int, ItemReport] = {}
        self.facts: Mapping[str, Any] = {}
        self._built_in: tuple[str, ...] = ()
        self._failed: dict[int, WorkbenchError] = {}

    @property
    def got(self) -> tuple[str, ...]:
        """Short names of the providers that run, as soon as that is known."""
        return tuple(short_provider(name) for name in self.facts.get("providers", ()))

    @property
    def provider(self) -> str:
        """The provider that does the work, or was to do it."""
        if self.got:
            return self.got[0]
        wanted = self._choice.provider
        if wanted == "auto":
            return next(iter(self._built_in), "cpu")
        known = PROVIDERS.get(wanted)
        return wanted if wanted in self._built_in or (known and known.module) else "cpu"

    @property
    def open(self) -> tuple[int, ...]:
        """The inputs that have no answer yet."""
        return tuple(index for index in range(len(self._inputs)) if index not in self.items)

    def run(self, host: EngineHost, indices: Sequence[int], cancellation: Cancellation | None) -> Notice | str | None:
        """Answer these inputs. Why the CPU is to do the rest, None where all are answered. Raises WorkbenchError."""

        def receive(message: Message) -> None:
            body = message.body
            if message.kind == "progress":
                if self._listeners.progress:
                    self._listeners.progress(body)
            elif "model" in body:
                self.facts = body["model"]
            elif "stream" in body:
                if self._listeners.partial:
                    self._listeners.partial(indices[body["index"]], unpack(body["stream"]))
            else:
                self._take(indices[body["index"]], body)

        body = {
            "model": self._choice.to_body(),
            "inputs": [self._inputs[index] for index in indices],
            "params": dict(self._params),
            "priority": self._priority,
        }
        doing = Notice.of("doing-run", model=self._choice.name, task=self._choice.task)
        try:
            self.facts = host.call("run", body, doing=doing, on_event=receive, cancellation=cancellation)
        except EngineError as error:
            self._built_in = host.providers
            if error.code not in ENGINE_DIED or not self._may_move:
                raise
            return error.arguments.get("how") or Notice(error.code, error.arguments)
        return next((Notice(error.code, error.arguments) for error in self._failed.values()), None)

    @property
    def _may_move(self) -> bool:
        """Whether what fails may be run on the CPU: something else runs it now, and the user does not insist."""
        willing = self._choice.provider == "auto" or self._choice.allow_fallback
        return willing and not self._last and self._choice.provider != "cpu" and self.provider != "cpu"

    def _take(self, index: int, body: Mapping[str, Any]) -> None:
        item = _item(self._inputs[index], body)
        if item.error is not None and item.error.code in PROVIDER_FAILED and self._may_move:
            self._failed[index] = item.error
            return
        self.items[index] = item
        if self._listeners.item:
            self._listeners.item(index, item)


def _item(item: Any, body: Mapping[str, Any]) -> ItemReport:
    return ItemReport(
        input=item,
        result=unpack(body["result"]) if "result" in body else None,
        error=error_from_wire(body["error"]) if "error" in body else None,
        warnings=tuple(Notice.from_json(value) for value in body["warnings"]),
        times_s=body["times_s"],
    )
